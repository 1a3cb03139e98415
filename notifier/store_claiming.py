"""Deliveries that are due come in; those that are ours to send, under a lease and a fence, go out.

Of a format that is paced one goes at a time, a second after the one before, and of each lead the latest revision only. Where a
breaker is open, one goes when its time is up: the probe.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.core.formats import FORMATS
from notifier.store_due import AGAIN, FIRST
from notifier.store_secrets import Opened
from notifier.tables import attempts, deliveries, endpoints
from runtime.points import reach

LEASE_MS = 30_000
"""Longer than the longest attempt (about 21 s) and its settling: only a dead worker's lease ends."""
PACE_MS = 1000
"""Between two requests of a paced format to one endpoint, whoever sends them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send until `lease_until`; its attempt is already recorded."""

    delivery_id: str
    endpoint_id: str
    endpoint_name: str
    project: str
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
    is_probe: bool
    """It decides whether its endpoint's breaker closes."""

    @property
    def is_first(self) -> bool:
        """Never tried before."""
        return self.fence == 1


class Queue(NamedTuple):
    """An endpoint as `store_due` has it, and what it has sealed."""

    endpoint: sa.Row[Any]
    opened: Opened


def skip_due(tx: sa.Connection, paced: Sequence[str], now: int) -> int:
    """Settle, of these endpoints' due deliveries, those that a newer revision makes needless, without sending them."""
    return tx.execute(_SKIP_DUE, {"paced": paced, "now": now}).rowcount


def skip_held(tx: sa.Connection, endpoint_id: str, now: int) -> int:
    """The same of what is held."""
    return tx.execute(_SKIP_HELD, {"endpoint": endpoint_id, "now": now}).rowcount


def take(tx: sa.Connection, candidates: Mapping[str, Queue], now: int) -> list[Claim]:
    """The swap: whoever still finds a candidate due owns it. Its attempt row is committed before any byte leaves.

    `candidates`: by delivery. Of a paced endpoint, and of one whose breaker is open, whoever has its turn takes one.
    """
    lease_until = now + LEASE_MS
    rows = {queue.endpoint.id: queue.endpoint for queue in candidates.values()}
    paced = {row.id for row in rows.values() if FORMATS[row.format].paced}
    probed = {row.id for row in rows.values() if row.breaker_opened}
    late_for = _without_turn(tx, _TURN, paced, now, now + PACE_MS) | _without_turn(tx, _PROBE, probed, now, lease_until)
    ours = [delivery for delivery, queue in candidates.items() if queue.endpoint.id not in late_for]
    rows_taken = tx.execute(_TAKE, {"candidates": ours, "now": now, "lease_until": lease_until}).all()
    claims = [_claim(row, *candidates[row.id], now) for row in rows_taken]
    late = [
        {"delivery": claim.delivery_id, "late": claim.body}
        for claim, row in zip(claims, rows_taken, strict=True)
        if claim.body != row.body
    ]
    if late:
        tx.execute(_FREEZE_AGAIN, late)
    if claims:
        reach("notifier.claim.swapped")
        tx.execute(attempts.insert(), [_attempt_row(claim, now) for claim in claims])
    return claims


def _without_turn(tx: sa.Connection, turn: sa.Update, wanted: set[str], now: int, next_: int) -> set[str]:
    """Those of `wanted` whose turn somebody else has."""
    return wanted - set(tx.scalars(turn, {"ids": sorted(wanted), "now": now, "next": next_})) if wanted else wanted


_d, _e = deliveries.c, endpoints.c


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
_due_of_paced = sa.union_all(
    *(
        sa.select(_d.id).where(_d.endpoint_id.in_(sa.bindparam("paced", expanding=True)), kind, _d.due_at <= sa.bindparam("now"))
        for kind in (FIRST, AGAIN)
    )
)
_due_needless = (
    sa.select(_d.id)
    .where(
        _d.id.in_(_due_of_paced),
        _d.due_at <= sa.bindparam("now"),
        _d.status.in_((Status.PENDING, Status.WAITING)),
        _needless,
    )
    .with_for_update(skip_locked=True)
)
_SKIP_DUE = _skip.where(_d.id.in_(_due_needless))
_SKIP_HELD = _skip.where(_d.endpoint_id == sa.bindparam("endpoint"), _d.status == Status.HELD, _needless)


def _turn(waits_until: sa.Column[int], *also: sa.ColumnElement[bool]) -> sa.Update:
    """Whose time is up by `waits_until` waits for the next one; those found so have their turn."""
    free = (_e.id.in_(sa.bindparam("ids", expanding=True)), waits_until <= sa.bindparam("now"), *also)
    waiting = sa.select(_e.id).where(*free).with_for_update(skip_locked=True, key_share=True)
    changed = endpoints.update().where(_e.id.in_(waiting), waits_until <= sa.bindparam("now"), *also)
    return changed.values({waits_until.name: sa.bindparam("next")}).returning(_e.id)


_TURN = _turn(endpoints.c.paused_until)
_PROBE = _turn(endpoints.c.breaker_until, _e.breaker_opened > 0)
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
        project=queue.project,
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
        is_probe=queue.breaker_opened > 0,
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
