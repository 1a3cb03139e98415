"""Backtest: events/s a core, beside decoding alone and beside folding and judging alone, of the same events in the same run.

`python -m benchmarks.backtest [--events N] [--accounts N] [--books N]`. The shipped rulebook, the events of the other
benchmarks in frames of 500, all in memory; 100 events of each account come before measuring begins. CPU of one process; medians
of three runs. `--books`: as many rulebooks in the same pass, as a sweep has.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.events import PROJECT, Shape, usage_events
from benchmarks.measure import report, resident_mb
from contracts.codec import decode, encode_event, encode_frames
from contracts.messages import EVENTS, RecordKind
from detector.backtest.playing import Play
from detector.backtest.source import POLL_BYTES_MAX
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.core.seen import KEY_BYTES
from detector.partition import Partition
from detector.reading import Frame, read
from detector.rulebooks import bases, trial
from eventlog.port import Record, TopicPartition
from runtime.pages import huge_pages

RUNS = 3
FRAME = 500
BEGAN = 1_780_000_000_000
WARM = 100
"""Events of each account before measuring begins."""


def records(shape: Shape, count: int) -> list[Record]:
    found: list[Record] = []
    lines: list[bytes] = []
    for event in usage_events(shape, count, BEGAN):
        lines.append(encode_event(event))
        if len(lines) == FRAME:
            for value in encode_frames(RecordKind.EVENTS, lines):
                found.append(Record(EVENTS, 0, len(found), event.timestamp, value))
            lines = []
    return found


def took(work: Callable[[], object]) -> float:
    """CPU seconds."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def core(program: Program) -> Callable[[Sequence[Record]], None]:
    """Decode, fold and judge: nothing is told apart from its copies, and no time passes."""
    accounts: dict[str, Account] = {}
    clock = Partition(TopicPartition(EVENTS, 0), 0, 0, 0)

    def play(of: Sequence[Record]) -> None:
        for record in of:
            clock.time = record.timestamp
            place, content = clock.place(record), read(record)
            for event in content.events if isinstance(content, Frame) else ():
                name = event.account or ""
                account = accounts.get(name)
                if account is None:
                    account = accounts[name] = Account.new(PROJECT, name)
                process(program, account, event, place)

    return play


def _play(play: Play, of: Sequence[Record]) -> None:
    at_once = POLL_BYTES_MAX // len(of[0].value)
    for begin in range(0, len(of), at_once):
        play.take(of[begin : begin + at_once])


def measure(events: int, accounts: int, books: int) -> list[tuple[str, str]]:
    program = compile_rulebook(parse(trial(), bases()).rulebook, 1)
    warm = WARM * accounts
    every = records(Shape(accounts=accounts), warm + events)
    before, measured = every[: warm // FRAME], every[warm // FRAME :]
    found: list[tuple[float, float, float]] = []
    for _ in range(RUNS):
        decoding = took(lambda: [decode(record.value) for record in measured])
        judge = core(program)
        judge(before)
        judging = took(lambda: judge(measured))  # noqa: B023 - called at once
        play = Play(PROJECT, [program] * books, b"k" * KEY_BYTES)
        with huge_pages():
            _play(play, before)
            playing = took(lambda: _play(play, measured))  # noqa: B023 - called at once
        found.append((decoding, judging, playing))
    number = len(measured) * FRAME
    rows = [("events", f"{number:,} of {accounts:,} accounts, {warm:,} before them; {books} rulebook{'s' * (books > 1)}")]
    for name, place in (("decode", 0), ("decode, fold and judge", 1), ("backtest", 2)):
        costs = [run[place] / number for run in found]
        text = f"{1 / statistics.median(costs):,.0f} events/s a core ({1 / max(costs):,.0f} to {1 / min(costs):,.0f})"
        rows.append((name, f"{text}, {statistics.median(costs) * 1e6:.2f} µs an event"))
    ratios = [(run[0] / run[2], run[1] / run[2]) for run in found]
    of_decode, of_core = (statistics.median(each) for each in zip(*ratios, strict=True))
    rows.append(("backtest, of decode", f"{of_decode:.2f}; of decode, fold and judge {of_core:.2f}"))
    return [*rows, ("memory", f"{resident_mb(os.getpid(), peak=True):,.0f} MB resident at most, all events among it")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--books", type=int, default=1)
    arguments = parser.parse_args()
    report("Backtest", measure(arguments.events, arguments.accounts, arguments.books))


if __name__ == "__main__":
    main()
