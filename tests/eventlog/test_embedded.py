"""What only the embedded log promises: atomic appends, several processes on one file, `kill -9`, retention to the record."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog import open_log
from eventlog.log_embedded import EXPIRE_EVERY_S, EXPIRED_ROWS_MAX, EmbeddedLog
from eventlog.port import Consumer, Entry, LogError, OffsetOutOfRangeError, Record, Topic, TopicPartition
from runtime.clock import wall_clock
from runtime.settings import Settings

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)
HOUR_S = 3600
APPENDER = Path(__file__).with_name("appender.py")
UNPRIVILEGED = Path(__file__).with_name("unprivileged.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


class HandClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def log(path: Path, clock: HandClock) -> EmbeddedLog:
    made = EmbeddedLog(path, clock)
    made.ensure_topics([Topic("a", 2, HOUR_S), Topic("b", 1, 1000 * HOUR_S)])
    return made


@pytest.fixture
def consumer(log: EmbeddedLog) -> Iterator[Consumer]:
    made = log.consumer(["a", "b"])
    yield made
    made.close()


def all_records(log: EmbeddedLog) -> list[Record]:
    consumer = log.consumer(["a", "b"])
    for partition, offset in consumer.beginning_offsets().items():
        consumer.seek(partition, offset)
    records: list[Record] = []
    while polled := consumer.poll(0, 1 << 24):
        records += polled
    consumer.close()
    return records


def test_an_append_that_fails_half_way_leaves_nothing(log: EmbeddedLog) -> None:
    producer = log.producer()
    with pytest.raises(LogError):
        producer.append([Entry("a", 0, b"1"), Entry("b", 0, b"2"), Entry("a", 7, b"no such partition")], 5)
    assert all_records(log) == []
    producer.append([Entry("a", 0, b"1")], 5)
    assert [record.offset for record in all_records(log)] == [0]
    producer.close()


def test_timestamps_stand_still_when_the_clock_goes_back(log: EmbeddedLog, clock: HandClock) -> None:
    producer = log.producer()
    for step in (0, 500, -10_000, 400, 10_000):
        clock.now += step
        producer.append([Entry("a", 0, b"x")], 5)
    start = 1_700_000_000_000
    assert [record.timestamp - start for record in all_records(log)] == [0, 500, 500, 500, 900]
    producer.close()


def start_appender(path: Path, seed: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(APPENDER), str(path), str(seed)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_acknowledged_append_survives_kill_9_and_nothing_is_partial(log: EmbeddedLog, path: Path, seed: int) -> None:
    kill_after = random.Random(seed).randrange(5, 120)
    acknowledged = -1
    with start_appender(path, seed) as appender:
        assert appender.stdout is not None
        for line in appender.stdout:
            acknowledged = int(line)
            if acknowledged == kill_after:
                appender.kill()  # while it goes on appending; what it still prints was acknowledged, too
        assert appender.wait() == -signal.SIGKILL
    records = all_records(log)
    by_partition = {
        partition: [record for record in records if (record.topic, record.partition) == partition] for partition in (A0, A1, B0)
    }
    counts = {len(found) for found in by_partition.values()}
    assert len(counts) == 1, "an append is in all its partitions or in none"
    assert counts.pop() >= acknowledged + 1
    for found in by_partition.values():
        assert [record.offset for record in found] == list(range(len(found)))
        assert [int(record.value.split(b":")[1]) for record in found] == list(range(len(found)))
        assert all(record.value.endswith(b":end") for record in found)
    log.producer().append([Entry("a", 0, b"goes on")], 5)
    assert b"goes on" in {record.value for record in all_records(log)}


def test_several_processes_append_to_one_file(log: EmbeddedLog, path: Path) -> None:
    appenders = [start_appender(path, seed) for seed in (1, 2)]
    acknowledged: dict[int, int] = {}
    for seed, appender in zip((1, 2), appenders, strict=True):
        assert appender.stdout is not None
        for _ in range(30):
            acknowledged[seed] = int(appender.stdout.readline())
    for appender in appenders:
        appender.kill()
        appender.communicate()
    for partition in (A0, A1, B0):
        found = [record for record in all_records(log) if (record.topic, record.partition) == partition]
        assert [record.offset for record in found] == list(range(len(found)))
        for seed, last in acknowledged.items():
            numbers = [int(record.value.split(b":")[1]) for record in found if record.value.startswith(b"%d:" % seed)]
            assert numbers == list(range(len(numbers)))
            assert len(numbers) > last


@pytest.mark.usefixtures("log")
def test_a_reader_in_another_process_is_woken_within_milliseconds(path: Path) -> None:
    """The reader is this process and the appender another one; the log's own times say when an append was on its way."""
    live = EmbeddedLog(path, wall_clock)
    consumer = live.consumer(["b"])
    consumer.seek(B0, 0)
    lateness: list[int] = []
    with start_appender(path, 5) as appender:
        while len(lateness) < 200:
            polled = consumer.poll(10, 1 << 20)
            lateness.append(wall_clock() - polled[0].timestamp)
        appender.kill()
    assert sorted(lateness)[100] < 50, "without a poke it is hundreds: a reader looks by itself once a second"
    consumer.close()


