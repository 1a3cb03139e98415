"""Seen ids: what 1,000 events/s over the window of 7 days cost in memory and in the database.

`python -m benchmarks.seen [--seconds N]`. A real worker reads a real embedded log that gets 1,000 events/s for N seconds, over
SQLite and over PostgreSQL; rows and bytes of the table are counted, and multiplied to the whole window. Memory is that of a
process that holds a tenth of an hour's ids; an old hour's way back into memory is timed with as many.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.measure import report, resident_mb
from benchmarks.servers import place
from contracts.codec import encode_events
from contracts.columns import columns_of
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED, UsageEvent
from detector.changes import Changes, Move, SeenRow
from detector.core.seen import DAY_MS, HOUR_MS, WINDOW_DAYS, hashes_of
from detector.partition import Partition
from detector.seen import SeenIds
from detector.store import DetectorStore
from detector.tables import metadata
from detector.worker import Worker
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, Topic, TopicPartition
from runtime.clock import wall_clock
from runtime.database import open_database
from runtime.settings import read_settings

EVENTS_PER_S = 1_000
BEATS_PER_S = 50
FRAME_EVENTS = EVENTS_PER_S // BEATS_PER_S
DAYS_KEPT = WINDOW_DAYS + 1
"""An id is kept to the end of the seventh day after the one on which it came first."""
WINDOW_S = DAYS_KEPT * 86_400
HOUR_IDS = EVENTS_PER_S * 3_600
SCALE = 10
"""A tenth of an hour is measured."""
KEY = b"k" * 32
AT = TopicPartition(EVENTS, 0)
TOPICS = [Topic(name, 1, 86_400) for name in (EVENTS, UNATTRIBUTED, DEAD_LETTERS, LEAD_EVENTS)]


def usage_event(n: int, at: int) -> UsageEvent:
    account = f"account-{n % 5_000}"
    return UsageEvent(
        project="p", id=f"message-{n:012}", type="track", name="Seen", account=account, timestamp=at, received_at=at,
        original_timestamp=at,
    )  # fmt: skip


@contextmanager
def database(kind: str) -> Iterator[tuple[Path, sa.Engine]]:
    """A folder for the log, and the detector's empty tables on SQLite or PostgreSQL."""
    with place("kafka" if kind == "PostgreSQL" else "embedded") as (data, settings):
        data.mkdir()
        engine = open_database(read_settings(settings, data), "detector")
        metadata.create_all(engine)
        yield data, engine
        engine.dispose()


def stream(kind: str, seconds: float) -> list[tuple[str, str]]:
    with database(kind) as (folder, engine):
        log = EmbeddedLog(folder / "log.sqlite", wall_clock)
        topics, producer, stop = log.ensure_topics(TOPICS), log.producer(), threading.Event()
        worker = Worker(
            log, DetectorStore(engine), producer, topics=topics, clock=wall_clock, owner="bench", random_bytes=secrets.token_bytes
        )
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        n, began, each = 0, time.monotonic(), EVENTS_PER_S // BEATS_PER_S
        while n < EVENTS_PER_S * seconds:
            events = [usage_event(k, wall_clock()) for k in range(n, n + each)]
            producer.append([Entry(*AT, value) for value in encode_events(events)], 10)
            n += each
            time.sleep(max(0.0, began + n / EVENTS_PER_S - time.monotonic()))
        while counted(engine)[1] < n:
            time.sleep(0.05)
        stop.set()
        worker.wake()
        thread.join()
        worker.close()
        producer.close()
        rows, ids, size = counted(engine)
        whole = EVENTS_PER_S * WINDOW_S
        scaled = f"{rows / ids * whole / 1e6:,.1f} M rows, {size / ids * whole / 1e9:,.1f} GB for {whole / 1e6:,.0f} M ids"
        measured = f"{ids:,} ids in {rows:,} rows, {size / ids:.1f} bytes an id ({size / ids / 8:.2f} times the hash)"
        return [(f"{kind}: measured", measured), (f"  × {whole / ids:,.0f}", scaled)]


