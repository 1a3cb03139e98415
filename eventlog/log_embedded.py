"""The embedded log: appends entries to, and reads records from, a SQLite file that several processes of one machine share."""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eventlog.embedded_file import connect, errors_explained, key_of, offset_of, place_of, topic_of, transaction
from eventlog.port import Entry, LogError, OffsetOutOfRangeError, Record, Topic, TopicPartition, TopicState
from eventlog.wake import Bell, ring_readers

EXPIRE_EVERY_S = 60
EXPIRED_ROWS_MAX = 256
"""How many expired records one append deletes at most; the next append goes on if there are more."""


class EmbeddedLog:
    """The log in the file `path`. `clock` gives the append times, epoch milliseconds."""

    kind = "embedded"

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        connect(path).close()  # says at once if it cannot be used

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        connection = connect(self._path)
        try:
            with errors_explained(self._path), transaction(connection, "IMMEDIATE"):
                return {topic.name: _ensure(connection, topic) for topic in topics}
        finally:
            connection.close()

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        connection = connect(self._path)
        try:
            with errors_explained(self._path):
                return {name: _state(connection, name, self._path) for name in names}
        finally:
            connection.close()

    def producer(self) -> "EmbeddedProducer":
        return EmbeddedProducer(self._path, self._clock)

    def consumer(self, topics: Sequence[str], group: str | None = None) -> "EmbeddedConsumer":  # noqa: ARG002 - see there
        return EmbeddedConsumer(self._path, topics)

    def close(self) -> None:
        """Nothing is held between calls."""


def _ensure(connection: sqlite3.Connection, topic: Topic) -> TopicState:
    retention_ms = topic.retention_s * 1000
    done = connection.execute("UPDATE topics SET retention_ms = ? WHERE name = ?", (retention_ms, topic.name))
    if done.rowcount == 0:
        row = (topic.name, secrets.token_hex(16), topic.partitions, retention_ms)
        made = connection.execute("INSERT INTO topics (name, id, partitions, retention_ms) VALUES (?, ?, ?, ?)", row)
        number = made.lastrowid or 0
        keys = [(key_of(number, partition),) for partition in range(topic.partitions)]
        connection.executemany("INSERT INTO partitions (key, first, next, time) VALUES (?, 0, 0, 0)", keys)
    row = connection.execute("SELECT name, partitions, id FROM topics WHERE name = ?", (topic.name,)).fetchone()
    return TopicState(*row)


def _state(connection: sqlite3.Connection, topic: str, path: Path) -> TopicState:
    row = connection.execute("SELECT name, partitions, id FROM topics WHERE name = ?", (topic,)).fetchone()
    if row is None:
        raise _no_topic(path, topic)
    return TopicState(*row)


def _no_topic(path: Path, topic: str) -> LogError:
    return LogError(f"The log {path} has no topic '{topic}'. Start Handraiser, which makes it.")


