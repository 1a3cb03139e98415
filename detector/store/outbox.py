"""The outbox: record values that a committed transaction wants appended, in order, until they are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from detector import tables
from detector.changes import OutboxRow
from detector.store.bulk import for_each_dialect, insert, listed
from eventlog.port import Entry, TopicPartition

STATEMENT_BYTES_MAX = 16 * 1024 * 1024
_COLUMNS = [*OutboxRow._fields, "created_at"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    seq: int
    entry: Entry


class Outbox:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def first(self, sources: Collection[TopicPartition], limit: int) -> list[Outgoing]:
        """The oldest rows that these partitions wrote: only their owner sends them, so their order is kept."""
        query = _first_of(frozenset(sources))
        with self._engine.connect() as tx:
            rows = tx.execute(query, {"most": limit})
            return [Outgoing(row[0], Entry(row[1], row[2], bytes(row[3]))) for row in rows]

    def delete(self, sent: Sequence[Outgoing]) -> None:
        with self._engine.begin() as tx:
            tx.execute(_SENT[tx.dialect.name], {"sent": listed((row.seq for row in sent), tx)})

    def oldest(self) -> int | None:
        """When the oldest row was written; None: empty."""
        with self._engine.connect() as tx:
            oldest: int | None = tx.execute(sa.select(sa.func.min(tables.outbox.c.created_at))).scalar_one()
            return oldest


_SENT = for_each_dialect(lambda one_of: sa.delete(tables.outbox).where(one_of(tables.outbox.c.seq, "sent")))


@lru_cache(maxsize=64)
def _first_of(sources: frozenset[TopicPartition]) -> sa.Select[Any]:
    """A worker asks for the same partitions until they move."""
    o = tables.outbox.c
    by_topic: dict[str, list[int]] = {}
    for source in sorted(sources):
        by_topic.setdefault(source.topic, []).append(source.partition)
    ours = [(o.source_topic == topic) & o.source_partition.in_(numbers) for topic, numbers in by_topic.items()]
    query = sa.select(o.seq, o.topic, o.partition, o.value).where(sa.or_(sa.false(), *ours))
    return query.order_by(o.seq).limit(sa.bindparam("most"))


def write_outbox(tx: sa.Connection, rows: Sequence[OutboxRow], now: int) -> None:
    """In statements of bounded size: a database refuses one of 1 GB, and needs several times its size in memory."""
    part: list[tuple[object, ...]] = []
    size = 0
    for row in rows:
        if part and size + len(row.value) > STATEMENT_BYTES_MAX:
            insert(tx, tables.outbox, _COLUMNS, part)
            part, size = [], 0
        part.append((*row, now))
        size += len(row.value)
    insert(tx, tables.outbox, _COLUMNS, part)
