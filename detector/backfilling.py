"""Reads partitions a second time for facts that a rulebook began too late, and says in the log when that has caught up.

One partition and project at a time, in what the first reading leaves of each turn. At the record that says so the first reading
waits until the second has come exactly there: what facts are from then on follows from the log, whoever appended it, and when.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress

from contracts.codec import encode
from contracts.messages import EVENTS, Backfilled
from detector.backfill import Backfill
from detector.compute import Compute
from detector.partition import Partition
from eventlog.port import Consumer, Entry, Log, LogError, OffsetOutOfRangeError, Producer, Record, TopicPartition
from runtime.clock import Clock
from runtime.points import reach

NEAR_RECORDS = 32
"""So near to the first reading the second need not come before its end is announced: there it comes the rest of the way."""
READ_BYTES_MAX = 4 * 1024 * 1024
WAIT_S = 0.05
TRY_AGAIN_MS = 1_000
APPEND_TIMEOUT_S = 2.0

_log = logging.getLogger("detector")


class Backfilling:
    """Has a consumer of its own while there is something to read. One thread."""

    def __init__(self, log: Log, compute: Compute, clock: Clock) -> None:
        self._of_log = log
        self._compute = compute
        self._clock = clock
        self._consumer: Consumer | None = None
        self._current: Backfill | None = None
        self._at: TopicPartition | None = None
        """Where that is read."""
        self._left: list[Record] = []
        """Read, and not gathered yet: the batch was full, or the first reading has not come so far."""

    def is_due(self, owned: Mapping[TopicPartition, Partition]) -> bool:
        """Whether there is something to read, or to announce."""
        now = self._clock()
        return self._compute.waits_for is not None or any(
            _is_far(partition, each) or (not each.announced and each.tried_at + TRY_AGAIN_MS <= now)
            for partition, each in _all(owned)
        )

    def step(self, owned: Mapping[TopicPartition, Partition], *, wait: bool) -> None:
        """Gather some of one partition. `wait`: for a moment, if the log gives nothing at once. Raises LogError, and as
        `Compute.gather` does.
        """
        found = self._compute.waits_for or self._next(owned)
        if found is None:
            return
        partition, each = found
        try:
            consumer = self._reading(partition, each)
            self._left = self._left or consumer.poll(WAIT_S if wait else 0, READ_BYTES_MAX)
        except OffsetOutOfRangeError:  # the log's retention is faster: on from where it begins now
            self.drop()
            each.begin = -1
            return
        ahead = [record for record in self._left if record.offset < partition.next_offset]
        behind = self._left[len(ahead) :]
        self._left = [*self._compute.gather(partition, each, ahead), *behind]

    def rest(self, owned: Mapping[TopicPartition, Partition]) -> None:
        """Of partitions that all are whole: lets the log go."""
        if not any(partition.backfills for partition in owned.values()):
            self.drop()

    def announce(self, owned: Mapping[TopicPartition, Partition], producer: Producer) -> bool:
        """Where the second reading has come near the first, an end of it is put into the log. False: nowhere."""
        now = self._clock()
        near = [
            (partition, each)
            for partition, each in _all(owned)
            if not each.announced and each.tried_at + TRY_AGAIN_MS <= now and not _is_far(partition, each)
        ]
        for _, each in near:
            each.tried_at = now
        if not near:
            return False
        try:
            entries = [Entry(*p.at, encode(Backfilled(project=each.project, version=each.version))) for p, each in near]
            producer.append(entries, APPEND_TIMEOUT_S)
        except LogError as error:
            _log.warning("end of a backfill not appended; the next second tries again", extra={"error": str(error)})
            return False
        for _, each in near:
            each.announced = True
        reach("rulebook.backfilled.after")
        return True

    def drop(self) -> None:
        """Read no more, and forget what was read and is not gathered."""
        consumer, self._consumer, self._current, self._at, self._left = self._consumer, None, None, None, []
        if consumer is not None:
            with suppress(LogError):
                consumer.close()

    def _next(self, owned: Mapping[TopicPartition, Partition]) -> tuple[Partition, Backfill] | None:
        """That which is being read, if that is not near its end, else the first."""
        far = [(partition, each) for partition, each in _all(owned) if _is_far(partition, each)]
        return next((found for found in far if found[1] is self._current), far[0] if far else None)

    def _reading(self, partition: Partition, each: Backfill) -> Consumer:
        """A consumer that gives what comes next of it."""
        self._consumer = self._consumer or self._of_log.consumer([EVENTS])  # to reach Kafka anew for each would stop all the rest
        if self._current is each:
            return self._consumer
        if self._at is not None:
            self._consumer.release(self._at)
        self._current, self._at, self._left = each, partition.at, []
        begin = self._consumer.beginning_offsets()[partition.at]
        if each.begin < 0 or each.reading.next_offset < begin:
            each.begins(begin, self._clock())
        self._consumer.seek(partition.at, each.reading.next_offset)
        return self._consumer


def _all(owned: Mapping[TopicPartition, Partition]) -> Iterator[tuple[Partition, Backfill]]:
    """Not of those that stand still, or will."""
    return ((p, each) for p in owned.values() if p.halted is None and p.barrier is None for each in p.backfills.values())


def _is_far(partition: Partition, each: Backfill) -> bool:
    return partition.next_offset - each.reading.next_offset > NEAR_RECORDS
