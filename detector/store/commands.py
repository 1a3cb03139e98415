"""Commands and what became of them: what the API waits for, and how a repeat is recognised."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from detector import tables
from detector.changes import CommandRow
from detector.store.bulk import insert, one_of


class Commands:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that were applied or refused before. One query."""
        wanted = list(ids)
        if not wanted:
            return set()
        c = tables.commands.c
        with self._engine.connect() as tx:
            return set(tx.execute(sa.select(c.id).where(one_of(c.id, wanted, tx))).scalars())

    def get(self, command_id: str) -> CommandRow | None:
        c = tables.commands.c
        with self._engine.connect() as tx:
            query = sa.select(*[c[name] for name in CommandRow._fields]).where(c.id == command_id)
            row = tx.execute(query).one_or_none()
        return None if row is None else CommandRow(*row)

    def sweep(self, before: int, most: int) -> int:
        """Delete up to `most` of those applied before partition time `before`, oldest first; how many there were."""
        c = tables.commands.c
        oldest = sa.select(c.id).where(c.applied_at < before).order_by(c.applied_at).limit(most)
        with self._engine.begin() as tx:
            return tx.execute(sa.delete(tables.commands).where(c.id.in_(oldest))).rowcount


def write_commands(tx: sa.Connection, rows: Sequence[CommandRow]) -> None:
    """Insert, plainly: that an id comes twice is found before."""
    insert(tx, tables.commands, CommandRow._fields, rows)
