"""A partition that this worker owns: where it stands, by which rulebooks it judges, who is due in it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.messages import Place
from detector.agenda import Agenda, Key
from detector.core.instants import NEVER
from detector.core.rulebook.model import Span
from detector.core.rulebook.program import Program
from eventlog.port import Record, TopicPartition

if TYPE_CHECKING:
    from detector.backfill import Backfill


@dataclass(slots=True)
class Partition:
    """Positions run ahead of the database while a batch is computed; `version` counts our own swaps along."""

    at: TopicPartition
    version: int
    next_offset: int
    time: int
    """Partition time: the running maximum of the records' append times."""
    programs: dict[str, Program] = field(default_factory=dict)
    """project -> the rulebook that this partition has adopted."""
    spans: dict[str, Mapping[str, Span]] = field(default_factory=dict)
    """Of `events`: project -> key -> since when facts are kept and rules are judged that were not always, and what is gone."""
    spans_end: int = NEVER
    """Partition time until which nothing of it is gone for too long."""
    backfills: "dict[str, Backfill]" = field(default_factory=dict)
    """Of `events`: project -> the second reading, for facts of which not all was kept."""
    barrier: tuple[int, str] | None = None
    """(offset, why): from this record on nothing is read, for a defect was met there."""
    halted: str | None = None
    """Why nothing more is read of it. What came before is committed together with this reason."""
    ids_since: int = 0
    """The day of partition time before which no seen ids are stored any more."""
    agenda: Agenda = field(default_factory=Agenda)
    """Of `events`: the accounts that time alone can change. Of `unattributed`: the people who have events waiting."""
    importing: set[Key] = field(default_factory=set)
    """Of `events`: those of the agenda's accounts that have history which is not judged yet."""
    held: Counter[str] = field(default_factory=Counter)
    """project -> how many of its events wait."""
    ticked_at: int = 0
    """When a tick was last thought of."""

    def is_barred(self, record: Record) -> bool:
        return self.barrier is not None and record.offset >= self.barrier[0]

    def place(self, record: Record) -> Place:
        return Place(topic=record.topic, partition=record.partition, offset=record.offset, time=self.time)
