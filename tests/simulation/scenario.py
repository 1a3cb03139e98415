"""One seed in; the life of an installation in which everything goes wrong, until all is quiet, and what came of it, out."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from contracts.messages import LeadEvent, UsageEvent
from detector.store.leads import LeadFilter
from ingest.core.placement import Lines, place
from runtime.points import set_hook
from tests.simulation.chaos import Chaos, Crash
from tests.simulation.edges import Receiver
from tests.simulation.machine import TROUBLE, Detector, Machine, Site, losses
from tests.simulation.story import requests

STEPS_MAX = 400
ROUNDS_MAX = 120
ROUND_MS = 180_000
TURNS_MAX = 200
TROUBLE_MS = 1_000

Lead = tuple[str, str, str, tuple[tuple[Any, ...], ...]]


@dataclass(frozen=True)
class Outcome:
    """What is compared."""

    leads: dict[str, Lead]
    """lead id -> account, type, status, signals."""
    lead_events: dict[str, LeadEvent]
    letters: list[tuple[str, str]]
    """Code and message id of every dead letter."""
    halted: list[str]


class Scenario:
    """The processes of a machine, turned one after another by the dice, and killed, robbed and delayed by them."""

    def __init__(self, machine: Machine, chaos: Chaos, requests: list[list[UsageEvent]]) -> None:
        self.machine = machine
        self.chaos = chaos
        self.requests = requests
        self.ingest = machine.new_ingest()
        self.detector = self.new_detector()
        self.notifier = machine.new_notifier()
        self.running: Detector | None = None
        self.zombies: list[Detector] = []
        self.at_theft: dict[str, list[Any]] = {}
        """What was stored when the running worker's partitions were taken in the middle of its turn."""

    def play(self) -> Outcome:
        set_hook(self.reached)
        try:
            self.chaos.on = True
            for _ in range(STEPS_MAX):
                self.step()
                if not self.requests and self.chaos.dice.random() < 0.1:
                    break
            assert not self.requests, "the requests do not get through"
            self.chaos.on = False
            self.settle()
            return outcome(self.machine)
        finally:
            set_hook(None)
            for process in (*self.zombies, self.detector):
                process.worker.close()

    def play_calmly(self) -> Outcome:
        """The same with nothing going wrong."""
        try:
            for request in self.requests:
                assert self.ingest.append_now([self.placed(request)]) is None
            self.settle()
            return outcome(self.machine)
        finally:
            self.detector.worker.close()

    # what may happen next

    def step(self) -> None:
        dice = self.chaos.dice
        self.machine.now += dice.randint(100, 3_000)
        if self.chaos.happens("clock back", 0.02):
            self.machine.now -= dice.randint(1_000, 90_000)
        if self.chaos.happens("clock forth", 0.02):
            self.machine.now += dice.randint(1_000, 60_000)
        if self.chaos.happens("rebalance", 0.03):
            first = self.rebalance()
            self.zombies += [first] if first.holding else []
        late = self.machine.log.late
        if late and dice.random() < 0.2:
            late.pop(dice.randrange(len(late)))()
        if self.zombies and dice.random() < 0.1:
            self.zombie_back()
        actions: list[Callable[[], Any]] = [self.detect, self.detect, self.notify]
        if self.requests:
            actions += [self.send, self.send]
        dice.choice(actions)()

    def send(self) -> None:
        """The client sends what it has not been told is safe, in order."""
        group = self.requests[: self.chaos.dice.choice((1, 1, 2))]
        try:
            refused = self.ingest.append_now([self.placed(request) for request in group])
        except Crash:
            self.ingest = self.machine.new_ingest()
            return
        if refused is None and not self.chaos.happens("request doubled", 0.1):
            del self.requests[: len(group)]

    def placed(self, request: list[UsageEvent]) -> Lines:
        events = [msgspec.structs.replace(event, received_at=self.machine.now) for event in request]
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

    def settle(self) -> None:
        """Nothing new goes wrong, and time passes, until all is quiet."""
        late = self.machine.log.late
        while late:
            late.pop(0)()
        for _ in range(ROUNDS_MAX):
            for _ in range(TURNS_MAX):
                if not self.detect():
                    break
            else:
                raise AssertionError("the detector does not come to rest")
            self.notify()
            if self.machine.is_quiet():
                break
            self.machine.now += ROUND_MS
        else:
            raise AssertionError("not quiet after six hours")
        while self.zombies:
            self.zombie_back()


def outcome(machine: Machine) -> Outcome:
    leads = {
        row.lead_id: (row.account, row.lead_type, row.status, _signals(row.data))
        for row in machine.store.leads.page(LeadFilter(), 1_000)
    }
    letters = sorted((stored.letter.code, json.loads(stored.letter.body)["id"]) for stored in machine.store.dead_letters_since(0))
    halted = [standing.halted for standing in machine.store.checkpoints.standings() if standing.halted]
    return Outcome(leads, machine.lead_events(), letters, halted)


def _signals(data: str) -> tuple[tuple[Any, ...], ...]:
    signals = json.loads(data)["signals"]
    return tuple((signal["signal_id"], signal["rule"], signal["step"], signal["at"]) for signal in signals)


class Runs:
    """Plays seeds, each beside its calm run and a replay of its log, and counts what went wrong."""

    def __init__(self, folder: Path) -> None:
        self.faults: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.leads = 0
        self._site = Site(folder)

    def play(self, seed: int) -> None:
        """Raises AssertionError if anything came of the seed's faults that may not."""
        chaos = Chaos(seed)
        with self._machine(chaos) as machine:
            got = Scenario(machine, chaos, requests(Random(seed))).play()
            _told(got, machine.receiver)
            records, end = machine.input_records(), machine.now
        with self._machine(Chaos(seed)) as machine:
            expected = Scenario(machine, machine.chaos, requests(Random(seed))).play_calmly()
        with self._machine(Chaos(seed)) as machine:
            machine.replay(records)
            machine.now = end
            again = Scenario(machine, machine.chaos, []).play_calmly()
        assert got.halted == []
        assert got.leads == expected.leads
        assert [letter for letter in got.letters if letter not in expected.letters] == []
        assert got.lead_events == again.lead_events
        assert got.letters == again.letters
        self.faults += chaos.faults
        self.crashes += chaos.crashes
        self.leads += len(got.leads)

    @contextmanager
    def _machine(self, chaos: Chaos) -> Iterator[Machine]:
        machine = Machine(self._site, chaos)
        try:
            yield machine
        finally:
            machine.close()

    def close(self) -> None:
        self._site.close()


def _told(got: Outcome, receiver: Receiver) -> None:
    """Every lead event that is to be told was, at least once, under its own id, and nothing else was."""
    assert set(receiver.got) == set(got.lead_events)
    for webhook_id, body in receiver.got.items():
        assert json.loads(body)["id"] == webhook_id
