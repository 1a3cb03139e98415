"""The detector's pipeline: 1 M events of about 300 bytes, 5,000 accounts, from the log (frames) to the database.

`python -m benchmarks.pipeline [embedded|kafka] [--events N]`. The detector's figures are of a started
process that finds all of them waiting. The bound, in the same run: a process that polls the same log and decodes every event,
and does nothing else (its start counted in).
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.measure import cpu_s, report, resident_mb
from benchmarks.servers import KINDS, place
from contracts.codec import decode, encode_event, encode_frames
from contracts.messages import EVENTS, RecordKind, UsageEvent
from contracts.partition import partition_of
from detector.rulebooks import trial
from eventlog import open_log
from eventlog.port import Entry, Log
from runtime.clock import wall_clock
from runtime.settings import read_settings
from tests.journey.product import Product, free_port, wait_until

ACCOUNTS = 5_000
FRAME_EVENTS = 128
POLL_BYTES = 8 * 1024 * 1024
ASK_EVERY_S = 0.25
DRAIN_WITHIN_S = 600
NAMES = ["Contact Count Changed", "Email Sent", "Automation Opened", "Campaign Sent", *(f"Page {n} Viewed" for n in range(16))]


def usage_event(n: int, dice: random.Random, at: int) -> UsageEvent:
    account = f"account-{dice.randrange(ACCOUNTS)}"
    name = NAMES[n % len(NAMES)]
    properties = {"total": dice.randrange(300), "source": "web", "campaign": f"campaign-{dice.randrange(100)}"}
    return UsageEvent(
        project="acme-mail",
        id=f"message-{n:012}",
        type="track",
        name=name,
        account=account,
        person=f"{account}-person-{dice.randrange(8)}",
        timestamp=at,
        received_at=at,
        original_timestamp=at,
        properties=msgspec.Raw(msgspec.json.encode(properties)),
    )


def fill(log: Log, events: int) -> int:
    """Append `events` in frames as ingest makes them under load; their bytes on average."""
    partitions = _partitions(log)
    producer, dice, size = log.producer(), random.Random(7), 0
    waiting: dict[int, list[bytes]] = {}
    entries: list[Entry] = []
    began = wall_clock() - events // 20
    for n in range(events):
        event = usage_event(n, dice, began + n // 20)
        line = encode_event(event)
        size += len(line)
        partition = partition_of(event.project, event.account or "", partitions)
        lines = waiting.setdefault(partition, [])
        lines.append(line)
        if len(lines) == FRAME_EVENTS:
            entries += [Entry(EVENTS, partition, value) for value in encode_frames(RecordKind.EVENTS, lines)]
            waiting[partition] = []
        if len(entries) >= 256:
            producer.append(entries, timeout_s=60)
            entries = []
    for partition, lines in waiting.items():
        entries += [Entry(EVENTS, partition, value) for value in encode_frames(RecordKind.EVENTS, lines)]
    producer.append(entries, timeout_s=60)
    producer.close()
    return size // events


def _partitions(log: Log) -> int:
    consumer = log.consumer([EVENTS])
    try:
        return len(consumer.assignment())
    finally:
        consumer.close()


def poll_and_decode(events: int) -> None:
    """The bound, run in a process of its own: everything in `events` polled and decoded."""
    log = open_log(read_settings(os.environ), wall_clock)
    consumer = log.consumer([EVENTS])
    for partition, offset in consumer.beginning_offsets().items():
        consumer.seek(partition, offset)
    count = 0
    while count < events:
        for record in consumer.poll(1.0, POLL_BYTES):
            message = decode(record.value)
            count += len(message) if isinstance(message, list) else 0
    consumer.close()
    log.close()


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of a whole process."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def measure(kind: str, events: int) -> list[tuple[str, str]]:
    with place(kind) as (data, settings):
        product = Product(data, settings)
        product.start()
        product.create_project("acme-mail")
        product.apply(trial())
        product.stop()
        environment = {**product.environment, "HANDRAISER_DATA": str(data)}
        log = open_log(read_settings(environment), wall_clock)
        with detector(data, environment) as (pid, port):
            os.kill(pid, signal.SIGSTOP)  # started and with nothing to do; asleep while the log is filled
            bytes_each = fill(log, events)
            os.kill(pid, signal.SIGCONT)
            wall, cpu = drain(pid, data, port)
            memory = resident_mb(pid)
        bound_wall, bound_cpu = timed([sys.executable, "-m", "benchmarks.pipeline", "--bound", str(events)], environment)
        log.close()
        return [
            (f"{kind}: events", f"{events:,} of {bytes_each} bytes, {ACCOUNTS:,} accounts, {FRAME_EVENTS} a frame"),
            ("detector", f"{events / cpu:,.0f} events/s a core; {events / wall:,.0f} events/s wall; {memory:.0f} MB resident"),
            ("bound: poll and decode", f"{events / bound_cpu:,.0f} events/s a core; {events / bound_wall:,.0f} events/s wall"),
            ("ratio", f"{bound_cpu / cpu:.1%} of the bound"),
        ]


@contextmanager
def detector(data: Path, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """(process id, port) of a `handraiser detector` that has read everything there is so far."""
    port = free_port()
    command = [sys.executable, "-m", "handraiser", "detector", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("the detector has read to the end", lambda: lag(data, port) == 0, 60)
        yield process.pid, port
    finally:
        process.kill()  # it may be stopped; what it leaves goes away with the folder
        process.wait()


def drain(pid: int, data: Path, port: int) -> tuple[float, float]:
    """(wall s, CPU s) that the detector takes until it has committed everything. Asked seldom: the asking costs it CPU too."""
    began, cpu = time.monotonic(), cpu_s(pid)
    while lag(data, port) != 0:
        assert time.monotonic() - began < DRAIN_WITHIN_S, "the detector has not read to the end"
        time.sleep(ASK_EVERY_S)
    return time.monotonic() - began, cpu_s(pid) - cpu


def lag(data: Path, port: int) -> int:
    key = (data / "api-key").read_text().strip()
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health", headers={"authorization": f"Bearer {key}"}, timeout=10)
    except httpx.TransportError:
        return -1
    found: Any = answer.json().get("checks", {}).get("detector", {}).get("lag_events")
    return -1 if found is None else int(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--bound", type=int)
    arguments = parser.parse_args()
    if arguments.bound:
        poll_and_decode(arguments.bound)
        return
    for kind in arguments.kinds:
        report("Pipeline", measure(kind, arguments.events))


if __name__ == "__main__":
    main()
