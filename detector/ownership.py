"""Which partitions are ours: the consumer's assignment in, acquired partitions with their positions out."""

import logging

from detector.changes import Checkpoint
from detector.compute import Compute
from detector.partition import Partition
from detector.programs import RulebookMissingError
from detector.store import DetectorStore
from eventlog.port import Consumer, OffsetOutOfRangeError, TopicPartition
from runtime.clock import Clock

_log = logging.getLogger("detector")


class Ownership:
    """`owned` follows the assignment. What stopped for a defect goes no further until the process starts again."""

    def __init__(self, consumer: Consumer, store: DetectorStore, compute: Compute, clock: Clock, owner: str) -> None:
        self._consumer = consumer
        self._store = store
        self._compute = compute
        self._clock = clock
        self._owner = owner
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._stopped: set[TopicPartition] = set()
        self._barriers: dict[TopicPartition, tuple[int, str]] = {}
        self.owned: dict[TopicPartition, Partition] = {}

    def is_current(self) -> bool:
        """False: partitions came or went, or `release` was called; `acquire` is due."""
        return self._assigned == self._consumer.assignment()

    def release(self) -> None:
        """Nothing is ours until the next `acquire`."""
        self.owned = {}
        self._assigned = frozenset()

    def acquire(self) -> None:
        """Take every assigned partition, before any of its facts are loaded."""
        self.release()
        assigned = self._consumer.assignment()
        beginnings = self._consumer.beginning_offsets()
        taken = {at: self._take(at, beginnings[at]) for at in sorted(assigned - self._stopped)}
        # Only now, when nobody else moves the checkpoints any more: an end of before may lie behind what another has read.
        ends = self._consumer.end_offsets()
        for at, checkpoint in taken.items():
            self._begin(at, checkpoint, beginnings[at], ends[at])
        self._assigned = assigned

    def stop_before(self, at: TopicPartition, offset: int, reason: str) -> None:
        """Once acquired again, the partition is read up to `offset`; there it stands still and says why."""
        known = self._barriers.get(at)
        if known is None or offset < known[0]:
            self._barriers[at] = (offset, reason)
        _log.error("partition halts", extra={"topic": at.topic, "partition": at.partition, "reason": reason})

    def sources(self) -> set[TopicPartition]:
        """Whose outbox is ours to send: what was committed goes out, also where nothing more is read."""
        return self.owned.keys() | (self._stopped & self._assigned)

    def halted(self) -> int:
        """How many partitions stand still."""
        return len(self._stopped & self._assigned) + sum(p.halted is not None for p in self.owned.values())

    def _stop(self, at: TopicPartition, reason: str) -> None:
        """Stand still, and do not take the partition again in this process. What cannot be said is tried again first."""
        self._store.checkpoints.halt(at, reason)
        self._stopped.add(at)
        _log.error("partition halted", extra={"topic": at.topic, "partition": at.partition, "reason": reason})

    def _take(self, at: TopicPartition, beginning: int) -> Checkpoint:
        return self._store.checkpoints.acquire(at, self._owner, beginning, self._clock())

    def _begin(self, at: TopicPartition, checkpoint: Checkpoint, beginning: int, end: int) -> None:
        if not beginning <= checkpoint.next_offset <= end:
            self._stop(at, _outside(checkpoint.next_offset, beginning, end))
            return
        partition = Partition(at, checkpoint.version, checkpoint.next_offset, checkpoint.time)
        partition.barrier = self._barriers.get(at)
        try:
            self._compute.acquire(partition, self._store.rulebooks.adopted(at))
            self._consumer.seek(at, checkpoint.next_offset)
        except RulebookMissingError as error:
            self._stop(at, f"stopped before offset {checkpoint.next_offset}: {error}")
        except OffsetOutOfRangeError:
            self._stop(at, _outside(checkpoint.next_offset, beginning, end))
        else:
            self.owned[at] = partition


def _outside(offset: int, beginning: int, end: int) -> str:
    return (
        f"the checkpoint is at offset {offset} and the log holds {beginning} to {end}: "
        "its retention has passed the checkpoint, or it is another log. Restore the log, or the database of the same time."
    )
