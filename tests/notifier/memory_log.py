"""One partition of lead-events in memory, behind the port: the log is another room's, with a suite of its own."""

from collections.abc import Mapping, Sequence

from contracts.codec import encode
from contracts.messages import LEAD_EVENTS, LeadEvent
from eventlog.port import Consumer, OffsetOutOfRangeError, Producer, Record, Topic, TopicPartition, TopicState

ONLY = TopicPartition(LEAD_EVENTS, 0)
KNOWN = TopicState(LEAD_EVENTS, 1, "id-1")


class MemoryLog:
    """`topic`: as it is now."""

    kind = "memory"

    def __init__(self) -> None:
        self.topic = KNOWN

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:  # noqa: ARG002
        return {LEAD_EVENTS: self.topic}

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        raise NotImplementedError

    def producer(self) -> Producer:
        raise NotImplementedError

    def consumer(self, topics: Sequence[str], group: str | None = None) -> Consumer:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class MemoryConsumer:
    """Never waits; `begin` is the first offset that retention has left."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.begin = 0
        self.position: int | None = None
        self.woken = 0
        self.generation = 1
        self.shown: dict[TopicPartition, int] = {}

    def append(self, *messages: LeadEvent) -> None:
        self.values += [encode(message) for message in messages]

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset({ONLY})

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if not self.begin <= offset <= len(self.values):
            raise OffsetOutOfRangeError(f"{partition.topic} holds offsets {self.begin} to {len(self.values)}")
        self.position = offset

    def release(self, partition: TopicPartition) -> None:  # noqa: ARG002
        self.position = None

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:  # noqa: ARG002
        if self.position is None:
            return []
        first, self.position = self.position, len(self.values)
        return [Record(ONLY.topic, ONLY.partition, offset, 0, self.values[offset]) for offset in range(first, self.position)]

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        return {ONLY: self.begin}

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        return {ONLY: len(self.values)}

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        self.shown |= positions

    def wake(self) -> None:
        self.woken += 1

    def close(self) -> None:
        pass
