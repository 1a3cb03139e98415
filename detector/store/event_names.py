"""How often each event came, by project and name; a row for each partition, so that no two detectors write the same one."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from detector import tables
from detector.changes import EventNameRow
from detector.store.bulk import insert


class EventName(NamedTuple):
    """Over all partitions. Times are partition times, epoch milliseconds."""

    type: str
    name: str
    number: int
    first_seen: int
    last_seen: int


class EventNames:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def known(self, partition: int) -> list[tuple[str, str, str]]:
        """(project, type, name) of every row of the partition."""
        n = tables.event_names.c
        with self._engine.connect() as tx:
            rows = tx.execute(sa.select(n.project, n.type, n.name).where(n.partition == partition))
            return [(row[0], row[1], row[2]) for row in rows]

    def all(self, project: str) -> list[EventName]:
        """The most frequent first."""
        n = tables.event_names.c
        total = sa.cast(sa.func.sum(n.number), sa.BigInteger).label("total")
        query = (
            sa.select(n.type, n.name, total, sa.func.min(n.first_seen), sa.func.max(n.last_seen))
            .where(n.project == project)
            .group_by(n.type, n.name)
            .order_by(sa.desc("total"), n.type, n.name)
        )
        with self._engine.connect() as tx:
            return [EventName(*row) for row in tx.execute(query)]


def write_event_names(tx: sa.Connection, rows: Sequence[EventNameRow]) -> None:
    """Add to what is there. Partition time never goes back, so the newest row was seen last."""
    conflict = (
        'ON CONFLICT ("partition", project, type, name) DO UPDATE SET '
        "number = event_names.number + excluded.number, last_seen = excluded.last_seen"
    )
    insert(tx, tables.event_names, EventNameRow._fields, rows, conflict)
