"""What the benchmarks stand on: the events, the plain loop, a steady state that is seen in an engine's output, the page."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks import steady, table
from benchmarks.events import NEWCOMER_EVERY, Shape, usage_events
from benchmarks.job import OurSignals, PlainLoop, Signal
from benchmarks.steady import Marks, watch
from benchmarks.table import Beside, Row, put_into_page
from contracts.codec import encode
from contracts.messages import EVENTS, Place
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial
from tests.detector.shell.samples import NOON

SHAPE = Shape(accounts=200, warm_up=500)


class Said:
    """An engine's output that is known beforehand: a newcomer's signal a poll."""

    def __init__(self, signals: list[Signal]) -> None:
        self._signals = iter(signals)

    def poll(self, _timeout_s: float) -> list[bytes]:
        return [repr(tuple(next(self._signals))).encode()]

    @staticmethod
    def read(value: bytes) -> Iterator[Signal]:
        account, level, total, events = eval(value)
        yield Signal(account, level, total, events)


def newcomers(number: int) -> tuple[Marks, list[Signal]]:
    """Ten events apart in one partition, the first two of them warm-up."""
    marks = Marks()
    for n in range(number * 10):
        marks.add(0, f"newcomer-{n}" if n % 10 == 9 else "account-1")
        if n == 19:
            marks.warm_up_ends()
    return marks, [Signal(account, 100, 600, 1) for account in marks.places]


def test_we_find_the_signals_that_the_plain_loop_finds() -> None:
    program, loop, ours = compile_rulebook(parse(trial(), bases()).rulebook, 1), PlainLoop(), OurSignals()
    accounts: dict[str, Account] = {}
    found: set[Signal] = set()
    for n, event in enumerate(usage_events(SHAPE, 2 * NEWCOMER_EVERY, NOON)):
        loop.take(event)
        name = str(event.account)
        account = accounts.setdefault(name, Account.new(event.project, name))
        for lead_event in process(program, account, event, Place(topic=EVENTS, partition=0, offset=n, time=event.timestamp)):
            found.update(ours(encode(lead_event)))
    assert found == {signal._replace(events=None) for signal in loop.signals}
    assert {signal.level for signal in found} == {80, 100}


def test_the_steady_state_begins_after_the_warm_up_and_ends_before_the_last_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "SAMPLE_EVERY_S", 0.0)
    seconds = count()
    monkeypatch.setattr(steady, "cpu_s", lambda _pid: next(seconds))
    marks, signals = newcomers(100)
    found = watch([os.getpid()], Said(signals), Said.read, marks, set(signals))
    assert (found.events, found.cpu_s) == (970 - 20, 95)  # 97 % of 1,000 events


@pytest.mark.parametrize("changed", [{"total": 601}, {"events": 2}, {"level": 80}])
def test_an_engine_that_says_something_else_is_not_measured(changed: dict[str, Any]) -> None:
    marks, signals = newcomers(5)
    with pytest.raises(AssertionError, match=r"1 wrong signals.* 1 missing ones"):
        watch([os.getpid()], Said([*signals[:-1], signals[-1]._replace(**changed)]), Said.read, marks, set(signals))


def test_ratios_are_those_of_the_same_run_and_only_the_part_between_the_marks_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = Row("f", [10.0, 20.0, 40.0], "≥ 1", bound=Beside("b", [10.0, 40.0, 100.0])).line()
    assert row == "| f | 20 | 10 to 40, 3 runs | b: 40 (10 to 100) | – | 0.50 | – | ≥ 1 |"

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- make bench: written by a program -->\nold\n<!-- make bench: end -->\nafter\n")
    monkeypatch.setattr(table, "PAGE", page)
    put_into_page("make bench", row)
    assert page.read_text() == f"before\n<!-- make bench: written by a program -->\n{row}\n<!-- make bench: end -->\nafter\n"
