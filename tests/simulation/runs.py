"""Seeds in; each played beside its calm run and a replay of its log, compared, and what happened in it counted, out."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.messages import Backfilled, LeadEvent, RulebookSwitch
from detector.changes import CommandRow
from detector.reading import read
from detector.store.leads import LeadFilter
from eventlog.port import Record
from tests.simulation.chaos import Chaos
from tests.simulation.edges import Receiver
from tests.simulation.machine import Machine, Site
from tests.simulation.scenario import Scenario
from tests.simulation.story import story

HAPPENED = (
    *("retracted", "moved", "expired", "told by time alone", "recorded only"),
    *("command applied", "command refused", "import judged"),
)
"""What must be seen to come about under faults."""

BACKFILLED = "rulebook.backfilled.after"
"""The place that only a rulebook reaches that begins facts in the midst of a life."""

Signal = tuple[str, str, str, str | None, int]
Lead = tuple[str, str, str, tuple[tuple[Any, ...], ...]]


@dataclass(frozen=True)
class Outcome:
    """What is compared."""

    signals: set[Signal]
    """Account, lead type, rule, step and time of every signal that stands in a ledger."""
    leads: dict[str, Lead]
    """lead id -> account, type, status, signals."""
    lead_events: dict[str, LeadEvent]
    commands: dict[str, CommandRow | None]
    letters: list[tuple[str, str]]
    """Code and message id of every dead letter."""
    halted: list[str]


def outcome(machine: Machine, commands: list[str]) -> Outcome:
    """`commands`: the ids of those to look up."""
    signals = {
        (account.external_id, signal.lead_type, rule, signal.step, signal.qualified_at)
        for account in machine.accounts()
        for rule, state in account.ledger.rules.items()
        for signal in state.signals
    }
    leads = {
        row.lead_id: (row.account, row.lead_type, row.status, _signals(row.data))
        for row in machine.store.leads.page(LeadFilter(), 1_000)
    }
    letters = sorted((stored.letter.code, json.loads(stored.letter.body)["id"]) for stored in machine.store.dead_letters_since(0))
    halted = [standing.halted for standing in machine.store.checkpoints.standings() if standing.halted]
    return Outcome(signals, leads, machine.lead_events(), machine.commands(commands), letters, halted)


def _signals(data: str) -> tuple[tuple[Any, ...], ...]:
    signals = json.loads(data)["signals"]
    return tuple((signal["signal_id"], signal["rule"], signal["step"], signal["at"]) for signal in signals)


class Runs:
    def __init__(self, folder: Path) -> None:
        self.faults: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.leads = 0
        self._site = Site(folder)

    def play(self, seed: int) -> None:
        """Raises AssertionError if anything came of the seed's faults that may not."""
        chaos, days = Chaos(seed), story(seed, in_order=False)
        with self._machine(chaos) as machine:
            scenario = Scenario(machine, chaos, days)
            scenario.play()
            got = outcome(machine, scenario.told)
            _told(got, machine.receiver)
            records, end = machine.deciding_records(), machine.now
        with self._machine(Chaos(seed)) as machine:
            Scenario(machine, machine.chaos, story(seed, in_order=True)).play_calmly()
            expected = outcome(machine, [])
        with self._machine(Chaos(seed)) as machine:
            machine.replay(records)
            machine.now = end
            Scenario(machine, machine.chaos, []).play_calmly()
            again = outcome(machine, scenario.told)
        assert got.halted == []
        assert None not in got.commands.values()
        assert got.signals == expected.signals
        assert [letter for letter in got.letters if letter not in expected.letters] == []
        assert got.signals == again.signals
        assert got.leads == again.leads
        assert got.lead_events == again.lead_events
        assert got.commands == again.commands
        self._count(got, {time for day in days for time in day.times})
        self.faults += chaos.faults
        self.crashes += chaos.crashes

    def switch(self, seed: int) -> None:
        """The same with rulebooks that change on the way: what comes of it is what a calm life makes of the same log.

        And so says `verify`. Which lead is found by which version depends on the log, so there is no calm story to compare with.
        """
        chaos, days = Chaos(seed), story(seed, in_order=False, switches=True)
        chaos.armed |= {BACKFILLED: 1} if seed % 2 else {}
        with self._machine(chaos) as machine:
            scenario = Scenario(machine, chaos, days)
            scenario.play()
            got = outcome(machine, scenario.told)
            _told(got, machine.receiver)
            records, end, versions, report = machine.deciding_records(), machine.now, machine.rulebooks(), machine.verified()
        with self._machine(Chaos(seed)) as machine:
            machine.replay(records, versions)
            machine.now = end
            Scenario(machine, machine.chaos, []).play_calmly()
            again = outcome(machine, scenario.told)
        assert got.halted == []
        _name_their_version(got, records)
        assert (report.differences, report.unverifiable) == ([], {})
        assert got.signals == again.signals
        assert got.leads == again.leads
        assert got.lead_events == again.lead_events
        assert got.commands == again.commands
        self._count(got, {time for day in days for time in day.times})
        self.happened["the log was read again"] += sum(isinstance(read(each), Backfilled) for each in records)
        self.happened["died when it was"] += chaos.crashes[BACKFILLED]
        for event in got.lead_events.values():
            self.happened[f"version {min(event.rulebook_version, 3)}"] += 1
        self.happened["found by a rule that was switched on"] += sum(
            signal[2] in ("still", "days", "eager") for signal in got.signals
        )

    def _count(self, got: Outcome, times: set[int]) -> None:
        """`times`: of the story's events."""
        self.leads += len(got.leads)
        self.happened["told by time alone"] += sum(signal[-1] not in times for signal in got.signals)
        self.happened["import judged"] += any(signal[0] == "old" for signal in got.signals)
        for event in got.lead_events.values():
            self.happened["retracted"] += event.type == "lead.retracted"
            self.happened["expired"] += event.type == "lead.expired"
            self.happened["moved"] += any(change["field"] == "qualified_at" for change in event.data["changes"])
            self.happened["recorded only"] += not event.notify
        for row in got.commands.values():
            self.happened[f"command {row.status}" if row is not None else "command lost"] += 1

    @contextmanager
    def _machine(self, chaos: Chaos) -> Iterator[Machine]:
        machine = Machine(self._site, chaos)
        try:
            yield machine
        finally:
            machine.close()

    def close(self) -> None:
        self._site.close()


def _name_their_version(got: Outcome, records: list[Record]) -> None:
    """Every lead event was made by the version that its partition had switched to."""
    switches = [(each.partition, each.offset, message.version) for each in records if (message := _switch(each)) is not None]
    for event in got.lead_events.values():
        place = event.place
        before = [version for partition, offset, version in switches if partition == place.partition and offset <= place.offset]
        assert event.rulebook_version == max(before)


def _switch(record: Record) -> RulebookSwitch | None:
    message = read(record)
    return message if isinstance(message, RulebookSwitch) else None


def _told(got: Outcome, receiver: Receiver) -> None:
    """Every lead event that is to be told was, at least once, under its own id, and nothing else was."""
    assert set(receiver.got) == {event.id for event in got.lead_events.values() if event.notify}
    for webhook_id, body in receiver.got.items():
        assert json.loads(body)["id"] == webhook_id
