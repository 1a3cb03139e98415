"""Dead letters, of ingest and of the detector, in one table; of each project so many bytes a day."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from contracts.messages import DeadLetter
from detector import tables
from detector.changes import Buried
from detector.store.bulk import for_each_dialect, insert, listed

DAY_BYTES_MAX = 64 * 1024 * 1024
"""Of one project's letters that were received on one day (UTC), with LETTER_BYTES for each beside its body."""
LETTER_BYTES = 512
_DAY_MS = 86_400_000

_LETTER = list(DeadLetter.__struct_fields__)
_STATE = [tables.dead_letters.c[name] for name in ("replayed_at", "topic", "partition", "offset")]
_COLUMNS = [tables.dead_letters.c[name] for name in _LETTER]


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """`seq` counts up in the order of storing."""

    seq: int
    letter: DeadLetter
    replayed_at: int | None = None
    place: tuple[str, int, int] = ("", -1, -1)
    """Topic, partition and offset of the record that it came of last."""


class DeadLetters:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(
        self, limit: int, project: str | None = None, code: str | None = None, before: int | None = None
    ) -> list[StoredLetter]:
        """Newest first; those with a `seq` below `before`."""
        c = tables.dead_letters.c
        query = sa.select(c.seq, *_COLUMNS, *_STATE).order_by(c.seq.desc()).limit(limit)
        for column, value in ((c.project, project), (c.code, code)):
            if value is not None:
                query = query.where(column == value)
        if before is not None:
            query = query.where(c.seq < before)
        return self._read(query)

    def since(self, seq: int, limit: int = 1000) -> list[StoredLetter]:
        """Those stored after `seq`, oldest first."""
        c = tables.dead_letters.c
        return self._read(sa.select(c.seq, *_COLUMNS, *_STATE).where(c.seq > seq).order_by(c.seq).limit(limit))

    def get(self, letter_id: str) -> StoredLetter | None:
        c = tables.dead_letters.c
        found = self._read(sa.select(c.seq, *_COLUMNS, *_STATE).where(c.id == letter_id))
        return found[0] if found else None

    def to_replay(  # noqa: PLR0913, PLR0917 - which, and how many
        self, project: str, code: str | None, ids: Sequence[str] | None, after: int, most: int, bytes_max: int
    ) -> tuple[list[StoredLetter], bool]:
        """Those that were not replayed yet, with a `seq` beyond `after`, oldest first; `bytes_max` of bodies, or one.

        And whether there are more.
        """
        c = tables.dead_letters.c
        query = sa.select(c.seq, sa.func.length(c.body)).where(c.project == project, c.replayed_at.is_(None), c.seq > after)
        if code is not None:
            query = query.where(c.code == code)
        if ids is not None:
            query = query.where(c.id.in_(ids))
        with self._engine.connect() as tx:
            sizes = tx.execute(query.order_by(c.seq).limit(most + 1)).all()
        so_far = accumulate(size for _, size in sizes[:most])
        fitting = max(sum(taken <= bytes_max for taken in so_far), 1)
        seqs = [seq for seq, _ in sizes[:fitting]]
        return self._read(sa.select(c.seq, *_COLUMNS, *_STATE).where(c.seq.in_(seqs)).order_by(c.seq)), fitting < len(sizes)

    def of_detector(self, project: str, holds: str) -> list[StoredLetter]:
        """Those of the detector's own whose body holds a text, the newest few."""
        c = tables.dead_letters.c
        mine = c.project == project, c.route.is_(None), c.body.contains(holds, autoescape=True)
        return self._read(sa.select(c.seq, *_COLUMNS, *_STATE).where(*mine).order_by(c.seq.desc()).limit(5))

    def replayed(self, done: Sequence[StoredLetter], refused: Sequence[DeadLetter], now: int) -> None:
        """The events of `done` are in the log, and may have failed again already; `refused` are still none, and say why."""
        table = tables.dead_letters
        with self._engine.begin() as tx:
            for each in done:
                mine = sa.tuple_(table.c.id, table.c.topic, table.c.partition, table.c.offset) == (each.letter.id, *each.place)
                tx.execute(sa.update(table).where(mine).values(replayed_at=now))
            for letter in refused:
                why = {"code": letter.code, "message": letter.message, "field": letter.field}
                tx.execute(sa.update(table).where(table.c.id == letter.id).values(why))

    def count(self, code: str, received_since: int) -> int:
        c = tables.dead_letters.c
        query = sa.select(sa.func.count()).where(c.code == code, c.received_at >= received_since)
        with self._engine.connect() as tx:
            return tx.execute(query).scalar_one()

    def sweep(self, before: int, most: int) -> int:
        """Delete up to `most` of those received before `before`, oldest first; how many there were."""
        c = tables.dead_letters.c
        oldest = sa.select(c.seq).where(c.received_at < before).order_by(c.received_at).limit(most)
        days = tables.dead_letter_days
        with self._engine.begin() as tx:
            tx.execute(sa.delete(days).where(days.c.day < before // _DAY_MS))
            return tx.execute(sa.delete(tables.dead_letters).where(c.seq.in_(oldest))).rowcount

    def full(self, now: int) -> list[str]:
        """The projects whose letters of today are too many to be kept here, all of them."""
        c = tables.dead_letter_days.c
        query = sa.select(c.project).where(c.day == now // _DAY_MS, c.bytes > DAY_BYTES_MAX).order_by(c.project)
        with self._engine.connect() as tx:
            return list(tx.execute(query).scalars())

    def _read(self, query: sa.Select[Any]) -> list[StoredLetter]:
        with self._engine.connect() as tx:
            rows = tx.execute(query).all()
        letters = [DeadLetter(**dict(zip(_LETTER, row[1 : 1 + len(_LETTER)], strict=True))) for row in rows]
        return [
            StoredLetter(row.seq, letter, row.replayed_at, (row.topic, row.partition, row.offset))
            for row, letter in zip(rows, letters, strict=True)
        ]


_AGAIN = (
    "ON CONFLICT (id) DO UPDATE SET replayed_at = NULL, "
    'topic = excluded.topic, partition = excluded.partition, "offset" = excluded."offset" '
    'WHERE (dead_letters.topic, dead_letters.partition, dead_letters."offset") '
    '<> (excluded.topic, excluded.partition, excluded."offset")'
)


_ADD = sa.text(
    "INSERT INTO dead_letter_days (project, day, bytes) VALUES (:project, :day, :bytes) "
    "ON CONFLICT (project, day) DO UPDATE SET bytes = dead_letter_days.bytes + excluded.bytes RETURNING bytes"
)
_known = for_each_dialect(lambda one_of: sa.select(tables.dead_letters.c.id).where(one_of(tables.dead_letters.c.id, "ids")))


def write_dead_letters(tx: sa.Connection, buried: Sequence[Buried]) -> int:
    """Append; a letter that is already there is kept as it is (ingest may append one twice, and its id says so).

    One that comes of another record has failed again. Returns how many are not kept here, for their day has brought
    DAY_BYTES_MAX before them: the log has them, as long as it has anything.
    """
    once = {each.letter.id: each for each in buried}
    beyond = _beyond(tx, list(once.values()))
    if beyond:
        ids = [each.letter.id for each in beyond]
        known = set(tx.execute(_known[tx.dialect.name], {"ids": listed(ids, tx)}).scalars())
        beyond = [each for each in beyond if each.letter.id not in known]
        for each in beyond:
            del once[each.letter.id]
    rows = [
        (*(getattr(b.letter, name) for name in _LETTER), b.partition.topic, b.partition.partition, b.offset)
        for b in once.values()
    ]
    insert(tx, tables.dead_letters, [*_LETTER, "topic", "partition", "offset"], rows, _AGAIN)
    return len(beyond)


def _beyond(tx: sa.Connection, buried: Sequence[Buried]) -> list[Buried]:
    """Count them all to their days; those that came when the day's room was taken."""
    came = Counter[tuple[str, int]]()
    for each in buried:
        came[_day(each)] += _bytes(each)
    taken: dict[tuple[str, int], int] = {}
    for (project, day), number in sorted(came.items()):  # in one order, for others may add to the same days
        total = tx.execute(_ADD, {"project": project, "day": day, "bytes": number}).scalar_one()
        taken[project, day] = total - number
    beyond = []
    for each in buried:
        taken[_day(each)] += _bytes(each)
        if taken[_day(each)] > DAY_BYTES_MAX:
            beyond.append(each)
    return beyond


def _day(buried: Buried) -> tuple[str, int]:
    return buried.letter.project, buried.letter.received_at // _DAY_MS


def _bytes(buried: Buried) -> int:
    return LETTER_BYTES + len(buried.letter.body.encode())
