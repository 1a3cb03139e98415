"""Which events arrive: those of a batch in, rows that are added to the stored counts out. Copies are not counted."""

from collections import Counter, defaultdict
from typing import Final

from contracts.columns import Columns
from detector.changes import Changes, EventNameRow
from detector.partition import Partition
from detector.store.event_names import EventNames
from eventlog.port import TopicPartition

NAMES_MAX: Final = 500
"""Of one project in one partition. Whatever is new beyond is counted together, for some clients put ids into names."""
NAME_MAX: Final = 200
"""Characters of a name that are kept."""
OTHERS: Final = ("other", "")
"""Type and name of the row of all that is beyond."""

_Name = tuple[str, str]
"""Type and name; of what has none, the empty text."""


class Inventory:
    """The names that a partition knows are in memory; its counts are written with its batches."""

    def __init__(self, store: EventNames) -> None:
        self._store = store
        self._known: dict[TopicPartition, defaultdict[str, set[_Name]]] = {}
        self._open: defaultdict[TopicPartition, Counter[tuple[str, str, str | None]]] = defaultdict(Counter)

    def acquire(self, partition: Partition) -> None:
        """Load the names that the partition of `events` knows."""
        known = self._known[partition.at] = defaultdict(set)
        for project, type_, name in self._store.known(partition.at.partition):
            known[project].add((type_, name))

    def has_heard(self, partition: Partition, project: str) -> bool:
        """Whether any event of the project came to the partition."""
        return project in self._known[partition.at] or any(of == project for of, _, _ in self._open[partition.at])

    def take(self, partition: Partition, columns: Columns) -> None:
        counts = self._open[partition.at]
        for project, _, part in columns.of_each_project():
            for name, count in Counter(part.each(part.name)).items():
                counts[project, *part.names[name]] += count

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        """Put what the open batch counted into `changes`. The time is partition time, when it is closed."""
        for at, partition in partitions.items():
            counts = self._open.get(at)
            if not counts:
                continue
            found = Counter[tuple[str, _Name]]()
            for (project, type_, name), count in counts.items():
                found[project, self._kept(self._known[at][project], (type_, _clean(name)))] += count
            changes.event_names += (
                EventNameRow(at.partition, project, *name, count, partition.time, partition.time)
                for (project, name), count in found.items()
            )
            counts.clear()

    def clear(self) -> None:
        """Forget everything in memory; the partitions are acquired anew."""
        self._known.clear()
        self._open.clear()

    @staticmethod
    def _kept(known: set[_Name], name: _Name) -> _Name:
        if name in known:
            return name
        if len(known) >= NAMES_MAX:
            return OTHERS
        known.add(name)
        return name


def _clean(name: str | None) -> str:
    """As a database can keep it."""
    return "" if name is None else name[:NAME_MAX].replace("\0", "")
