"""A partition's second reading for one project: where it stands, and what it folds."""

from dataclasses import dataclass

from contracts.messages import EVENTS
from detector.changes import BackfillRow
from detector.core.instants import NEVER
from detector.core.rulebook.program import Program
from detector.partition import Partition
from eventlog.port import TopicPartition


@dataclass(slots=True)
class Backfill:
    """`gathers`: the program that folds what is missing. `reading`: positions run ahead of the database, as the first one's."""

    project: str
    gathers: Program
    reading: Partition
    begin: int = -1
    """Where the log began when this began; -1: it has not yet."""
    since: int = NEVER
    """The append time of the oldest record that was there; -1: it was the first of all, NEVER: none is read yet."""
    started_at: int = 0
    tried_at: int = 0
    """When the end was last announced, or that was tried."""
    announced: bool = False

    @property
    def version(self) -> int:
        """Of the rulebook that it is for."""
        return self.gathers.version

    def begins(self, offset: int, now: int) -> None:
        """The log holds nothing before `offset`; what had been read until here may have a gap behind it."""
        self.started_at = self.started_at or now
        self.begin = self.reading.next_offset = offset
        self.since = -1 if offset == 0 else NEVER

    def row(self, partition: int) -> BackfillRow:
        reading = self.reading
        place = (self.begin, reading.next_offset, reading.time, self.since)
        return BackfillRow(partition, self.project, self.version, *place, self.started_at)


def backfill(partition: int, gathers: Program, stored: BackfillRow | None) -> Backfill:
    """From where it stands in the database, if it is there, and for the same version."""
    project = gathers.rulebook.project
    # Its own copies are recognised by themselves, under a topic of their own: the first reading's were read before them.
    name = TopicPartition(f"{EVENTS}/{project}/{gathers.version}", partition)
    if stored is None or stored.version != gathers.version:
        return Backfill(project, gathers, Partition(name, 0, 0, 0))
    reading = Partition(name, 0, stored.next_offset, stored.time)
    return Backfill(project, gathers, reading, stored.begin, stored.since, stored.started_at)
