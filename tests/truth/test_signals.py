"""The promise: in any order, late, doubled and with restarts, the signals are those that the naive oracle finds."""

from collections import Counter

import pytest
from hypothesis import event as note
from hypothesis import given, settings

from tests.oracle.oracle import signals
from tests.truth.driver import SIGNALS_KEPT, Detector, newest, program
from tests.truth.generate import CASES, SOAK, Case, cases

PARTS = 80 if SOAK else 8
"""A part is a test of its own, so that the workers of a test run share them."""
pytestmark = pytest.mark.timeout(600)  # a failing case takes a while to be made small


class Tally:
    """How many cases had what this is about: a generator that makes only easy ones proves nothing."""

    def __init__(self) -> None:
        self.cases = 0
        self.had: Counter[str] = Counter()

    def count(self, case: Case, *, found: bool, retracted: bool) -> None:
        self.cases += 1
        for name, had in {
            "signals": found,
            "retractions": retracted,
            "duplicates": case.doubled,
            "late events": case.late,
        }.items():
            self.had[name] += had
            note(f"{name}: {'yes' if had else 'no'}")

    def check(self) -> None:
        shares = {name: self.had[name] / self.cases for name in ("signals", "retractions", "duplicates", "late events")}
        print("share of cases:", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
        assert min(shares.values()) >= 0.1, shares


@pytest.mark.parametrize("part", range(PARTS))
def test_signals_are_those_of_the_oracle_in_any_order_doubled_late_and_restarted(part: int) -> None:  # noqa: ARG001  each part draws its own cases
    tally = Tally()

    @CASES
    @given(cases())
    def holds(case: Case) -> None:
        found = signals(case.book, case.log, case.horizon)
        expected = newest(found)
        rules = program(case.book)
        as_received, shuffled = Detector(rules), Detector(rules)
        _play(as_received, case)
        _play_shuffled(shuffled, case)
        tally.count(case, found=bool(expected), retracted=as_received.retracted or shuffled.retracted)
        assert as_received.signals() == expected, "as received"
        assert shuffled.signals() == expected, "in another order"
        if len(expected) < SIGNALS_KEPT:  # of more the ledger forgets the oldest
            assert as_received.told() <= as_received.stands(), "nobody was left with what does not hold"
            assert shuffled.told() <= shuffled.stands(), "nobody was left with what does not hold"

    holds()
    tally.check()


def _play(detector: Detector, case: Case) -> None:
    for index, event in enumerate(case.log):
        detector.arrives(event)
        if index in case.ticks:
            detector.passes(detector.time + min(case.ticks[index], case.horizon - detector.time))
        if index in case.restarts:
            detector.restarts()
    detector.passes(case.horizon)


def _play_shuffled(detector: Detector, case: Case) -> None:
    """All of it long after it happened, as when an import or a queue that stood still catches up."""
    detector.time = max(event["received_at"] for event in case.log)
    for index, event in enumerate(case.order):
        detector.arrives(event)
        detector.passes(detector.time)  # each in a record of its own: what is known so far is told, and may have to be taken back
        if index in case.restarts:
            detector.restarts()
    detector.passes(case.horizon)


@settings(CASES, max_examples=2_000 if SOAK else 200)
@given(cases(too_late=True))
def test_on_the_same_log_restarts_change_no_byte_of_what_is_said(case: Case) -> None:
    rules = program(case.book)
    calm, restarted = Detector(rules), Detector(rules)
    for index, event in enumerate(case.log):
        for detector in (calm, restarted):
            detector.arrives(event)
            if index in case.ticks:
                detector.passes(detector.time + case.ticks[index])
        if index in case.restarts:
            restarted.restarts()
        assert calm.said() == restarted.said()
    for detector in (calm, restarted):
        detector.restarts()
        detector.passes(max(detector.time, case.horizon))
    assert calm.said() == restarted.said()
    assert calm.account.ledger == restarted.account.ledger
