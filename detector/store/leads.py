"""Leads: lead events as they were decided, and one row per lead, which is the newest of its lead events."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from contracts.messages import LeadEvent
from detector import tables
from detector.core.outcomes import Step
from detector.store.bulk import for_each_dialect, insert, listed
from eventlog.port import TopicPartition


class LeadEventConflictError(Exception):
    """A lead event with this id is already stored: the same decision was taken twice, which is a bug. Nothing was written."""

    def __init__(self, offsets: Mapping[TopicPartition, int], ids: Sequence[str]) -> None:
        super().__init__(f"lead events {', '.join(ids)} were decided twice")
        self.offsets = offsets
        """Of the first record of each partition that decided one of them."""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """`data` is the JSON object of the newest lead event's payload."""

    lead_id: str
    project: str
    account: str
    lead_type: str
    status: str
    temperature: str | None
    revision: int
    rulebook_version: int
    qualified_at: int
    opened_at: int
    updated_at: int
    data: str


@dataclass(frozen=True, slots=True)
class StoredLead(LeadRow):
    """`stored_at`: when its newest lead event was committed, by the wall clock of whoever did it."""

    stored_at: int


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """None: any. `updated_since`: stored then or later. `after`: (stored_at, lead_id) of the last lead already seen."""

    project: str | None = None
    status: str | None = None
    updated_since: int | None = None
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class LeadEventRow:
    """A lead event as it is stored: `body` is all of it, the rest is there to be looked for."""

    id: str
    lead_id: str
    revision: int
    type: str
    project: str
    account: str
    timestamp: int
    topic: str
    partition: int
    offset: int
    partition_time: int
    rulebook_version: int
    body: bytes


_LEAD = list(LeadRow.__dataclass_fields__)
_NEWEST = [name for name in _LEAD if name not in ("lead_id", "project", "account", "lead_type", "opened_at")]
_STORED_LEAD = [*_LEAD, "stored_at"]
_EVENT = list(LeadEventRow.__dataclass_fields__)
_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(LeadEvent)
_step_decoder = msgspec.json.Decoder(Step)


class Leads:
    """What the API reads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(self, wanted: LeadFilter, limit: int) -> list[StoredLead]:
        """In order of (stored_at, lead_id): in partition time, what a partition is late with lies behind who has read on."""
        t = tables.leads.c
        query = sa.select(*[t[name] for name in _STORED_LEAD]).order_by(t.stored_at, t.lead_id).limit(limit)
        for column, value in ((t.project, wanted.project), (t.status, wanted.status)):
            if value is not None:
                query = query.where(column == value)
        if wanted.updated_since is not None:
            query = query.where(t.stored_at >= wanted.updated_since)
        if wanted.after is not None:
            time, lead_id = wanted.after
            query = query.where((t.stored_at > time) | ((t.stored_at == time) & (t.lead_id > lead_id)))
        with self._engine.connect() as tx:
            return [StoredLead(*row) for row in tx.execute(query)]

    def newest(self, project: str, account: str, limit: int) -> list[StoredLead]:
        """One account's, those first that changed last."""
        t = tables.leads.c
        query = sa.select(*[t[name] for name in _STORED_LEAD]).where(t.project == project, t.account == account)
        with self._engine.connect() as tx:
            return [StoredLead(*row) for row in tx.execute(query.order_by(t.updated_at.desc(), t.lead_id.desc()).limit(limit))]

    def get(self, lead_id: str) -> StoredLead | None:
        t = tables.leads.c
        with self._engine.connect() as tx:
            row = tx.execute(sa.select(*[t[name] for name in _STORED_LEAD]).where(t.lead_id == lead_id)).one_or_none()
        return None if row is None else StoredLead(*row)

    def events(self, lead_id: str) -> list[LeadEvent]:
        """The lead's whole life, oldest first."""
        e = tables.lead_events.c
        with self._engine.connect() as tx:
            bodies = tx.execute(sa.select(e.body).where(e.lead_id == lead_id).order_by(e.revision)).scalars().all()
        return [_event_decoder.decode(body) for body in bodies]

    def lives(self, project: str, since: int | None, until: int | None) -> Iterator[Step]:
        """Every step of each lead of a project that was opened from `since` on and before `until`, lead by lead, in order."""
        of, e = tables.leads.c, tables.lead_events.c
        query = sa.select(e.body).join(tables.leads, of.lead_id == e.lead_id).where(of.project == project)
        if since is not None:
            query = query.where(of.opened_at >= since)
        if until is not None:
            query = query.where(of.opened_at < until)
        with self._engine.connect() as tx:
            rows = tx.execution_options(yield_per=1_000).execute(query.order_by(e.lead_id, e.revision)).scalars()
            yield from map(_step_decoder.decode, rows)


