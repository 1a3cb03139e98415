"""What became of deliveries: which ones in; they, their attempts, and figures of all, out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.core.noise import Scope
from notifier.tables import attempts, deliveries, endpoints, noise_waiting

ATTEMPTS_MAX = 100
"""Of one delivery that are shown: a Retry-After costs no try, so there may be very many."""
FIRST_TRY_SPAN_MS = 5 * 60_000
FIRST_TRIES_MAX = 1000
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One lead event at one endpoint (`endpoint`: its name). Times are epoch milliseconds."""

    id: str
    endpoint_id: str
    endpoint: str
    lead_event_id: str
    lead_id: str | None
    type: str
    status: str
    tries: int
    created_at: int
    due_at: int | None
    settled_at: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP try, as `core.answers.Answer` tells it. `outcome`: unknown, delivered or failed."""

    number: int
    started_at: int
    finished_at: int | None
    outcome: str
    status: int | None
    error: str | None
    detail: str | None
    address: str | None
    dns_ms: int | None
    connect_ms: int | None
    headers_ms: int | None
    ms: int | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What health and metrics say. Times in milliseconds. `capped`: leads that wait for room, at each endpoint."""

    pending: int
    oldest_pending_at: int | None
    held: int
    capped: int
    dead_24h: int
    first_tries_ms: list[int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead that waits under a cap at an endpoint (`endpoint`: its name). `until`: no room before, epoch milliseconds."""

    lead_id: str
    endpoint_id: str
    endpoint: str
    held_by: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What is None is not asked for. `before`: `created_at` and id of the last one that was read."""

    endpoint_id: str | None = None
    status: str | None = None
    lead_event_id: str | None = None
    lead_id: str | None = None
    before: tuple[int, str] | None = None


class History:
    """Part of NotifierStore: `store.history`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(self, wanted: DeliveryFilter, limit: int) -> list[Delivery]:
        """Newest first."""
        with self._engine.connect() as tx:
            return [Delivery(*row) for row in tx.execute(page_query(wanted, limit))]

    def get(self, delivery_id: str) -> Delivery | None:
        with self._engine.connect() as tx:
            row = tx.execute(_DELIVERY.where(_d.id == delivery_id)).one_or_none()
        return None if row is None else Delivery(*row)

    def attempts(self, delivery_id: str) -> list[Attempt]:
        """The newest ATTEMPTS_MAX, the oldest of them first."""
        query = _ATTEMPT.where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number.desc()).limit(ATTEMPTS_MAX)
        with self._engine.connect() as tx:
            return [Attempt(*row) for row in tx.execute(query)][::-1]

    def of_lead_events(self, ids: Sequence[str]) -> list[Delivery]:
        """Those of these lead events, in the order in which they were opened."""
        with self._engine.connect() as tx:
            query = _DELIVERY.where(_d.lead_event_id.in_(ids)).order_by(_d.created_at, _d.id)
            return [Delivery(*row) for row in tx.execute(query)]

    def waiting(self, project: str, account: str) -> list[Waiting]:
        """The leads of an account that wait, the oldest first."""
        with self._engine.connect() as tx:
            return [Waiting(*row) for row in tx.execute(_WAITING.where(_w.project == project, _w.account == account))]

    def storms(self) -> list[tuple[str, int, int]]:
        """(project, leads that its brake holds back, since when) of each project where it does."""
        with self._engine.connect() as tx:
            return [(row.project, row.leads, row.since) for row in tx.execute(_STORMS)]

    def figures(self, now: int) -> Figures:
        """Counts for health: open and held deliveries, the dead of a day, first tries of the last minutes."""
        table = deliveries
        open_ = table.c.status.in_((Status.PENDING, Status.WAITING, Status.SENDING))
        # one that was replayed since has had its first try before
        began = sa.case((table.c.tries_since <= attempts.c.started_at, table.c.tries_since), else_=table.c.created_at)
        first = (
            sa.select(attempts.c.started_at - began)
            .join(table, table.c.id == attempts.c.delivery_id)
            .where(attempts.c.number == 1, attempts.c.started_at > now - FIRST_TRY_SPAN_MS)
            .order_by(attempts.c.started_at.desc())
            .limit(FIRST_TRIES_MAX)
        )
        dead = sa.select(sa.func.count()).where(table.c.status == Status.DEAD, table.c.settled_at > now - DAY_MS)
        with self._engine.connect() as tx:
            pending, oldest = tx.execute(sa.select(sa.func.count(), sa.func.min(table.c.created_at)).where(open_)).one()
            held = tx.scalar(sa.select(sa.func.count()).where(table.c.status == Status.HELD))
            capped = tx.scalar(sa.select(sa.func.count()).select_from(noise_waiting))
            return Figures(pending, oldest, held or 0, capped or 0, tx.scalar(dead) or 0, list(tx.scalars(first)))


_d = deliveries.c
_NAME = sa.select(endpoints.c.name).where(endpoints.c.id == _d.endpoint_id).scalar_subquery()
_w = noise_waiting.c
_its = (_w.endpoint_id == _d.endpoint_id, _w.lead_id == _d.lead_id, _d.status == Status.CAPPED)
_room = sa.select(_w.until).where(*_its).scalar_subquery()
_held_by = sa.select(sa.literal("cap_") + _w.held_by).where(*_its).scalar_subquery()
"""As it is now: what a lead waits for can change while it waits."""
_MADE = {
    "endpoint": _NAME,
    "due_at": sa.func.coalesce(_d.due_at, _room),
    "last_error": sa.func.coalesce(_held_by, _d.last_error),
}
_DELIVERY = sa.select(*(_MADE[name] if name in _MADE else _d[name] for name in Delivery.__dataclass_fields__))
_WAITING = (
    sa.select(_w.lead_id, _w.endpoint_id, endpoints.c.name, _w.held_by, _w.since, _w.until)
    .join(endpoints, endpoints.c.id == _w.endpoint_id)
    .order_by(_w.since, _w.lead_id, _w.endpoint_id)
)
_STORMS = (
    sa.select(_w.project, sa.func.count(sa.distinct(_w.lead_id)).label("leads"), sa.func.min(_w.since).label("since"))
    .join(endpoints, endpoints.c.id == _w.endpoint_id)
    .where(_w.held_by == Scope.BRAKE, endpoints.c.status == "enabled")
    .group_by(_w.project)
    .order_by(_w.project)
)
_ATTEMPT = sa.select(*(attempts.c[name] for name in Attempt.__dataclass_fields__))


def page_query(wanted: DeliveryFilter, limit: int) -> sa.Select[Any]:
    """What `page` asks."""
    query = _DELIVERY.order_by(_d.created_at.desc(), _d.id.desc()).limit(limit)
    for name in ("endpoint_id", "status", "lead_event_id", "lead_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(_d[name] == value)
    return query if wanted.before is None else query.where(sa.tuple_(_d.created_at, _d.id) < wanted.before)
