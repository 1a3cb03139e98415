"""Accounts' facts and ledgers, and the ids already seen: loaded for a whole batch at once, written in bulk."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from detector import tables
from detector.changes import AccountRow, DueRow, FactRow, SeenRow
from detector.store.bulk import delete, for_each_dialect, insert, listed
from eventlog.port import TopicPartition

Chunks = dict[tuple[str, int], bytes]


class Accounts:
    """Reads for the worker's cache. Writes are part of the worker's commit (`write`)."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def load(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, Chunks]]:
        """(project, account) -> hot row and retained chunks, of those that exist. Two queries per project."""
        by_project: dict[str, list[str]] = defaultdict(list)
        for project, account in wanted:
            by_project[project].append(account)
        found: dict[tuple[str, str], tuple[bytes, Chunks]] = {}
        if not by_project:
            return found
        with self._engine.connect() as tx:
            for project, names in by_project.items():
                ours = {"project": project, "names": listed(names, tx)}
                for account, body in tx.execute(_HOT[tx.dialect.name], ours):
                    found[project, account] = (body, {})
                if not found:
                    continue
                for account, measure, chunk, body in tx.execute(_CHUNKS[tx.dialect.name], ours):
                    found[project, account][1][measure, chunk] = body
        return found

    def due(self, partition: int) -> list[DueRow]:
        """Of every account of a partition of `events` that time alone can change."""
        with self._engine.connect() as tx:
            return [DueRow(*row) for row in tx.execute(_DUE, {"partition": partition})]

    def first_due(self) -> int | None:
        """The earliest time at which an account is due; None: none is, or what is due is an import that is being judged."""
        with self._engine.connect() as tx:
            first: int | None = tx.execute(sa.select(sa.func.min(tables.due.c.due)).where(tables.due.c.due > 0)).scalar_one()
            return first


class Seen:
    """The hashes of ids by hour, and the key that they are made with."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def key(self, fresh: bytes) -> bytes:
        """The hash key of this database: `fresh` if it has none yet."""
        with self._engine.begin() as tx:
            insert(tx, tables.seen_keys, ("id", "key"), [(1, fresh)], "ON CONFLICT (id) DO NOTHING")
            return bytes(tx.execute(sa.select(tables.seen_keys.c.key)).scalar_one())

    def load(self, partition: TopicPartition, hours: Iterable[int]) -> list[tuple[int, int, bytes]]:
        """(hour, partition time, ids of 8 bytes each) of every row of `hours`, oldest partition time first."""
        with self._engine.connect() as tx:
            rows = tx.execute(_SEEN[tx.dialect.name], {**partition._asdict(), "hours": listed(hours, tx)})
            return [(row[0], row[1], bytes(row[2])) for row in rows]


_a, _f, _d, _s = tables.accounts.c, tables.facts.c, tables.due.c, tables.seen.c
_HOT = for_each_dialect(
    lambda one_of: sa.select(_a.account, _a.hot).where(_a.project == sa.bindparam("project"), one_of(_a.account, "names"))
)
_CHUNKS = for_each_dialect(
    lambda one_of: sa.select(_f.account, _f.measure, _f.chunk, _f.body).where(
        _f.project == sa.bindparam("project"), one_of(_f.account, "names")
    )
)
_DUE = sa.select(*(_d[name] for name in DueRow._fields)).where(_d.partition == sa.bindparam("partition"))
_SEEN = for_each_dialect(
    lambda one_of: (
        sa.select(_s.hour, _s.partition_time, _s.ids)
        .where(_s.topic == sa.bindparam("topic"), _s.partition == sa.bindparam("partition"), one_of(_s.hour, "hours"))
        .order_by(_s.partition_time)
    )
)


def write_accounts(tx: sa.Connection, accounts: Sequence[AccountRow], facts: Sequence[FactRow]) -> None:
    """Upsert hot rows and changed chunks; a chunk without a body goes."""
    insert(tx, tables.accounts, AccountRow._fields, accounts, "ON CONFLICT (project, account) DO UPDATE SET hot = excluded.hot")
    conflict = "ON CONFLICT (project, account, measure, chunk) DO UPDATE SET body = excluded.body"
    insert(tx, tables.facts, FactRow._fields, [row for row in facts if row.body], conflict)
    delete(tx, tables.facts, FactRow._fields[:4], [row[:4] for row in facts if not row.body])


def write_due(tx: sa.Connection, due: Sequence[DueRow], no_longer: Sequence[tuple[str, str]]) -> None:
    delete(tx, tables.due, DueRow._fields[:2], no_longer)
    conflict = "ON CONFLICT (project, account) DO UPDATE SET due = excluded.due, importing = excluded.importing"
    insert(tx, tables.due, DueRow._fields, due, conflict)


def write_seen(tx: sa.Connection, rows: Sequence[SeenRow], forget: Iterable[tuple[TopicPartition, int]]) -> None:
    """Append the new ids; delete those written before the given partition times."""
    insert(tx, tables.seen, SeenRow._fields, rows)
    c = tables.seen.c
    for partition, before in forget:
        tx.execute(
            sa.delete(tables.seen).where(
                c.topic == partition.topic, c.partition == partition.partition, c.partition_time < before
            )
        )
