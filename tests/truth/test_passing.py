"""Events that pass by in a row change the same, and lead to the same, as when each of them is looked at by itself."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings

from contracts.codec import encode, encode_events
from contracts.messages import EVENTS, LeadEvent, UsageEvent
from detector import folding
from detector.backtest import playing
from detector.backtest.playing import Play
from detector.core.account import Account
from detector.core.passing import Noted, passed
from detector.core.rulebook.program import Program
from detector.core.seen import KEY_BYTES
from eventlog.port import Record
from tests.oracle.account import Event
from tests.truth.driver import PROJECT, program, usage
from tests.truth.generate import CASES, SOAK, Case, cases

pytestmark = pytest.mark.timeout(1_800 if SOAK else 120)
ROUNDS = 12
FRAME = 8
SECOND_MS = 1_000
PASSING = 0.05
"""The share of all events that pass by, at least, and of those that are folded and then judged, or this proves nothing."""


def in_rounds(case: Case) -> list[Event]:
    """The case's events in order, and then again and again by the second: what is told of accounts and people is told once."""
    firsts = sorted({each["id"]: each for each in case.log}.values(), key=lambda each: (each["timestamp"], each["id"]))
    t = firsts[-1]["timestamp"]
    found = [{**each, "received_at": each["timestamp"]} for each in firsts]
    for number in range(1, ROUNDS):
        for each in firsts:
            if each["type"] in ("track", "page"):
                t += SECOND_MS
                found.append({**each, "id": f"{each['id']}-{number}", "timestamp": t, "received_at": t})
    return found


def records(events: Sequence[Event]) -> Iterable[Record]:
    for begin in range(0, len(events), FRAME):
        for value in encode_events([usage(each) for each in events[begin : begin + FRAME]]):
            yield Record(EVENTS, 0, begin, events[min(begin + FRAME, len(events)) - 1]["received_at"], value)


def played(
    rules: Program, log: Sequence[Record], monkeypatch: pytest.MonkeyPatch, at_once: int = 1_000_000
) -> tuple[list[bytes], object]:
    """What was told, and what is known in the end. So many records are taken `at_once`."""
    told: list[LeadEvent] = []
    with monkeypatch.context() as patch:
        patch.setattr(playing.Judging, "_take", lambda _, lead_events: told.extend(lead_events))
        play = Play(PROJECT, [rules], b"k" * KEY_BYTES, ticking=True)
        for begin in range(0, len(log), at_once):
            play.take(log[begin : begin + at_once])
        [account] = play._judging[0].accounts()
    return [encode(each) for each in told], account.dump()


def test_what_passes_by_changes_and_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Counter[str]()

    def counted(  # noqa: PLR0917 - as it is
        rules: Program, account: Account, noted: Sequence[Noted], begin: int, end: int, event_of: Callable[[int], UsageEvent]
    ) -> tuple[int, bool]:
        after, is_folded = passed(rules, account, noted, begin, end, event_of)
        seen["passed"] += after - begin
        seen["folded"] += is_folded
        return after, is_folded

    def nothing(_: Program, __: Account, ___: Sequence[Noted], begin: int, *____: object) -> tuple[int, bool]:
        return begin, False

    @settings(CASES, max_examples=2_000 if SOAK else 150)
    @given(cases())
    def holds(case: Case) -> None:
        rules, events = program(case.book), in_rounds(case)
        log = list(records(events))
        monkeypatch.setattr(folding, "passed", nothing)
        one_by_one = played(rules, log, monkeypatch)
        monkeypatch.setattr(folding, "passed", counted)
        assert played(rules, log, monkeypatch) == one_by_one
        assert played(rules, log, monkeypatch, at_once=1) == one_by_one, "with one record at once"
        seen["events"] += len(events)
        seen["told"] += bool(one_by_one[0])
        seen["cases"] += 1

    holds()
    print(dict(seen))
    assert seen["passed"] > PASSING * seen["events"], seen
    assert seen["folded"] > PASSING * seen["events"], seen
    assert seen["told"] > seen["cases"] / 4, seen
