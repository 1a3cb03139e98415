"""Commands and what became of them: what the API waits for, and how a repeat is recognised."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from detector import tables
from detector.changes import CommandRow
from detector.store.bulk import for_each_dialect, insert, listed


class Commands:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that were applied or refused before. One query."""
        wanted = list(ids)
        if not wanted:
            return set()
        with self._engine.connect() as tx:
            return set(tx.execute(_KNOWN[tx.dialect.name], {"ids": listed(wanted, tx)}).scalars())

    def get(self, command_id: str) -> CommandRow | None:
        with self._engine.connect() as tx:
            row = tx.execute(_GET, {"id": command_id}).one_or_none()
        return None if row is None else CommandRow(*row)

    def sweep(self, before: int, most: int) -> int:
        """Delete up to `most` of those applied before partition time `before`, oldest first; how many there were."""
        c = tables.commands.c
        oldest = sa.select(c.id).where(c.applied_at < before).order_by(c.applied_at).limit(most)
        with self._engine.begin() as tx:
            return tx.execute(sa.delete(tables.commands).where(c.id.in_(oldest))).rowcount


_c = tables.commands.c
_KNOWN = for_each_dialect(lambda one_of: sa.select(_c.id).where(one_of(_c.id, "ids")))
_GET = sa.select(*[_c[name] for name in CommandRow._fields]).where(_c.id == sa.bindparam("id"))


def write_commands(tx: sa.Connection, rows: Sequence[CommandRow]) -> None:
    """Insert, plainly: that an id comes twice is found before."""
    insert(tx, tables.commands, CommandRow._fields, rows)
