"""The port that both adapters (log_embedded, log_kafka) fill; `tests/eventlog/test_conformance.py` says what they must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class TopicPartition(NamedTuple):
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One record value to append."""

    topic: str
    partition: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read. `timestamp` is the log's own append time, epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes

    @property
    def next_offset(self) -> int:
        """Where reading goes on after this record."""
        return self.offset + 1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be (`retention_s` in seconds; on Kafka, and `partitions` everywhere, when it is created)."""

    name: str
    partitions: int
    retention_s: int


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is. `id` changes when a topic is deleted and created again."""

    name: str
    partitions: int
    id: str


class LogError(Exception):
    """The log could not do it; the message says what to do. Nothing may be taken as appended."""


class OffsetOutOfRangeError(LogError):
    """A seek outside what the log retains: retention passed the position, or the topic was created anew."""


class Producer(Protocol):
    """Appends. May be called from several threads."""

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        """Return when every entry is durable. Entries of one partition keep their order.

        Raises LogError if that is not known to be so within `timeout_s`: then some, all or none may be in the log, and
        appending them again is right (readers recognise a repeat by the ids inside).
        """
        ...

    def close(self) -> None: ...


class Consumer(Protocol):
    """Reads partitions in order. One thread at a time, except `wake`."""

    @property
    def generation(self) -> int:
        """Grows whenever a group shares its partitions out anew, which happens within a `poll`.

        From then on every partition, also one that stays ours, yields nothing before a seek: another may have read on in it.
        """
        ...

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are ours to read in this generation."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from `offset`. A partition yields nothing before its first seek. Raises OffsetOutOfRangeError."""
        ...

    def release(self, partition: TopicPartition) -> None:
        """Read on no more: it yields nothing before it is sought again."""
        ...

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:
        """Records in order within each partition; waits up to `timeout_s` for the first, without busy polling.

        Their values together stay within `max_bytes`, or it is one record. The position moves with what is returned.
        Raises LogError if the log cannot be read, OffsetOutOfRangeError if retention has passed a position: then every partition
        yields nothing before it is sought anew.
        """
        ...

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        """Per partition that is ours, the oldest offset that is there."""
        ...

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        """Per partition that is ours, the offset that the next append will get."""
        ...

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """Where our own checkpoints stand, for tools that show how far a group is. Soon or never; nobody reads it back."""
        ...

    def wake(self) -> None:
        """End a running `poll` of this consumer early. May be called from any thread."""
        ...

    def close(self) -> None: ...


class Log(Protocol):
    """A log that can be reached: makes topics, producers and consumers."""

    kind: str
    """`kafka` or `embedded`."""

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        """Create what is missing; never change a number of partitions, nor a retention that others may have changed."""
        ...

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        """Topics as they are; nothing is made or changed. Raises LogError for one that is not there."""
        ...

    def producer(self) -> Producer: ...

    def consumer(self, topics: Sequence[str], group: str | None = None) -> Consumer:
        """A consumer of all partitions of `topics`, which must exist; with a `group`, of those that its members leave to it."""
        ...

    def close(self) -> None: ...
