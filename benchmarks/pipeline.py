"""The detector's pipeline: events of about 300 bytes in frames of 128, from the log to the database, by the shipped rulebook.

`python -m benchmarks.pipeline [embedded|kafka] [--events N] [--accounts N] [--access zipf] [--frame N] [--runs N]`. Each run is a
detector that was just started, on one core, with an empty database, and finds all events waiting; it is measured once it knows
every account. The bound, on the same core: a process that polls the same log and decodes every event, and does nothing else.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, TopicPartition

from benchmarks.events import ACCESS, Shape
from benchmarks.filling import FRAME_EVENTS, fill
from benchmarks.measure import MEASURED, OTHERS, on, report
from benchmarks.ours import environment_of, patient_ground, run_detector
from benchmarks.servers import KINDS, place
from contracts.codec import decode_columns, kind_of
from contracts.messages import EVENTS, RecordKind
from eventlog import open_log
from handraiser.ground import Ground
from runtime.clock import wall_clock
from runtime.settings import Settings, read_settings

EVENTS_DEFAULT = 3_000_000
BOUND_EVENTS = 1_000_000
FETCH_BYTES = 16 * 1024 * 1024
PARTITION_FETCH_BYTES = 8 * 1024 * 1024
POLL_BYTES = 8 * 1024 * 1024


@contextmanager
def ground(kind: str) -> Iterator[Ground]:
    """A log with empty topics."""
    with place(kind) as (data, settings), on(OTHERS):
        data.mkdir()
        opened = patient_ground(read_settings(settings, data))
        yield opened
        opened.log.close()


def bound(settings: Settings, events: int) -> float:
    """Events per CPU second of a process that reads and decodes them; its start is counted in."""
    command = [sys.executable, "-m", "benchmarks.pipeline", "--bound", str(events)]
    with on(MEASURED):
        process = subprocess.Popen(command, env=environment_of(settings))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return events / (usage.ru_utime + usage.ru_stime)


_OF_EVENTS = (RecordKind.EVENTS, RecordKind.COLUMNS)


def poll_and_decode(settings: Settings, events: int) -> None:
    values, count = _kafka_values(settings) if settings.kafka else _embedded_values(settings), 0
    for value in values:
        columns = decode_columns(value) if kind_of(value) in _OF_EVENTS else None
        count += 0 if columns is None else len(columns)
        if count >= events:
            return


def _kafka_values(settings: Settings) -> Iterator[bytes]:
    """By kafka-python alone, with the detector's own settings."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=None,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        max_poll_records=1_000,
    )
    topic = settings.topic_prefix + EVENTS
    consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
    consumer.seek_to_beginning()
    while True:
        for records in consumer.poll(timeout_ms=1_000).values():
            for record in records:
                yield record.value


def _embedded_values(settings: Settings) -> Iterator[bytes]:
    consumer = open_log(settings, wall_clock).consumer([EVENTS])
    for partition, offset in consumer.beginning_offsets().items():
        consumer.seek(partition, offset)
    while True:
        for record in consumer.poll(1.0, POLL_BYTES):
            yield record.value


def measure(kind: str, shape: Shape, events: int, frame_events: int, runs: int) -> list[tuple[str, str]]:
    with ground(kind) as opened:
        filled = fill(opened, shape, events, frame_events=frame_events)
        rows = [(f"{kind}: events", f"{filled.events:,} of {filled.bytes_each} bytes, {shape}, {frame_events} a frame")]
        for _ in range(runs):
            ours = run_detector(opened, filled)
            of = bound(opened.settings, min(BOUND_EVENTS, filled.events))
            rows += [
                ("detector", str(ours)),
                ("bound: poll and decode", f"{of:,.0f} events/s a core"),
                ("ratio", f"{ours.a_core / of:.0%} of the bound"),
            ]
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT)
    parser.add_argument("--accounts", type=int, default=Shape().accounts)
    parser.add_argument("--access", choices=ACCESS, default=Shape().access)
    parser.add_argument("--frame", type=int, default=FRAME_EVENTS, metavar="EVENTS")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--bound", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bound:
        poll_and_decode(read_settings(os.environ), arguments.bound)
        return
    for kind in arguments.kinds:
        shape = Shape(arguments.accounts, arguments.access)
        report("Pipeline", measure(kind, shape, arguments.events, arguments.frame, arguments.runs))


if __name__ == "__main__":
    main()
