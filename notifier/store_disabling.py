"""A failed attempt comes in; its endpoint is disabled if that was one too many, what waits for it held, and others told of it."""

import secrets
from typing import Protocol

import msgspec
import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.core.disabling import DISABLED_TYPE, Reason, has_failed_for_long, hears
from notifier.core.formats import FORMATS
from notifier.core.matching import Filters
from notifier.core.payload import endpoint_disabled
from notifier.store_opening import opened
from notifier.tables import attempts, deliveries, endpoints, noise_waiting


class Failed(Protocol):
    """An endpoint's row after a failure, locked by this transaction."""

    id: str
    project: str
    name: str
    status: str
    failures: int

    @property
    def since(self) -> int:
        """Of the first failure in a row."""


def disable_or_not(tx: sa.Connection, endpoint: Failed, delivery_id: str, is_gone: bool, now: int) -> Reason | None:
    """Why it is disabled from now on; None: it is not."""
    if endpoint.status != "enabled":
        return None
    if is_gone:
        reason = Reason.GONE
    elif has_failed_for_long(endpoint.since, endpoint.failures, now) and _another_failed(tx, endpoint, delivery_id):
        reason = Reason.FAILING
    else:
        return None
    tx.execute(endpoints.update().where(_e.id == endpoint.id).values(status="disabled", disabled_reason=reason))
    _tell(tx, endpoint, reason, now)
    return reason


def hold(tx: sa.Connection, endpoint_id: str) -> None:
    """What waits for a disabled endpoint is held."""
    waits = _d.status.in_((Status.PENDING, Status.WAITING))
    tx.execute(deliveries.update().where(_d.endpoint_id == endpoint_id, waits).values(status=Status.HELD, due_at=None))


def release(tx: sa.Connection, which: sa.ColumnElement[bool], now: int) -> None:
    """What is held for enabled endpoints, `which`, is due at once, with fresh tries."""
    back = sa.select(_e.id).where(_e.status == "enabled", which)
    held = deliveries.update().where(_d.status == Status.HELD, _d.endpoint_id.in_(back))
    tx.execute(held.values(status=Status.WAITING, due_at=now, tries=0, tries_since=now))


def bury(tx: sa.Connection, which: sa.ColumnElement[bool], now: int) -> None:
    """What waits for deleted endpoints, `which`, is dead, and says why."""
    gone = sa.select(_e.id).where(_e.status == "deleted", which)
    waits = _d.status.in_((Status.PENDING, Status.WAITING, Status.SENDING, Status.HELD, Status.CAPPED))
    dead = deliveries.update().where(waits, _d.endpoint_id.in_(gone))
    tx.execute(dead.values(status=Status.DEAD, due_at=None, settled_at=now, last_error="endpoint_deleted"))
    tx.execute(noise_waiting.delete().where(noise_waiting.c.endpoint_id.in_(gone)))


_e, _d, _a = endpoints.c, deliveries.c, attempts.c


def _another_failed(tx: sa.Connection, endpoint: Failed, delivery_id: str) -> bool:
    failed = (
        sa.select(_d.id)
        .join(attempts, _a.delivery_id == _d.id)
        .where(
            _d.endpoint_id == endpoint.id,
            _d.id != delivery_id,
            _a.outcome == "failed",
            _a.finished_at >= endpoint.since,
        )
        .limit(1)
    )
    return tx.execute(failed).first() is not None


def _tell(tx: sa.Connection, endpoint: Failed, reason: Reason, now: int) -> None:
    message_id = f"ed_{secrets.token_hex(10)}"
    told = endpoint_disabled(message_id, endpoint.project, endpoint.id, endpoint.name, reason, endpoint.since, now)
    others = sa.select(_e.id, _e.format, _e.filters).where(_e.project == endpoint.project, _e.status == "enabled")
    rows = [
        opened(row.id, message_id, None, DISABLED_TYPE, FORMATS[row.format].body(told), now)
        for row in tx.execute(others)
        if hears(msgspec.json.decode(row.filters, type=Filters).types)
    ]
    if rows:
        tx.execute(deliveries.insert(), rows)
