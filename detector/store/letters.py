"""Dead letters, of ingest and of the detector, in one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from contracts.messages import DeadLetter
from detector import tables
from detector.changes import Buried
from detector.store.bulk import insert

_LETTER = list(DeadLetter.__struct_fields__)
_COLUMNS = [tables.dead_letters.c[name] for name in _LETTER]


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """`seq` counts up in the order of storing."""

    seq: int
    letter: DeadLetter


class DeadLetters:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(
        self, limit: int, project: str | None = None, code: str | None = None, before: int | None = None
    ) -> list[StoredLetter]:
        """Newest first; those with a `seq` below `before`."""
        c = tables.dead_letters.c
        query = sa.select(c.seq, *_COLUMNS).order_by(c.seq.desc()).limit(limit)
        for column, value in ((c.project, project), (c.code, code)):
            if value is not None:
                query = query.where(column == value)
        if before is not None:
            query = query.where(c.seq < before)
        return self._read(query)

    def since(self, seq: int, limit: int = 1000) -> list[StoredLetter]:
        """Those stored after `seq`, oldest first."""
        c = tables.dead_letters.c
        return self._read(sa.select(c.seq, *_COLUMNS).where(c.seq > seq).order_by(c.seq).limit(limit))

    def get(self, letter_id: str) -> DeadLetter | None:
        c = tables.dead_letters.c
        found = self._read(sa.select(c.seq, *_COLUMNS).where(c.id == letter_id))
        return found[0].letter if found else None

    def count(self, code: str, received_since: int) -> int:
        c = tables.dead_letters.c
        query = sa.select(sa.func.count()).where(c.code == code, c.received_at >= received_since)
        with self._engine.connect() as tx:
            return tx.execute(query).scalar_one()

    def sweep(self, before: int, most: int) -> int:
        """Delete up to `most` of those received before `before`, oldest first; how many there were."""
        c = tables.dead_letters.c
        oldest = sa.select(c.seq).where(c.received_at < before).order_by(c.received_at).limit(most)
        with self._engine.begin() as tx:
            return tx.execute(sa.delete(tables.dead_letters).where(c.seq.in_(oldest))).rowcount

    def _read(self, query: sa.Select[Any]) -> list[StoredLetter]:
        with self._engine.connect() as tx:
            rows = tx.execute(query).all()
        return [StoredLetter(row[0], DeadLetter(**dict(zip(_LETTER, row[1:], strict=True)))) for row in rows]


def write_dead_letters(tx: sa.Connection, buried: Sequence[Buried]) -> None:
    """Append; a letter that is already there is kept as it is (ingest may append one twice, and its id says so)."""
    rows = [(*(getattr(b.letter, name) for name in _LETTER), b.partition.topic, b.partition.partition, b.offset) for b in buried]
    insert(tx, tables.dead_letters, [*_LETTER, "topic", "partition", "offset"], rows, "ON CONFLICT (id) DO NOTHING")