def counted(engine: sa.Engine) -> tuple[int, int, int]:
    """(rows, ids, bytes with index) of the table `seen`."""
    with engine.connect() as tx:
        rows, ids = tx.execute(sa.text("SELECT count(*), coalesce(sum(length(ids)), 0) / 8 FROM seen")).one()
        if engine.dialect.name == "postgresql":
            size = tx.execute(sa.text("SELECT pg_total_relation_size('seen')")).scalar_one()
        else:
            size = tx.execute(
                sa.text("SELECT sum(pgsize) FROM dbstat WHERE name IN ('seen', 'sqlite_autoindex_seen_1')")
            ).scalar_one()
        return int(rows), int(ids), int(size)


def hold() -> None:
    """In a process of its own: a tenth of an hour's ids in memory, what was asked of the system for them, and what is counted."""
    events = [usage_event(n, wall_clock()) for n in range(1_000)]
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(read_settings({}, Path(folder)), "detector")
        metadata.create_all(engine)
        seen, partition = SeenIds(DetectorStore(engine).seen, KEY), Partition(AT, 1, 0, wall_clock())
        seen.without_copies(partition, columns_of(events[:1]))
        before, began, n = resident_mb(os.getpid()), time.process_time(), HOUR_IDS // SCALE
        for k in range(0, n, FRAME_EVENTS):
            seen.without_copies(partition, columns_of([usage_event(k + of, events[0].timestamp) for of in range(FRAME_EVENTS)]))
            if k % EVENTS_PER_S == 0:
                seen.close(Changes(), {AT: partition})
                seen.settled()
        took = time.process_time() - began
        print(f"{(resident_mb(os.getpid()) - before) * 1024 * 1024 / n:.1f} {seen.bytes / n:.1f} {took / n * 1e6:.2f}")


def memory() -> list[tuple[str, str]]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.seen", "--hold"], capture_output=True, text=True, check=True)
    each, counted_as, took = map(float, done.stdout.split())
    return [
        ("memory: measured", f"{each:.1f} bytes an id (counted as {counted_as:.1f}), {took:.1f} µs an event to make and look up"),
        ("  × 10: the hour at hand", f"{each * HOUR_IDS / 1e6:,.0f} MB for {HOUR_IDS / 1e6:.1f} M ids, whatever the window"),
    ]


def an_old_hour(kind: str) -> list[tuple[str, str]]:
    """A copy that comes days later brings its hour back into memory."""
    with database(kind) as (_, engine):
        store, now = DetectorStore(engine), wall_clock()
        checkpoint, then = store.checkpoints.acquire(AT, "bench", 0, now), now - 3 * DAY_MS
        version, n = checkpoint.version, HOUR_IDS // SCALE
        for end in range(EVENTS_PER_S, n + 1, EVENTS_PER_S):
            ids = array("Q", hashes_of(columns_of([usage_event(k, then) for k in range(end - EVENTS_PER_S, end)]), KEY))
            row = SeenRow(*AT, then // HOUR_MS, end, then // DAY_MS * DAY_MS, ids.tobytes())
            store.commit(Changes(moves=[Move(AT, version, end, then)], seen=[row]), now)
            version += 1
        fresh, began, cpu = SeenIds(store.seen, KEY), time.monotonic(), time.process_time()
        copy = columns_of([usage_event(0, then)])
        fresh.prepare(AT, [copy])
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        assert fresh.without_copies(Partition(AT, version, n, now), copy) is None
        return [
            (
                f"{kind}: an old hour",
                f"{took * SCALE:.1f} s, {cpu * SCALE:.1f} of CPU, for {HOUR_IDS / 1e6:.1f} M ids (a tenth × 10)",
            )
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--hold", action="store_true")
    arguments = parser.parse_args()
    if arguments.hold:
        hold()
        return
    rows = memory()
    for kind in ("SQLite", "PostgreSQL"):
        rows += stream(kind, arguments.seconds) + an_old_hour(kind)
    report(f"Seen ids at {EVENTS_PER_S:,} events/s, kept {DAYS_KEPT} days at most (the window is {WINDOW_DAYS})", rows)


if __name__ == "__main__":
    main()