def write_leads(tx: sa.Connection, events: Sequence[LeadEvent], now: int) -> None:
    """Insert lead events, plainly, and move each lead's row to its newest. Raises LeadEventConflictError."""
    if not events:
        return
    _refuse_repeats(tx, events)
    insert(tx, tables.lead_events, _EVENT, [_event_row(event) for event in events])
    opened: dict[str, int] = {}
    newest: dict[str, LeadEvent] = {}
    for event in events:
        opened.setdefault(event.data["lead_id"], event.timestamp)
        newest[event.data["lead_id"]] = event
    changes = ", ".join(f"{name} = excluded.{name}" for name in [*_NEWEST, "stored_at"])
    rows = [(*_lead_row(event, opened[lead_id]), now) for lead_id, event in newest.items()]
    insert(tx, tables.leads, _STORED_LEAD, rows, f"ON CONFLICT (lead_id) DO UPDATE SET {changes}")


_STORED = for_each_dialect(lambda one_of: sa.select(tables.lead_events.c.id).where(one_of(tables.lead_events.c.id, "ids")))


def _refuse_repeats(tx: sa.Connection, events: Sequence[LeadEvent]) -> None:
    by_id: dict[str, list[LeadEvent]] = defaultdict(list)
    for event in events:
        by_id[event.id].append(event)
    stored = set(tx.execute(_STORED[tx.dialect.name], {"ids": listed(by_id, tx)}).scalars())
    repeated = sorted(id_ for id_, same in by_id.items() if id_ in stored or len(same) > 1)
    if repeated:
        offsets: dict[TopicPartition, int] = {}
        for place in (event.place for id_ in repeated for event in by_id[id_]):
            at = TopicPartition(place.topic, place.partition)
            offsets[at] = min(place.offset, offsets.get(at, place.offset))
        raise LeadEventConflictError(offsets, repeated)


def _event_row(event: LeadEvent) -> tuple[object, ...]:
    place = event.place
    return (
        *(event.id, event.data["lead_id"], event.data["revision"], event.type, event.project, event.account, event.timestamp),
        *(place.topic, place.partition, place.offset, place.time, event.rulebook_version, _encoder.encode(event)),
    )


def row_of(bodies: Sequence[bytes]) -> LeadRow:
    """The row that a lead's life, oldest first, makes. Raises ValueError for a body that is no lead event."""
    try:
        events = [_event_decoder.decode(body) for body in bodies]
        return LeadRow(*_lead_row(events[-1], events[0].timestamp))
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise ValueError(f"a stored body is no lead event: {error!r}") from error


def _lead_row(event: LeadEvent, opened_at: int) -> tuple[Any, ...]:
    data = event.data
    qualified_at = round(datetime.fromisoformat(data["qualified_at"]).timestamp() * 1000)
    return (
        *(data["lead_id"], event.project, event.account, data["lead_type"], data["status"], data["temperature"]),
        *(data["revision"], event.rulebook_version, qualified_at, opened_at, event.timestamp, _encoder.encode(data).decode()),
    )
