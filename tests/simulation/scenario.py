"""Days of requests in; the life of an installation in which everything goes wrong, until all is quiet, out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from contracts.messages import Command, ImportEnd, UsageEvent
from detector.store.leads import LeadFilter
from ingest.batcher import BusyError
from ingest.core.placement import Placed, place
from runtime.points import set_hook
from tests.simulation.chaos import Chaos, Crash
from tests.simulation.machine import NO_ANSWER, TROUBLE, Detector, Machine, losses
from tests.simulation.story import DAY_MS, Day, Request

STEPS_MAX = 400
ROUNDS_MAX = 120
ROUND_MS = 180_000
TURNS_MAX = 200
TROUBLE_MS = 1_000
AFTERWARDS = tuple(days * DAY_MS for days in (2, 10))
"""After the last day, when all that only time tells has come about: cooldowns, trials, what does not come."""


class Scenario:
    """The processes of a machine, turned one after another by the dice, and killed, robbed and delayed by them."""

    def __init__(self, machine: Machine, chaos: Chaos, days: Sequence[Day]) -> None:
        self.machine = machine
        self.chaos = chaos
        self.days = days
        self.requests: list[Request] = []
        self.command: Command | None = None
        self.told: list[str] = []
        """The ids of commands that the log has taken."""
        self.ingest = machine.new_ingest()
        self.detector = self.new_detector()
        self.notifier = machine.new_notifier()
        self.running: Detector | None = None
        self.zombies: list[Detector] = []
        self.at_theft: dict[str, list[Any]] = {}
        """What was stored when the running worker's partitions were taken in the middle of its turn."""

    def play(self) -> None:
        set_hook(self.reached)
        try:
            for day in self.days:
                self.chaos.on = True
                self.machine.now = max(self.machine.now, day.at)
                self.requests = list(day.requests)
                for _ in range(STEPS_MAX):
                    self.step()
                    if not self.requests and self.chaos.dice.random() < 0.3:
                        break
                assert not self.requests, "the requests do not get through"
            self.chaos.on = False
            while self.command is not None:
                self.tell()
            self.end()
        finally:
            set_hook(None)
            for process in (*self.zombies, self.detector):
                process.worker.close()

    def play_calmly(self) -> None:
        """The same with nothing going wrong."""
        try:
            for day in self.days:
                self.machine.now = max(self.machine.now, day.at)
                self.requests = list(day.requests)
                while self.requests:
                    self.send()
                self.settle(told=False)
            self.end(told=False)
        finally:
            self.detector.worker.close()

    def end(self, *, told: bool = True) -> None:
        """Time passes until it tells nothing more."""
        self.settle(told=told)
        for after in AFTERWARDS if self.days else ():
            self.machine.now = max(self.machine.now, self.days[-1].at + after)
            self.settle(told=told)

    # what may happen next

    def step(self) -> None:
        dice = self.chaos.dice
        self.machine.now += dice.randint(100, 3_000)
        if self.chaos.happens("clock back", 0.02):
            self.machine.now -= dice.randint(1_000, 90_000)
        if self.chaos.happens("clock forth", 0.02):
            self.machine.now += dice.randint(1_000, 60_000)
        if self.chaos.happens("rebalance", 0.015):
            first = self.rebalance()
            self.zombies += [first] if first.holding else []
        late = self.machine.log.late
        if late and dice.random() < 0.2:
            late.pop(dice.randrange(len(late)))()
        if self.zombies and dice.random() < 0.1:
            self.zombie_back()
        actions: list[Callable[[], Any]] = [self.detect, self.detect, self.notify]
        if self.spooled():
            actions += [self.drain, self.drain]
        if self.requests:
            actions += [self.send, self.send]
        if dice.random() < 0.15:
            actions = [self.tell]
        dice.choice(actions)()

    def send(self) -> None:
        """The client sends what it has not been told is safe, in order."""
        count = self.chaos.dice.choice((1, 1, 2)) if all(isinstance(each, list) for each in self.requests[:2]) else 1
        try:
            self.request(self.requests[:count])
        except Crash:
            self.ingest = self.machine.new_ingest()
        except (*NO_ANSWER, *TROUBLE):
            pass
        else:
            if not self.chaos.happens("request doubled", 0.1):
                del self.requests[:count]

    def request(self, requests: Sequence[Request]) -> None:
        (first, *_) = requests
        if isinstance(first, str):
            if self.spooled():  # what was sent before it is judged before it
                raise BusyError
            self.machine.apply_rulebook(another=first == "another")
        elif isinstance(first, ImportEnd):
            self.machine.end_import(self.ingest, first)
        else:
            for refused in self.ingest.append_now([self.placed(each) for each in requests if isinstance(each, list)]):
                if refused is not None:
                    raise refused

    def spooled(self) -> bool:
        return self.machine.spooling is not None and self.machine.spooling.spooling

    def drain(self) -> None:
        """What the spool's thread does."""
        assert self.machine.spooling is not None
        try:
            self.machine.spooling.drain_once()
        except Crash:
            self.ingest = self.machine.new_ingest()

    def tell(self) -> None:
        """Sales tells something, again and again until it is told that the log has it."""
        self.command = self.command or self.something()
        if self.command is None:
            return
        try:
            self.machine.run(self.machine.commander.tell(self.command))
        except (Crash, *NO_ANSWER):
            return
        self.told.append(self.command.id)
        if not self.chaos.happens("command doubled", 0.3):
            self.command = None

    def something(self) -> Command | None:
        """About one of the leads, whatever has become of it."""
        dice, leads = self.chaos.dice, self.machine.store.leads.page(LeadFilter(), 100)
        if not leads:
            return None
        lead = dice.choice(leads)
        until = self.machine.now + dice.choice((-1, 1, 20, 60)) * 3_600_000
        name, arguments = dice.choice(
            (
                ("outcome", {"lead": lead.lead_id, "status": dice.choice(("accepted", "opportunity", "lost", "recycled"))}),
                ("outcome", {"lead": lead.lead_id, "status": "accepted"}),
                ("snooze", {"lead": lead.lead_id, "until": until}),
                ("owner", {"lead": lead.lead_id, "email": f"{dice.choice('kl')}@mail.example"}),
                ("opt_out", {"opted_out": dice.random() < 0.5}),
                ("opt_out", {"person": f"p-{lead.account}", "opted_out": dice.random() < 0.5}),
            )
        )
        return Command(id=f"cmd-{len(self.told)}", project="mail", account=lead.account, name=name, arguments=arguments)

    def placed(self, request: list[UsageEvent]) -> Placed:
        now = self.machine.now
        events = [event if event.historical else msgspec.structs.replace(event, received_at=now) for event in request]
        return place(events, [], self.ingest.partitions)

    def detect(self) -> bool:
        """One turn of the detector that has the partitions. False: there was nothing to do."""
        mine = self.running = self.detector
        mine.holding, busy, lost = False, True, losses()
        try:
            busy = mine.worker.run_once(0)
            mine.holding = losses() == lost
        except Crash:
            if mine is self.detector:
                self.detector = self.new_detector()
            mine.worker.close()
        except TROUBLE:
            self.machine.now += TROUBLE_MS
        finally:
            self.running = None
        if mine in self.zombies:
            assert self.machine.stored() == self.at_theft, "a worker changed something after its partitions were taken"
            if not mine.holding:
                self.zombies.remove(mine)
        return busy

    def new_detector(self) -> Detector:
        """Started again and again until it does."""
        while True:
            try:
                return self.machine.new_detector()
            except TROUBLE:
                self.machine.now += TROUBLE_MS

    def notify(self) -> None:
        """One pass of the notifier."""
        try:
            self.machine.notify(self.notifier)
        except Crash:
            self.notifier = self.machine.new_notifier()
        except TROUBLE:
            self.machine.now += TROUBLE_MS

    def rebalance(self) -> Detector:
        """A second worker takes the partitions; the first one, which knows nothing of it, is returned."""
        first, self.detector = self.detector, self.new_detector()
        with self.undisturbed():
            self.detector.worker.run_once(0)
        self.detector.holding = True
        return first

    def zombie_back(self) -> None:
        """A worker goes on that lost its partitions long ago, until it has noticed."""
        zombie = self.zombies.pop(0)
        stored, lost = self.machine.stored(), losses()
        with self.undisturbed(), suppress(*TROUBLE):  # it may learn only now that a commit failed, and is no zombie then
            for _ in range(2):
                zombie.worker.run_once(0)
                if losses() > lost:
                    self.chaos.faults["zombie back"] += 1
                    break
        zombie.worker.close()
        assert self.machine.stored() == stored, "a zombie changed something"

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Nothing goes wrong in here."""
        on, self.chaos.on = self.chaos.on, False
        running, self.running = self.running, None
        set_hook(None)
        try:
            yield
        finally:
            self.chaos.on, self.running = on, running
            set_hook(self.reached)

    def reached(self, label: str) -> None:
        """The hook: does the process die here, or lose its partitions?"""
        if self.chaos.crashes_at(label):
            if self.running is not None:
                self.running.committer.dead = True
            raise Crash(label)
        if self.running is self.detector and self.chaos.steals_at(label):
            self.zombies.append(self.rebalance())
            self.at_theft = self.machine.stored()

    def settle(self, *, told: bool = True) -> None:
        """Nothing new goes wrong, and time passes, until all is quiet. Not `told`: what the notifier would do does not matter."""
        late = self.machine.log.late
        while late:
            late.pop(0)()
        while self.spooled():
            self.drain()
        for _ in range(ROUNDS_MAX):
            for _ in range(TURNS_MAX):
                if not self.detect():
                    break
            else:
                raise AssertionError("the detector does not come to rest")
            if told:
                self.notify()
            if self.machine.is_quiet(told=told):
                break
            self.machine.now += ROUND_MS
        else:
            raise AssertionError("not quiet after six hours")
        while self.zombies:
            self.zombie_back()
