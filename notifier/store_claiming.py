"""Deliveries that are due come in; those that are ours to send, under a lease and a fence, go out.

Of a format that is paced one goes at a time, a second after the one before, and of each lead the latest revision only.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.core.formats import FORMATS
from notifier.store_secrets import Opened
from notifier.tables import attempts, deliveries, endpoints
from runtime.points import reach

LEASE_MS = 30_000
"""Longer than the longest attempt (about 21 s) and its settling: only a dead worker's lease ends."""
IN_FLIGHT_PER_ENDPOINT = 4
PACE_MS = 1000
"""Between two requests of a paced format to one endpoint, whoever sends them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send until `lease_until`; its attempt is already recorded."""

    delivery_id: str
    endpoint_id: str
    endpoint_name: str
    site: str
    format: str
    lead_event_id: str
    type: str
    url: str
    secrets: Sequence[str]
    headers: dict[str, str]
    body: bytes
    tries: int
    fence: int
    since: int
    """When it was made, or its tries began anew."""
    lease_until: int
    attempt_id: str


Queue: TypeAlias = tuple[sa.Row[Any], Opened]
"""An endpoint as `queues` has it, and what it has sealed."""


def queues(tx: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Each enabled endpoint with deliveries that are not settled, and when its first one may go."""
    return tx.execute(_QUEUES).all()


def slots(queue: sa.Row[Any]) -> int:
    """How many requests may be open to it."""
    return 1 if FORMATS[queue.format].paced else IN_FLIGHT_PER_ENDPOINT


def due(tx: sa.Connection, endpoint_id: str, now: int, most: int) -> list[str]:
    return list(tx.scalars(_DUE, {"endpoint_id": endpoint_id, "now": now, "most": most}))


def skip_due(tx: sa.Connection, paced: Sequence[str], now: int) -> int:
    """Settle, of these endpoints' due deliveries, those that a newer revision makes needless, without sending them."""
    return tx.execute(_SKIP_DUE, {"paced": paced, "now": now}).rowcount


def skip_held(tx: sa.Connection, endpoint_id: str, now: int) -> int:
    """The same of what is held."""
    return tx.execute(_SKIP_HELD, {"endpoint": endpoint_id, "now": now}).rowcount


def take(tx: sa.Connection, candidates: Mapping[str, Queue], now: int) -> list[Claim]:
    """The swap: whoever still finds a candidate due owns it. Its attempt row is committed before any byte leaves.

    `candidates`: by delivery. Of a paced endpoint, whoever has its turn takes one.
    """
    lease_until = now + LEASE_MS
    paced = {queue.id for queue, _ in candidates.values() if FORMATS[queue.format].paced}
    if paced:
        paced -= set(tx.scalars(_TURN, {"paced": sorted(paced), "now": now, "next": now + PACE_MS}))
    ours = [delivery for delivery, (queue, _) in candidates.items() if queue.id not in paced]
    rows = tx.execute(_TAKE, {"candidates": ours, "now": now, "lease_until": lease_until}).all()
    claims = [_claim(row, *candidates[row.id], now) for row in rows]
    late = [
        {"delivery": claim.delivery_id, "late": claim.body}
        for claim, row in zip(claims, rows, strict=True)
        if claim.body != row.body
    ]
    if late:
        tx.execute(_FREEZE_AGAIN, late)
    if claims:
        reach("notifier.claim.swapped")
        tx.execute(attempts.insert(), [_attempt_row(claim, now) for claim in claims])
    return claims


_d = deliveries.c
_next = sa.select(sa.func.min(_d.due_at)).where(_d.endpoint_id == endpoints.c.id).scalar_subquery()
_queues = (
    sa.select(
        endpoints.c.id,
        endpoints.c.name,
        endpoints.c.site,
        endpoints.c.format,
        endpoints.c.url,
        endpoints.c.secrets,
        endpoints.c.headers,
        sa.case((_next < endpoints.c.paused_until, endpoints.c.paused_until), else_=_next).label("due_at"),
    )
    .where(endpoints.c.status == "enabled")
    .subquery()
)
_QUEUES = sa.select(_queues).where(_queues.c.due_at.is_not(None))
_DUE = (
    sa.select(_d.id)
    .where(_d.endpoint_id == sa.bindparam("endpoint_id"), _d.due_at <= sa.bindparam("now"))
    .order_by(_d.due_at)
    .limit(sa.bindparam("most"))
)


def _has_newer(*statuses: Status) -> sa.ColumnElement[bool]:
    """Only deliveries of a paced format have a revision."""
    newer = deliveries.alias("newer").c
    return sa.exists().where(
        newer.endpoint_id == _d.endpoint_id,
        newer.lead_id == _d.lead_id,
        newer.revision > _d.revision,
        newer.status.in_(statuses),
    )


# one that somebody asked for again goes, whatever was delivered: but not before what waits
_needless = sa.or_(
    _has_newer(Status.PENDING, Status.WAITING, Status.SENDING),
    sa.and_(_d.tries_since.is_(None), _has_newer(Status.DELIVERED)),
)
_skip = deliveries.update().values(
    status=Status.SKIPPED, due_at=None, settled_at=sa.bindparam("now"), last_error="newer_revision"
)
# other workers' rows are passed over, not waited for (SQLite, with its one writer, ignores the lock clause)
_due_needless = (
    sa.select(_d.id)
    .where(
        _d.endpoint_id.in_(sa.bindparam("paced", expanding=True)),
        _d.due_at <= sa.bindparam("now"),
        _d.status.in_((Status.PENDING, Status.WAITING)),
        _needless,
    )
    .with_for_update(skip_locked=True)
)
_SKIP_DUE = _skip.where(_d.id.in_(_due_needless))
_SKIP_HELD = _skip.where(_d.endpoint_id == sa.bindparam("endpoint"), _d.status == Status.HELD, _needless)
_waiting_turn = (
    sa.select(endpoints.c.id)
    .where(endpoints.c.id.in_(sa.bindparam("paced", expanding=True)), endpoints.c.paused_until <= sa.bindparam("now"))
    .with_for_update(skip_locked=True, key_share=True)
)
_TURN = (
    endpoints.update()
    .where(endpoints.c.id.in_(_waiting_turn), endpoints.c.paused_until <= sa.bindparam("now"))
    .values(paused_until=sa.bindparam("next"))
    .returning(endpoints.c.id)
)
_due = (
    sa.select(_d.id)
    .where(_d.id.in_(sa.bindparam("candidates", expanding=True)), _d.due_at <= sa.bindparam("now"))
    .with_for_update(skip_locked=True)
)
_TAKE = (
    deliveries.update()
    .where(_d.id.in_(_due), _d.due_at <= sa.bindparam("now"))
    .values(status=Status.SENDING, due_at=sa.bindparam("lease_until"), fence=_d.fence + 1)
    .returning(*_d)
)
_FREEZE_AGAIN = deliveries.update().where(_d.id == sa.bindparam("delivery")).values(body=sa.bindparam("late"))


def _claim(row: sa.Row[Any], queue: sa.Row[Any], opened: Opened, now: int) -> Claim:
    return Claim(
        delivery_id=row.id,
        endpoint_id=queue.id,
        endpoint_name=queue.name,
        site=queue.site,
        format=queue.format,
        lead_event_id=row.lead_event_id,
        type=row.type,
        url=opened.url,
        secrets=opened.secrets,
        headers=opened.headers,
        body=_body(row, queue, now),
        tries=row.tries,
        fence=row.fence,
        since=row.created_at if row.tries_since is None else row.tries_since,
        lease_until=now + LEASE_MS,
        attempt_id=f"at_{secrets.token_hex(10)}",
    )


def _body(row: sa.Row[Any], queue: sa.Row[Any], now: int) -> bytes:
    """As it was frozen; in a format that says so, with how late it is."""
    late = FORMATS[queue.format].late
    body: bytes = row.body
    return body if late is None or row.lead_event_at is None else late(body, now - row.lead_event_at)


def _attempt_row(claim: Claim, now: int) -> dict[str, object]:
    return {
        "id": claim.attempt_id,
        "delivery_id": claim.delivery_id,
        "number": claim.fence,
        "started_at": now,
        "outcome": "unknown",
    }
