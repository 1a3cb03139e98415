"""The promise: in any order, late, doubled and with restarts, the signals are those that the naive oracle finds."""

from collections import Counter

import pytest
from hypothesis import event as note
from hypothesis import given, settings

from detector.core.rulebook.program import Program
from tests.oracle.account import Account, Event, dropped
from tests.oracle.oracle import all_signals, final_score, hearings
from tests.truth.driver import SIGNALS_KEPT, Detector, newest, program
from tests.truth.generate import CASES, SOAK, Case, cases, own_cases
from tests.truth.sales import Command

PARTS = 40 if SOAK else 4
"""A part is a test of its own, so that the workers of a test run share them."""
COMMON = ("signals", "retractions", "duplicates", "late events")
"""A tenth of the cases at least has each of them; of what else is counted, a fiftieth."""
pytestmark = pytest.mark.timeout(600)  # a failing case takes a while to be made small


class Tally:
    """How many cases had what this is about: a generator that makes only easy ones proves nothing."""

    def __init__(self) -> None:
        self.cases = 0
        self.had: Counter[str] = Counter()

    def count(self, **had: bool) -> None:
        self.cases += 1
        for name, yes in had.items():
            self.had[name] += yes
            note(f"{name}: {'yes' if yes else 'no'}")

    def check(self) -> None:
        shares = {name.replace("_", " "): had / self.cases for name, had in self.had.items()}
        print("share of cases:", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
        assert all(share >= (0.1 if name in COMMON else 0.02) for name, share in shares.items()), shares


@pytest.mark.parametrize("part", range(PARTS))
def test_signals_are_those_of_the_oracle_in_any_order_doubled_late_and_restarted(part: int) -> None:
    tally = Tally()

    @own_cases(part)
    @CASES
    @given(cases())
    def holds(case: Case) -> None:
        account = Account(case.book, case.log, case.overrides)
        expected = newest(all_signals(account, case.horizon))
        scored = final_score(account, case.horizon) if "score" in case.book else None
        heard = hearings(account, case.horizon)
        clear = {(each.rule, each.qualified_at) for each in heard if each.clear}
        barred = {(each.rule, each.qualified_at) for each in heard if each.barred}
        rules = program(case.book)
        detectors = [_as_received(rules, case), *(_in_order(rules, case, order) for order in case.orders)]
        tally.count(
            signals=bool(expected),
            retractions=any(detector.retracted for detector in detectors),
            duplicates=case.doubled,
            late_events=case.late,
            commands=bool(case.commands),
            score=any(signal.rule.startswith("ready") for signal in expected),
            suppressed_signals=bool(barred),
            dropped_events=any(dropped(case.book, each) for each in case.log),
            leads_that_expire=any(each.type == "lead.expired" for detector in detectors for each in detector.lead_events),
            overrides_that_change_signals=bool(case.overrides) and _as_received(rules, case, mute=True).signals() != expected,
        )
        for number, detector in enumerate(detectors):
            which = f"order {number}" if number else "as received"
            assert detector.signals() == expected, which
            assert detector.score(case.horizon) == scored, which
            assert detector.revisions() == sorted(detector.revisions()), f"{which}: a lead event has no place of its own"
            if len(expected) < SIGNALS_KEPT:  # of more the ledger forgets the oldest
                assert not detector.overstated(), f"{which}: somebody was left with what does not hold"
                assert case.opts_out or case.quiet or not detector.untold() & clear, f"{which}: nobody was told what holds"
                assert not detector.told_of() & barred, f"{which}: somebody was told of whom sales is to leave alone"

    holds()
    tally.check()


def _as_received(rules: Program, case: Case, *, mute: bool = False) -> Detector:
    """`mute`: sales says nothing."""
    detector = Detector(rules)
    for index in range(-1, len(case.log)):
        if index >= 0:
            detector.arrives(case.log[index])
        if index in case.ticks:
            detector.passes(case.ticks[index])
        if index in case.restarts:
            detector.restarts()
        for command in () if mute else case.said_after(index):
            detector.says(command)
            if index in case.restarts:
                detector.restarts()
    detector.passes(case.horizon)
    return detector


def _in_order(rules: Program, case: Case, order: list[Event | Command]) -> Detector:
    """All of it long after it happened, as when a queue that stood still catches up; between commands by the time of the next.

    Each event is in a record of its own: what is known so far is told, and may have to be taken back.
    """
    detector = Detector(rules)
    times = [*(command.time for command in case.commands), case.newest]
    for index, step in enumerate(order):
        if isinstance(step, Command):
            detector.says(step)
            del times[0]
        else:
            detector.time = max(detector.time, times[0])
            detector.arrives(step)
            detector.passes(detector.time)
        if index in case.restarts:
            detector.restarts()
    detector.passes(case.horizon)
    return detector


@settings(CASES, max_examples=2_000 if SOAK else 200)
@given(cases(too_late=True))
def test_on_the_same_log_restarts_change_no_byte_of_what_is_said(case: Case) -> None:
    """Nor does what sales says once more."""
    rules = program(case.book)
    calm, restarted = Detector(rules), Detector(rules)
    for index in range(-1, len(case.log)):
        for detector in (calm, restarted):
            if index >= 0:
                detector.arrives(case.log[index])
            if index in case.ticks:
                detector.passes(case.ticks[index])
        if index in case.restarts:
            restarted.restarts()
        for command in case.said_after(index):
            calm.says(command)
            restarted.says(command, times=2)
            if index in case.restarts:
                restarted.restarts()
        assert calm.said() == restarted.said()
    for detector in (calm, restarted):
        detector.restarts()
        detector.passes(case.horizon)
    assert calm.said() == restarted.said()
    assert calm.account.ledger == restarted.account.ledger
