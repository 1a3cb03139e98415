"""Which partitions are ours: the consumer's assignment in, acquired partitions with their positions out."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from contracts.messages import EVENTS
from detector import metrics
from detector.changes import BackfillRow, Checkpoint
from detector.compute import Compute
from detector.core.rulebook.model import Span
from detector.partition import Partition
from detector.programs import RulebookMissingError
from detector.store import DetectorStore, TopicMismatchError, refuse_another
from eventlog.port import Consumer, Log, OffsetOutOfRangeError, TopicPartition
from runtime.clock import Clock

_log = logging.getLogger("detector")
_Rulebooks: TypeAlias = tuple[Mapping[str, int], Mapping[str, Mapping[str, Span]], Mapping[str, BackfillRow]]
"""The versions that a partition has adopted, what it knows of keys that were not always there, and how far it was read again."""


class Ownership:
    """`owned` follows the assignment. What stopped goes no further until the group shares its partitions out anew."""

    def __init__(  # noqa: PLR0913 - here log, database and computation meet
        self, log: Log, consumer: Consumer, store: DetectorStore, compute: Compute, *, clock: Clock, owner: str
    ) -> None:
        self._log = log
        self._consumer = consumer
        self._store = store
        self._compute = compute
        self._clock = clock
        self._owner = owner
        self._generation: int | None = None
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._stopped: set[TopicPartition] = set()
        self._stopped_in = 0
        """The generation in which they were."""
        self._barriers: dict[TopicPartition, tuple[int, str]] = {}
        self.owned: dict[TopicPartition, Partition] = {}

    def is_current(self) -> bool:
        """False: partitions came or went, or `release` was called; `acquire` is due."""
        return self._generation == self._consumer.generation

    def release(self) -> None:
        """Nothing is ours until the next `acquire`."""
        self.owned = {}
        self._assigned = frozenset()
        self._generation = None

    def acquire(self) -> None:
        """Take every assigned partition, before any of its facts are loaded."""
        self.release()
        generation = self._consumer.generation
        if generation != self._stopped_in:  # whoever had them in between may have got over what stopped them here
            self._stopped, self._stopped_in = set(), generation
        assigned, others = self._compare(self._consumer.assignment())
        beginnings = self._consumer.beginning_offsets()
        wanted = {at: beginnings[at] for at in assigned - self._stopped}
        taken = self._store.checkpoints.acquire_all(wanted, self._owner, self._clock())
        # Only now, when nobody else moves the checkpoints any more: an end of before may lie behind what another has read.
        ends = self._consumer.end_offsets()
        adoption = {topic: self._store.rulebooks.adoption(topic) for topic in {at.topic for at in taken}}
        spans, backfills = self._store.rulebooks.spans(), self._store.backfills.all()
        for at, checkpoint in taken.items():
            if at.topic in others:
                self._stop(at, checkpoint, others[at.topic])
            else:
                adopted = {project: by[at.partition] for project, by in adoption[at.topic].items() if at.partition in by}
                known = spans.get(at.partition, {}) if at.topic == EVENTS else {}
                self._begin(at, checkpoint, (adopted, known, backfills.get(at.partition, {})), beginnings[at], ends[at])
        self._assigned, self._generation = assigned, generation
        metrics.OWNED.clear()
        for topic, count in Counter(at.topic for at in assigned).items():
            metrics.OWNED.labels(topic).set(count)
        self._consumer.show_progress({at: partition.next_offset for at, partition in self.owned.items()})

    def _compare(self, assigned: frozenset[TopicPartition]) -> tuple[frozenset[TopicPartition], dict[str, str]]:
        """What of it the database knows, and the topics that are others than it knows, with what to say of them.

        Partitions that were added later are left alone: nobody writes there.
        """
        others: dict[str, str] = {}
        if not assigned:
            return assigned, others
        known = self._store.checkpoints.topics()
        for name, state in self._log.topics(sorted({at.topic for at in assigned})).items():
            try:
                refuse_another(state, known[name])
            except TopicMismatchError as error:
                others[name] = str(error)
        return frozenset(at for at in assigned if at.partition < known[at.topic].partitions), others

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

    def _stop(self, at: TopicPartition, checkpoint: Checkpoint, reason: str) -> None:
        """Stand still until the group is shared out anew. What cannot be written down is tried again first."""
        self._store.checkpoints.halt(at, checkpoint.version, reason)
        self._stopped.add(at)
        _log.error("partition halted", extra={"topic": at.topic, "partition": at.partition, "reason": reason})

    def _begin(self, at: TopicPartition, checkpoint: Checkpoint, rulebooks: _Rulebooks, beginning: int, end: int) -> None:
        if not beginning <= checkpoint.next_offset <= end:
            self._stop(at, checkpoint, _outside(checkpoint.next_offset, beginning, end))
            return
        partition = Partition(at, checkpoint.version, checkpoint.next_offset, checkpoint.time)
        barrier = self._barriers.get(at)
        if barrier is not None and barrier[0] >= checkpoint.next_offset:  # else another process has got over it
            partition.barrier = barrier
        try:
            self._compute.acquire(partition, *rulebooks)
            self._consumer.seek(at, checkpoint.next_offset)
        except RulebookMissingError as error:
            self._stop(at, checkpoint, f"stopped before offset {checkpoint.next_offset}: {error}")
        except OffsetOutOfRangeError:
            self._stop(at, checkpoint, _outside(checkpoint.next_offset, beginning, end))
        else:
            self.owned[at] = partition


def _outside(offset: int, beginning: int, end: int) -> str:
    return (
        f"the checkpoint is at offset {offset} and the log holds {beginning} to {end}: "
        "its retention has passed the checkpoint, or it is another log. Restore the log, or the database of the same time."
    )
