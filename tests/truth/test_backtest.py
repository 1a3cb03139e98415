"""A made-up log, judged live and then played by a backtest: the same leads and the same signals, whatever the rulebook."""

from typing import Any

import pytest
from hypothesis import given, settings

from contracts import messages
from contracts.codec import encode, encode_event, encode_frames
from contracts.messages import EVENTS, RecordKind, Tick
from detector.backtest.found import Collected, Lead
from detector.backtest.playing import Play
from detector.core.commands import apply
from detector.core.seen import KEY_BYTES
from eventlog.port import Record
from tests.oracle.oracle import Signal
from tests.truth.driver import ACCOUNT, PROJECT, Detector, program, usage
from tests.truth.generate import CASES, SOAK, Case, cases
from tests.truth.sales import Command

pytestmark = pytest.mark.timeout(1_800 if SOAK else 120)


class Live(Detector):
    """Writes down what it reads, a record each, as the log would have it."""

    def __init__(self, case: Case) -> None:
        super().__init__(program(case.book))
        self.log: list[Record] = []

    def record(self, value: bytes, time: int) -> None:
        self.log.append(Record(EVENTS, 0, len(self.log), time, value))

    def hears(self, case: Case, index: int) -> None:
        """Copies are another test's: how long one is recognised is the shell's to say."""
        event = case.log[index]
        if event["id"] in self.seen:
            self.ticks(max(self.time, event["received_at"]))
            return
        for value in encode_frames(RecordKind.EVENTS, [encode_event(usage(event))]):
            self.record(value, event["received_at"])
        self.arrives(event)
        self.passes(self.time)

    def ticks(self, time: int) -> None:
        self.record(encode(Tick(at=time)), time)
        self.passes(time)

    def is_told(self, command: Command) -> None:
        arguments: dict[str, Any] = dict(command.arguments)
        if command.name in ("outcome", "snooze", "owner"):
            arguments["lead"] = self._lead(command.lead)
        said = messages.Command(id=command.id, project=PROJECT, account=ACCOUNT, name=command.name, arguments=arguments)
        self.record(encode(said), command.time)
        if command.id not in self.seen:
            self.seen.add(command.id)
            self.lead_events += apply(self.program, self.account, said, self._place(command.time)).lead_events
        self.passes(max(self.time, command.time))

    def leads(self) -> list[Lead]:
        collected = Collected()
        for event in self.lead_events:
            collected.take(event)
        return collected.leads()


@settings(CASES, max_examples=1_000 if SOAK else 40)
@given(cases(too_late=True))
def test_what_was_live_comes_of_a_backtest_again(case: Case) -> None:
    live = Live(case)
    for index in range(-1, len(case.log)):
        if index >= 0:
            live.hears(case, index)
        if index in case.ticks:
            live.ticks(case.ticks[index])
        for command in case.said_after(index):
            live.is_told(command)
        if index in case.restarts:
            live.restarts()
    live.ticks(case.horizon)

    play = Play(PROJECT, [live.program, live.program], b"k" * KEY_BYTES)
    for record in live.log:
        play.take([record])
    (account,) = [*play._judging[1].accounts()] or [live.account]

    assert play.found().leads == [live.leads(), live.leads()]
    assert {
        Signal(each.lead_type, rule, each.step, each.qualified_at)
        for rule, state in account.ledger.rules.items()
        for each in state.signals
    } == live.signals()