def _keys(connection: sqlite3.Connection, topics: Sequence[str], path: Path) -> dict[TopicPartition, int]:
    """The key of every partition of `topics`. Raises LogError for a topic that is not there."""
    keys: dict[TopicPartition, int] = {}
    for name in topics:
        row = connection.execute("SELECT number, partitions FROM topics WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise _no_topic(path, name)
        number, partitions = row
        keys.update({TopicPartition(name, partition): key_of(number, partition) for partition in range(partitions)})
    return keys


class EmbeddedProducer:
    """Appends in one transaction each: all entries of a call are in the log, or none."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        self._connection = connect(path)
        self._turn = threading.Lock()
        self._keys: dict[TopicPartition, int] = {}
        self._expire_at = 0.0

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=timeout_s):
            raise LogError(f"The log {self._path} was busy for {timeout_s} s. Nothing was taken, and sending again is safe.")
        try:
            with errors_explained(self._path):
                wait_ms = max(1, int((deadline - time.monotonic()) * 1000))
                self._connection.execute(f"PRAGMA busy_timeout={wait_ms}").close()
                with transaction(self._connection, "IMMEDIATE"):
                    touched = self._insert(entries)
                    self._expire()
        finally:
            self._turn.release()
        ring_readers(self._path, {topic_of(key) for key in touched})

    def _insert(self, entries: Sequence[Entry]) -> set[int]:
        now = self._clock()
        ends: dict[int, tuple[int, int]] = {}
        rows: list[tuple[int, int, bytes]] = []
        for entry in entries:
            key = self._key(entry)
            if key not in ends:
                offset, newest = self._connection.execute("SELECT next, time FROM partitions WHERE key = ?", (key,)).fetchone()
                ends[key] = offset, max(now, newest)  # never back, even when the clock was set back
            offset, at = ends[key]
            rows.append((place_of(key, offset), at, entry.value))
            ends[key] = offset + 1, at
        self._connection.executemany("INSERT INTO records (place, time, value) VALUES (?, ?, ?)", rows)
        moved = [(offset, at, key) for key, (offset, at) in ends.items()]
        self._connection.executemany("UPDATE partitions SET next = ?, time = ? WHERE key = ?", moved)
        return set(ends)

    def _key(self, entry: Entry) -> int:
        partition = TopicPartition(entry.topic, entry.partition)
        if partition not in self._keys:
            self._keys |= _keys(self._connection, [entry.topic], self._path)
        if partition not in self._keys:
            raise LogError(f"Topic '{entry.topic}' has no partition {entry.partition}: it was made with fewer.")
        return self._keys[partition]

    def _expire(self) -> None:
        """Delete what is older than its topic's retention, EXPIRED_ROWS_MAX records at most, looking once a minute."""
        if time.monotonic() < self._expire_at:
            return
        now, left = self._clock(), EXPIRED_ROWS_MAX
        limits = dict(self._connection.execute("SELECT number, retention_ms FROM topics"))
        for key, first, end in self._connection.execute("SELECT key, first, next FROM partitions WHERE first < next").fetchall():
            span = place_of(key, first), place_of(key, end), left
            oldest = self._connection.execute(
                "SELECT place, time FROM records WHERE place >= ? AND place < ? ORDER BY place LIMIT ?", span
            )
            expired = sum(at < now - limits[topic_of(key)] for _, at in oldest)
            if expired:
                gone = place_of(key, first), place_of(key, first + expired)
                self._connection.execute("DELETE FROM records WHERE place >= ? AND place < ?", gone)
                self._connection.execute("UPDATE partitions SET first = ? WHERE key = ?", (first + expired, key))
            left -= expired
            if not left:
                return
        self._expire_at = time.monotonic() + EXPIRE_EVERY_S

    def close(self) -> None:
        with self._turn:
            self._connection.close()


class EmbeddedConsumer:
    """Reads every partition of its topics, taking turns, so that a busy one does not starve another.

    A group has one member here: on SQLite there is one detector, and one notifier (`handraiser` sees to it).
    """

    generation = 1

    def __init__(self, path: Path, topics: Sequence[str]) -> None:
        self._path = path
        self._connection = connect(path)
        try:
            with errors_explained(path):
                self._keys = _keys(self._connection, topics, path)
                self._bell = Bell(path, {topic_of(key) for key in self._keys.values()})
        except LogError:
            self._connection.close()
            raise
        self._positions: dict[TopicPartition, int] = {}
        self._woken = threading.Event()

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._keys)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        first, end = self._bounds()[partition]
        if not first <= offset <= end:
            raise _out_of_range(partition, offset, first, end)
        self._positions.pop(partition, None)
        self._positions[partition] = offset

    def release(self, partition: TopicPartition) -> None:
        self._positions.pop(partition, None)

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:
        deadline = time.monotonic() + timeout_s
        with errors_explained(self._path):
            while True:
                self._bell.silence()
                with transaction(self._connection, "DEFERRED"):
                    records = self._read(max_bytes)
                if records or self._woken.is_set() or time.monotonic() >= deadline:
                    self._woken.clear()
                    return records
                self._bell.wait(deadline)

    def _read(self, max_bytes: int) -> list[Record]:
        bounds = self._bounds()
        records: list[Record] = []
        for partition, position in list(self._positions.items()):
            first, end = bounds[partition]
            if position < first:
                self._positions.clear()  # or every poll would raise it again
                raise _out_of_range(partition, position, first, end)
            if position == end:
                continue
            taken = self._read_partition(partition, end, max_bytes, first_of_all=not records)
            records += taken
            max_bytes -= sum(len(record.value) for record in taken)
            if taken:
                self._positions.pop(partition)  # to the end of the line
                self._positions[partition] = taken[-1].next_offset
        return records

    def _read_partition(self, partition: TopicPartition, end: int, max_bytes: int, first_of_all: bool) -> list[Record]:
        key = self._keys[partition]
        span = place_of(key, self._positions[partition]), place_of(key, end)
        taken: list[Record] = []
        rows = self._connection.execute(
            "SELECT place, time, value FROM records WHERE place >= ? AND place < ? ORDER BY place", span
        )
        for place, at, value in rows:
            max_bytes -= len(value)
            if max_bytes < 0 and (taken or not first_of_all):
                break
            taken.append(Record(partition.topic, partition.partition, offset_of(place), at, value))
        rows.close()
        return taken

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        return {partition: first for partition, (first, _) in self._bounds().items()}

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        return {partition: end for partition, (_, end) in self._bounds().items()}

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """There are no tools that would look."""

    def _bounds(self) -> dict[TopicPartition, tuple[int, int]]:
        with errors_explained(self._path):
            rows = {key: (first, end) for key, first, end in self._connection.execute("SELECT key, first, next FROM partitions")}
        return {partition: rows[key] for partition, key in self._keys.items()}

    def wake(self) -> None:
        self._woken.set()
        self._bell.ring()

    def close(self) -> None:
        self._bell.close()
        self._connection.close()


def _out_of_range(partition: TopicPartition, offset: int, first: int, end: int) -> OffsetOutOfRangeError:
    return OffsetOutOfRangeError(
        f"Offset {offset} of {partition.topic}/{partition.partition} is not in the log, which holds {first} to {end}: "
        "its retention passed it, or the log was replaced. Restore the log that belongs to this database."
    )
