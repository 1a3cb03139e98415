"""The log's topic `events` from its beginning in; the leads that it makes, in a scratch database, out. Nothing is published.

The same `Compute` as the worker's, so the same `holds` and `step`: only what is stored of accounts, leads and seen ids is
not looked at. Records are read up to where the real detector's checkpoints stand, and no further.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from contracts.columns import Columns
from contracts.messages import EVENTS, UNATTRIBUTED, Command, Place
from detector.agenda import Key
from detector.attributor import Attributor
from detector.backfill import Backfill
from detector.backfilling import Backfilling
from detector.changes import Changes
from detector.compute import Compute
from detector.folding import Folding
from detector.inventory import Inventory
from detector.partition import Partition
from detector.poison import PoisonError
from detector.programs import Programs
from detector.seen import SeenIds
from detector.seen_commands import SeenCommands
from detector.store import DetectorStore
from detector.store.audit import Scope
from eventlog.port import Consumer, Log, LogError, OffsetOutOfRangeError, Record, TopicPartition

POLL_S = 1.0
POLL_BYTES_MAX = 4 * 1024 * 1024
SILENT_S = 60.0
"""After so long without a record that must be there, the log is taken for broken."""
_SILENT = f"The log has given nothing for {SILENT_S:.0f} s. See that it runs, then verify again."


@dataclass(frozen=True, slots=True)
class Progress:
    """Records read of those that must be, and the usage events in them."""

    records: int
    of_records: int
    events: int


OnProgress: TypeAlias = Callable[[Progress], None]


class Narrowed(Folding):
    """Folds only what a scope covers: accounts do not depend on one another. Time passes for it all the same."""

    def __init__(self, scratch: DetectorStore, seen_key: bytes, scope: Scope, of_events: int) -> None:
        inventory = Inventory(scratch.event_names)
        super().__init__(
            scratch.accounts,
            SeenIds(scratch.seen, seen_key),
            SeenCommands(scratch.commands),
            inventory,
            partitions=1,
            of_events=of_events,
        )
        self._scope = scope

    def prepare(
        self, frames: Mapping[TopicPartition, Sequence[Columns]], commands: Sequence[Command], due: Iterable[Key]
    ) -> None:
        covered = {at: self._covered(each) for at, each in frames.items()}
        super().prepare(covered, [each for each in commands if self._scope.covers(each.project, each.account)], due)

    def take(self, partition: Partition, place: Place, columns: Columns, body: bytes, changes: Changes) -> None:
        for covered in self._covered([columns]):
            super().take(partition, place, covered, body, changes)

    def look_up(self, backfill: Backfill, frames: Sequence[Columns]) -> None:
        super().look_up(backfill, self._covered(frames))

    def gather(self, backfill: Backfill, columns: Columns) -> None:
        for covered in self._covered([columns]):
            super().gather(backfill, covered)

    def command(self, partition: Partition, place: Place, command: Command) -> None:
        if self._scope.covers(command.project, command.account):
            super().command(partition, place, command)

    def _covered(self, frames: Iterable[Columns]) -> list[Columns]:
        covers = self._scope.covers
        found = (columns.only([n for n, key in enumerate(columns.keys) if covers(*key)]) for columns in frames)
        return [columns for columns in found if columns is not None]


class Recompute:
    """Reads `partitions` of `events`. `until` may be called again with checkpoints that have moved on."""

    def __init__(  # noqa: PLR0913 - here everything meets
        self,
        log: Log,
        consumer: Consumer,
        scratch: DetectorStore,
        programs: Programs,
        *,
        partitions: Iterable[int],
        of_events: int,
        seen_key: bytes,
        scope: Scope,
        on_progress: OnProgress,
    ) -> None:
        """`scratch`: an empty store. `programs`: of the real one. `seen_key`: of the real one too, so that ids collide alike.

        `of_events`: how many partitions the topic has.
        """
        folding = Narrowed(scratch, seen_key, scope, of_events)
        self._compute = Compute(programs, folding, Attributor(scratch.people, {EVENTS: 1, UNATTRIBUTED: 1}))
        self._backfilling = Backfilling(log, self._compute, lambda: 0)
        self._consumer = consumer
        self._scratch = scratch
        self._on_progress = on_progress
        self._partitions = {number: TopicPartition(EVENTS, number) for number in partitions}
        self._owned: dict[TopicPartition, Partition] = {}
        self._targets: dict[TopicPartition, int] = {}
        self._events = 0
        self.stops: dict[int, tuple[int, str]] = {}
        """Partition -> (offset, why) before which it had to stop: from there on nothing was recomputed."""

    @property
    def events(self) -> int:
        """Usage events read."""
        return self._events

    def until(self, checkpoints: Mapping[int, int]) -> None:
        """Read on to each partition's checkpoint. Raises LogError."""
        self._targets = {at: checkpoints.get(number, 0) for number, at in self._partitions.items()}
        self._acquire()
        try:
            self._read()
        except OffsetOutOfRangeError as error:
            self._commit()
            for partition in self._pending():
                self._stop(partition, str(error))

    def _read(self) -> None:
        silent_since = time.monotonic()
        while self._pending():
            records = self._consumer.poll(POLL_S, POLL_BYTES_MAX)
            if records:
                silent_since = time.monotonic()
                self._take([r for r in records if r.offset < self._targets.get(TopicPartition(r.topic, r.partition), 0)])
            elif time.monotonic() - silent_since > SILENT_S:
                raise LogError(_SILENT)
        self._commit()

    def _acquire(self) -> None:
        """Take up every partition where the scratch database stands."""
        spans, backfills = self._scratch.rulebooks.spans(), self._scratch.backfills.all()
        self._backfilling.drop()
        for number, at in self._partitions.items():
            checkpoint = self._scratch.checkpoints.acquire(at, "verify", 0, 0)
            partition = self._owned[at] = Partition(at, checkpoint.version, checkpoint.next_offset, checkpoint.time)
            self._compute.acquire(partition, self._scratch.rulebooks.adopted(at), spans.get(number), backfills.get(number))
            stop = self.stops.get(number)
            if stop is not None and stop[0] <= partition.next_offset:
                partition.halted = stop[1]
                continue
            partition.barrier = stop
            try:
                self._consumer.seek(at, partition.next_offset)
            except OffsetOutOfRangeError as error:
                self._stop(partition, str(error))

    def _stop(self, partition: Partition, why: str) -> None:
        """Retention has passed the reading."""
        partition.halted = why
        self.stops[partition.at.partition] = (partition.next_offset, why)

    def _pending(self) -> list[Partition]:
        return [p for at, p in self._owned.items() if p.halted is None and p.next_offset < self._targets[at]]

    def _take(self, records: list[Record]) -> None:
        while records:
            try:
                records = self._compute.take(self._owned, records)
                if self._compute.waits_for is not None:
                    self._read_again(*self._compute.waits_for)
            except PoisonError as poison:
                # What was computed is lost with it: again from what is committed, and this time not so far.
                self._compute.clear()
                self.stops[poison.at.partition] = (poison.offset, f"{poison} ({poison.__cause__!r}): a defect; please report it")
                self._acquire()
                return
            if records or self._compute.is_full:
                self._commit()
        self._tell()

    def _read_again(self, partition: Partition, backfill: Backfill) -> None:
        """As far as the partition stands, or as the batch has room."""
        silent_since, stood_at = time.monotonic(), -1
        while backfill.reading.next_offset < partition.next_offset and not self._compute.is_full:
            self._backfilling.step(self._owned, wait=True)
            if backfill.begin > 0:
                self._stop(
                    partition, f"the log begins at offset {backfill.begin} now, and had to be read again from its beginning"
                )
                return
            if backfill.reading.next_offset > stood_at:
                silent_since, stood_at = time.monotonic(), backfill.reading.next_offset
            elif time.monotonic() - silent_since > SILENT_S:
                raise LogError(_SILENT)

    def _commit(self) -> None:
        batch = self._compute.close()
        batch.changes.outbox.clear()
        batch.changes.dead_letters.clear()
        self._scratch.commit(batch.changes, 0)
        self._compute.settled()
        self._events += batch.events
        for at, partition in self._owned.items():
            if partition.halted is not None:
                self.stops.setdefault(at.partition, (partition.next_offset, partition.halted))
        self._tell()

    def _tell(self) -> None:
        read = sum(partition.next_offset for partition in self._owned.values())
        self._on_progress(Progress(read, sum(self._targets.values()), self._events + self._compute.batch.events))