def test_a_missed_poke_costs_a_second_at_most(log: EmbeddedLog, path: Path, consumer: Consumer) -> None:
    consumer.seek(A0, 0)
    for fifo in path.with_name("log.sqlite.wake").iterdir():
        fifo.unlink()  # as if the poke had been lost
    producer = log.producer()
    appending = threading.Timer(0.1, producer.append, [[Entry("a", 0, b"1")], 5])
    appending.start()
    began = time.monotonic()
    assert [record.value for record in consumer.poll(10, 100)] == [b"1"]
    assert time.monotonic() - began < 3
    appending.join()
    producer.close()


def test_what_a_killed_reader_left_is_cleared_away(log: EmbeddedLog, path: Path) -> None:
    folder = path.with_name("log.sqlite.wake")
    folder.mkdir()
    os.mkfifo(folder / "1-dead")
    producer = log.producer()
    producer.append([Entry("a", 0, b"1")], 5)
    assert list(folder.iterdir()) == []
    producer.close()


def test_a_closed_reader_leaves_nothing(log: EmbeddedLog, path: Path) -> None:
    consumer = log.consumer(["a"])
    folder = path.with_name("log.sqlite.wake")
    assert [stat.S_ISFIFO(entry.stat().st_mode) for entry in folder.iterdir()] == [True]
    consumer.close()
    assert list(folder.iterdir()) == []


def test_two_partitions_take_turns_when_polls_are_small(log: EmbeddedLog, consumer: Consumer) -> None:
    producer = log.producer()
    producer.append([Entry("a", number % 2, b"x") for number in range(40)], 5)
    consumer.seek(A0, 0)
    consumer.seek(A1, 0)
    seen = Counter(record.partition for _ in range(20) for record in consumer.poll(1, 1))
    assert seen == {0: 10, 1: 10}
    producer.close()


def test_records_past_their_retention_go_and_later_ones_stay(log: EmbeddedLog, clock: HandClock, consumer: Consumer) -> None:
    producer = log.producer()
    producer.append([Entry("a", 0, b"old"), Entry("b", 0, b"kept long")], 5)
    clock.now += HOUR_S * 1000 - 1
    producer.append([Entry("a", 0, b"newer")], 5)
    producer.close()
    clock.now += 2
    log.producer().append([Entry("b", 0, b"any append expires")], 5)
    assert [record.value for record in all_records(log)] == [b"newer", b"kept long", b"any append expires"]
    assert consumer.beginning_offsets() == {A0: 1, A1: 0, B0: 0}
    consumer.seek(A0, 1)
    with pytest.raises(OffsetOutOfRangeError, match="holds 1 to 2"):
        consumer.seek(A0, 0)


def test_a_partition_that_expired_whole_goes_on_at_its_offset(log: EmbeddedLog, clock: HandClock) -> None:
    log.producer().append([Entry("a", 0, b"1"), Entry("a", 0, b"2")], 5)
    clock.now += 2 * HOUR_S * 1000
    log.producer().append([Entry("b", 0, b"x")], 5)
    log.producer().append([Entry("a", 0, b"3")], 5)
    assert [(record.offset, record.value) for record in all_records(log) if record.topic == "a"] == [(2, b"3")]


def test_a_reader_that_retention_overtook_is_told(log: EmbeddedLog, clock: HandClock, consumer: Consumer) -> None:
    log.producer().append([Entry("a", 0, b"1"), Entry("a", 0, b"2")], 5)
    consumer.seek(A0, 0)
    clock.now += 2 * HOUR_S * 1000
    log.producer().append([Entry("a", 0, b"3")], 5)
    with pytest.raises(OffsetOutOfRangeError, match="Offset 0 of a/0"):
        consumer.poll(1, 100)
    assert consumer.poll(0, 100) == []
    consumer.seek(A0, 2)
    assert [record.value for record in consumer.poll(1, 100)] == [b"3"]


