"""Backtest: events/s a core, beside decoding alone and beside folding and judging alone, of the same events in the same run.

`python -m benchmarks.backtest [--events N] [--accounts N] [--books N]`. The shipped rulebook, the events of the
other benchmarks, in an embedded log on disk as ingest makes it under load, read back as `handraiser rules backtest` reads it; the
first 100 events of each account come before measuring begins. All lie within seconds. CPU of one process; medians of RUNS.
`--books`: as many rulebooks in the same pass, as a sweep has.
"""

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.events import EVENTS_PER_MS, PROJECT, Shape, usage_events
from benchmarks.filling import Frames
from benchmarks.measure import report, resident_mb
from contracts.codec import decode_columns
from contracts.messages import EVENTS
from detector.backtest.playing import Play
from detector.backtest.source import FromLog
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.core.seen import KEY_BYTES
from detector.partition import Partition
from detector.reading import Frame, read
from detector.rulebooks import bases, trial
from eventlog import open_log
from eventlog.port import Record, Topic, TopicPartition
from handraiser.ground import PARTITIONS_EMBEDDED, RETENTION_S
from runtime.clock import wall_clock
from runtime.pages import huge_pages
from runtime.settings import Settings

RUNS = 3
WARM = 100
"""Events of each account before measuring begins."""


def fill(settings: Settings, shape: Shape, count: int) -> tuple[FromLog, FromLog]:
    """What comes before measuring begins, and `count` events more, as they are read."""
    log = open_log(settings, wall_clock)
    topic = log.ensure_topics([Topic(EVENTS, PARTITIONS_EMBEDDED, RETENTION_S)])[EVENTS]
    producer, consumer = log.producer(), log.consumer([EVENTS])
    frames, warm = Frames(producer, topic), WARM * shape.accounts
    ends: list[dict[int, int]] = [dict.fromkeys(range(topic.partitions), 0)]
    began = wall_clock() - (warm + count) // EVENTS_PER_MS
    for n, event in enumerate(usage_events(shape, warm + count, began)):
        if n == warm:
            frames.flush()
            ends.append({at.partition: end for at, end in consumer.end_offsets().items()})
        frames.add(str(event.account), event)
    frames.flush()
    ends.append({at.partition: end for at, end in consumer.end_offsets().items()})
    consumer.close()
    producer.close()
    log.close()
    before, measured = (
        FromLog(settings, {number: (first, end[number]) for number, first in begin.items()}) for begin, end in pairwise(ends)
    )
    return before, measured


def took(work: Callable[[], object]) -> float:
    """CPU seconds."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def core(program: Program) -> Callable[[Iterable[Record]], None]:
    """Decode, fold and judge: nothing is told apart from its copies, and no time passes."""
    accounts: dict[str, Account] = {}
    clock = Partition(TopicPartition(EVENTS, 0), 0, 0, 0)

    def play(of: Iterable[Record]) -> None:
        for record in of:
            clock.time = record.timestamp
            place, content = clock.place(record), read(record)
            for event in content.columns.events() if isinstance(content, Frame) and content.columns is not None else ():
                name = event.account or ""
                account = accounts.get(name)
                if account is None:
                    account = accounts[name] = Account.new(PROJECT, name)
                process(program, account, event, place)

    return play


def _play(play: Play, source: FromLog) -> None:
    for batch in source.batches():
        play.take(batch.records)


def measure(shape: Shape, events: int, books: int) -> list[tuple[str, str]]:
    program = compile_rulebook(parse(trial(), bases()).rulebook, 1)
    found: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        before, measured = fill(Settings(data=Path(folder)), shape, events)
        records: Sequence[Record] = [record for batch in measured.batches() for record in batch.records]
        number = 0
        for _ in range(RUNS):
            decoding = took(lambda: [decode_columns(record.value) for record in records])
            judge = core(program)
            judge(record for batch in before.batches() for record in batch.records)
            judging = took(lambda: judge(records))  # noqa: B023 - called at once
            play = Play(PROJECT, [program] * books, b"k" * KEY_BYTES)
            with huge_pages():
                _play(play, before)
                number = -play.events
                playing = took(lambda: _play(play, measured))  # noqa: B023 - called at once
                number += play.events
            found.append((decoding, judging, playing))
    warm = WARM * shape.accounts
    rows = [("events", f"{number:,} of {shape.accounts:,} accounts, {warm:,} before them; {books} rulebook{'s' * (books > 1)}")]
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
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--books", type=int, default=1)
    arguments = parser.parse_args()
    report("Backtest", measure(Shape(accounts=arguments.accounts), arguments.events, arguments.books))


if __name__ == "__main__":
    main()
