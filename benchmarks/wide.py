"""Several detectors over one Kafka and one PostgreSQL: what they do together, and what each part of it needs.

`python -m benchmarks.wide [--detectors N …] [--events N] [--accounts N]`. Nothing is pinned: detectors, broker and database share
all cores, and what is busy in the end says where the next bottleneck is. The broker's and the database's CPU are counted beside
the detectors'. Then one detector on a core of its own reads one account's events only: more processes do not help that account.
"""

import argparse
import os
from contextlib import suppress
from pathlib import Path

import psycopg

from benchmarks.events import Shape
from benchmarks.filling import Filled, fill
from benchmarks.measure import OTHERS, cpu_s, processes, report
from benchmarks.ours import fresh_database, run_detector, run_detectors
from benchmarks.pipeline import ground
from benchmarks.servers import server_pids
from benchmarks.steady import Steady
from handraiser.ground import Ground

EVENTS_DEFAULT = 3_000_000
ONE_ACCOUNT_EVENTS = 1_500_000
EVERYWHERE = set(range(os.cpu_count() or 1))


def let_run(pid: int, cores: set[int]) -> None:
    """Every thread of process `pid`, of those that come from it, and of those that will."""
    for each in processes(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # a connection's process may end meanwhile
            for thread in Path(f"/proc/{each}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def together(count: int, opened: Ground, filled: Filled) -> list[tuple[str, str]]:
    """`count` detectors, and what is left of it in the database."""
    servers = server_pids()
    with fresh_database(opened.settings) as settings, psycopg.connect(str(settings.database_url), autocommit=True) as database:
        wal = _number(database, "SELECT pg_current_wal_lsn() - '0/0'")
        found = run_detectors([EVERYWHERE] * count, opened, settings, filled, servers)
        wal = _number(database, "SELECT pg_current_wal_lsn() - '0/0'") - wal
        sizes = "SELECT pg_total_relation_size('accounts') + pg_total_relation_size('facts')"
        account_bytes = _number(database, sizes) / _number(database, "SELECT count(*) FROM accounts")
    return [
        (f"{count} detector{'s' if count > 1 else ''}", f"{found.a_second:,.0f} events/s together; {_busy(found)}"),
        ("  their CPU", f"{found.cpu_s / found.events * 1e6:.1f} µs an event: {found.a_core:,.0f} events/s a core"),
        *((f"  CPU of {name}", f"{used / found.events * 1e6:.1f} µs an event") for name, used in found.servers.items()),
        ("  write-ahead log", f"{wal / filled.events:,.0f} bytes an event"),
        ("  an account in the database", f"{account_bytes:,.0f} bytes"),
    ]


def _busy(found: Steady) -> str:
    """How many cores each part kept busy."""
    parts = {"detectors": found.cpu_s, **found.servers}
    return "busy cores: " + ", ".join(f"{name} {used / found.wall_s:.2f}" for name, used in parts.items())


def _number(database: psycopg.Connection, query: str) -> float:
    row = database.execute(query.encode()).fetchone()
    assert row is not None
    return float(row[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT)
    parser.add_argument("--accounts", type=int, default=Shape().accounts)
    arguments = parser.parse_args()
    shape = Shape(arguments.accounts)
    with ground("kafka") as opened:
        broker = server_pids()["kafka"]
        before = cpu_s(broker)
        filled = fill(opened, shape, arguments.events)
        appended = (cpu_s(broker) - before) / filled.events * 1e6
        rows = [
            ("events", f"{filled.events:,} of {filled.bytes_each} bytes, {shape}"),
            ("appended, frames of 128", f"{appended:.2f} µs an event of the broker's CPU"),
        ]
        for pid in server_pids().values():
            let_run(pid, EVERYWHERE)
        for count in arguments.detectors:
            rows += together(count, opened, filled)
        for pid in server_pids().values():
            let_run(pid, OTHERS)
    with ground("kafka") as opened:
        filled = fill(opened, Shape(accounts=1), min(arguments.events, ONE_ACCOUNT_EVENTS))
        rows.append(("one account's events", str(run_detector(opened, filled))))
    report("Several detectors", rows)


if __name__ == "__main__":
    main()
