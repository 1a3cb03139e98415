"""What `verify` reads: one unmoving view of the detector's tables, nothing written; and an empty database to recompute in."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from detector import tables
from detector.store.bulk import for_each_dialect, listed
from detector.store.leads import LeadEventRow, LeadRow
from eventlog.port import TopicState
from runtime.database import open_database
from runtime.settings import Settings

_LEADS = [tables.leads.c[name] for name in LeadRow.__dataclass_fields__]
_EVENTS = [tables.lead_events.c[name] for name in LeadEventRow.__dataclass_fields__]


@dataclass(slots=True)
class Kept:
    """Everything stored of one lead. `row` None: it is not in the table `leads`. `events`: oldest first."""

    row: LeadRow | None = None
    events: list[LeadEventRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which leads are looked at. None: any."""

    project: str | None = None
    account: str | None = None
    lead_id: str | None = None

    def covers(self, project: str, account: str | None) -> bool:
        return self.project in (None, project) and self.account in (None, account)


class Snapshot:
    """Reads within one transaction: what a detector commits meanwhile is not seen."""

    def __init__(self, tx: sa.Connection) -> None:
        self._tx = tx

    def checkpoints(self, topic: str) -> dict[int, int]:
        """Partition -> next offset, of every partition that was ever read."""
        c = tables.checkpoints.c
        query = sa.select(c.partition, c.next_offset).where(c.topic == topic)
        return {row[0]: row[1] for row in self._tx.execute(query)}

    def seen_key(self) -> bytes | None:
        """What the hashes of ids are made with; None before the first start."""
        key = self._tx.execute(sa.select(tables.seen_keys.c.key)).scalar_one_or_none()
        return None if key is None else bytes(key)

    def known(self, state: TopicState) -> TopicState:
        """The topic as the database was filled from it; as it is, if nothing was read of it yet."""
        t = tables.topics.c
        row = self._tx.execute(sa.select(t.name, t.partitions, t.topic_id).where(t.name == state.name)).one_or_none()
        return state if row is None else TopicState(*row)

    def account_of(self, lead_id: str) -> tuple[str, str] | None:
        """(project, account) of a lead; None: nothing is stored of it."""
        for table in (tables.lead_events, tables.leads):
            query = sa.select(table.c.project, table.c.account).where(table.c.lead_id == lead_id).limit(1)
            row = self._tx.execute(query).one_or_none()
            if row is not None:
                return row[0], row[1]
        return None

    def lead_ids(self, scope: Scope) -> Iterator[str]:
        """Of all leads that `scope` covers, in order of their bytes; those too of which only a row or only an event is left."""
        if scope.lead_id is not None:
            yield scope.lead_id
            return
        selects = [_covered(sa.select(table.c.lead_id), table, scope) for table in (tables.leads, tables.lead_events)]
        found = sa.union(*selects).subquery()
        # A database's own order of texts may be any; both sides must be in the same.
        order = sa.collate(found.c.lead_id, "C" if self._tx.dialect.name == "postgresql" else "BINARY")
        query = sa.select(found.c.lead_id).order_by(order).execution_options(yield_per=1_000)
        yield from self._tx.execute(query).scalars()

    def load(self, lead_ids: Collection[str]) -> Mapping[str, Kept]:
        """What is stored of each of them; of one that is nowhere, nothing."""
        found: defaultdict[str, Kept] = defaultdict(Kept)
        dialect, wanted = self._tx.dialect.name, {"lead_ids": listed(lead_ids, self._tx)}
        for row in self._tx.execute(_ROWS[dialect], wanted):
            found[row[0]].row = LeadRow(*row)
        for row in self._tx.execute(_LIVES[dialect], wanted):
            found[row.lead_id].events.append(LeadEventRow(**row._mapping))
        return found


_e = tables.lead_events.c
_ROWS = for_each_dialect(lambda one_of: sa.select(*_LEADS).where(one_of(tables.leads.c.lead_id, "lead_ids")))
_LIVES = for_each_dialect(
    lambda one_of: sa.select(*_EVENTS).where(one_of(_e.lead_id, "lead_ids")).order_by(_e.lead_id, _e.revision, _e.id)
)


def _covered(query: sa.Select[tuple[str]], table: sa.Table, scope: Scope) -> sa.Select[tuple[str]]:
    for column, value in ((table.c.project, scope.project), (table.c.account, scope.account)):
        if value is not None:
            query = query.where(column == value)
    return query


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[Snapshot]:
    """SQLite's readers see one state of the database from their first read on; PostgreSQL is asked for it."""
    with engine.connect() as tx:
        if tx.dialect.name == "postgresql":
            tx.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            tx.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # it reads the log meanwhile
        yield Snapshot(tx)


@contextmanager
def scratch(folder: Path) -> Iterator[sa.Engine]:
    """An empty database with the detector's tables, in `folder`."""
    engine = open_database(Settings(data=folder), "scratch")
    try:
        tables.metadata.create_all(engine)
        yield engine
    finally:
        engine.dispose()