def test_expiry_is_spread_over_appends_and_looks_once_a_minute(
    log: EmbeddedLog, clock: HandClock, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = log.producer()
    producer.append([Entry("a", 0, b"x")] * (EXPIRED_ROWS_MAX + 10), 5)
    clock.now += 2 * HOUR_S * 1000
    producer.append([Entry("b", 0, b"looked a moment ago")], 5)
    assert consumer.beginning_offsets()[A0] == 0
    later = time.monotonic() + EXPIRE_EVERY_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    producer.append([Entry("b", 0, b"y")], 5)
    assert consumer.beginning_offsets()[A0] == EXPIRED_ROWS_MAX
    producer.append([Entry("b", 0, b"z")], 5)
    assert consumer.beginning_offsets()[A0] == EXPIRED_ROWS_MAX + 10
    producer.close()


def test_a_longer_retention_takes_effect(log: EmbeddedLog, clock: HandClock, consumer: Consumer) -> None:
    log.producer().append([Entry("a", 0, b"1")], 5)
    log.ensure_topics([Topic("a", 2, 10 * HOUR_S)])
    clock.now += 2 * HOUR_S * 1000
    log.producer().append([Entry("a", 0, b"2")], 5)
    assert consumer.beginning_offsets()[A0] == 0


def test_a_log_made_again_has_another_id(log: EmbeddedLog, path: Path, clock: HandClock) -> None:
    first = log.ensure_topics([Topic("a", 2, HOUR_S)])["a"]
    for file in path.parent.glob("log.sqlite*"):
        file.unlink()
    assert EmbeddedLog(path, clock).ensure_topics([Topic("a", 2, HOUR_S)])["a"].id != first.id


def test_every_connection_is_durable(log: EmbeddedLog) -> None:
    producer = log.producer()
    ask = producer._connection.execute  # the setting belongs to the connection: no other can tell
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ask("PRAGMA synchronous").fetchone() == (2,)  # FULL
    producer.close()


def test_a_full_disk_says_what_to_do_and_takes_nothing(log: EmbeddedLog) -> None:
    producer = log.producer()
    producer._connection.execute("PRAGMA max_page_count=20")
    with pytest.raises(LogError, match="disk is full: free some space"):
        producer.append([Entry("a", 0, b"x" * 200_000), Entry("b", 0, b"y")], 5)
    assert all_records(log) == []
    producer._connection.execute("PRAGMA max_page_count=1000000")
    producer.append([Entry("a", 0, b"x" * 200_000)], 5)
    assert len(all_records(log)) == 1
    producer.close()


def test_a_log_that_another_process_keeps_locked_says_so_in_time(log: EmbeddedLog, path: Path) -> None:
    producer = log.producer()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(LogError, match="Another process keeps it locked"):
        producer.append([Entry("a", 0, b"x")], 0.2)
    assert time.monotonic() - began < 2
    other.execute("ROLLBACK")
    other.close()
    producer.append([Entry("a", 0, b"x")], 5)
    producer.close()


def test_a_folder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="--data"):
        EmbeddedLog(tmp_path / "nowhere" / "log.sqlite", wall_clock)


def test_a_file_that_cannot_be_written_says_what_to_do() -> None:
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "log.sqlite"
        EmbeddedLog(path, wall_clock)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        command = [sys.executable, str(UNPRIVILEGED), str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
        path.parent.chmod(0o755)
    assert str(path) in said
    assert "Let the user that runs Handraiser write this file and its folder" in said


def test_a_file_that_is_no_log_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"This is a letter, not a database. " * 100)
    with pytest.raises(LogError, match="It is not a log: move it away"):
        EmbeddedLog(path, wall_clock)


@pytest.mark.usefixtures("log")
def test_a_log_of_a_newer_version_is_refused(path: Path) -> None:
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(LogError, match="schema 99"):
        EmbeddedLog(path, wall_clock)


def test_open_log_without_kafka_is_the_embedded_log(tmp_path: Path) -> None:
    log = open_log(Settings(data=tmp_path), wall_clock)
    assert log.kind == "embedded"
    assert (tmp_path / "log.sqlite").exists()
    log.close()
