"""How far partitions were read again for facts that a rulebook began too late."""

from collections.abc import Mapping

import sqlalchemy as sa

from detector import tables
from detector.changes import BackfillRow
from detector.store.bulk import delete, insert
from eventlog.port import TopicPartition


class Backfills:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project: str | None = None) -> dict[int, dict[str, BackfillRow]]:
        """Partition of `events` -> project -> where that stands; of all projects or of one."""
        b = tables.backfills.c
        query = sa.select(*(b[name] for name in BackfillRow._fields))
        if project is not None:
            query = query.where(b.project == project)
        found: dict[int, dict[str, BackfillRow]] = {}
        with self._engine.connect() as tx:
            for each in tx.execute(query):
                row = BackfillRow(*each)
                found.setdefault(row.partition, {})[row.project] = row
        return found


def write_backfills(tx: sa.Connection, backfills: Mapping[tuple[TopicPartition, str], BackfillRow | None]) -> None:
    """None: it goes."""
    ended = [(at.partition, project) for (at, project), row in backfills.items() if row is None]
    delete(tx, tables.backfills, ("partition", "project"), ended)
    names = BackfillRow._fields[2:]
    conflict = f"ON CONFLICT (partition, project) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}"
    insert(tx, tables.backfills, BackfillRow._fields, [row for row in backfills.values() if row is not None], conflict)
