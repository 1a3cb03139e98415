"""Deliveries and attempts as rows: claimed (`store_claiming`), settled, and swept."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.core.answers import Answer, ErrorKind
from notifier.core.delivery import Settled, Status
from notifier.core.disabling import Reason
from notifier.core.formats import FORMATS
from notifier.store_claiming import Claim, Queue, due, queues, skip_due, slots, take
from notifier.store_disabling import disable_or_not, hold
from notifier.store_secrets import Opened
from notifier.tables import attempts, deliveries, endpoints
from notifier.vault import MasterKeyError
from runtime.points import reach

logger = logging.getLogger("notifier")


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over at `at`, and what it leads to."""

    claim: Claim
    answer: Answer
    settled: Settled
    at: int


@dataclass(frozen=True, slots=True)
class Moved:
    """How a delivery stands after an attempt, and why that disabled its endpoint; None: it did not."""

    status: Status
    disabled: Reason | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker got, and when (epoch milliseconds, None: nothing waits) the next delivery is due.

    `skipped`: how many were found that a newer revision of their lead makes needless.
    """

    claims: list[Claim]
    next_at: int | None
    skipped: int = 0


Open = Callable[[sa.Row[Any], int], Opened]


class Deliveries:
    """Part of NotifierStore: `store.deliveries`."""

    def __init__(self, engine: sa.Engine, writing: Callable[[], AbstractContextManager[sa.Connection]], open_: Open) -> None:
        self._engine = engine
        self._writing = writing
        self._open = open_
        self.unopened: set[str] = set()
        """Endpoints that were sealed with a master key that we do not have: their deliveries are left to those who have it."""

    def end_leases(self, now: int) -> None:
        """Make due at once what a killed notifier was sending. For the start of the only one there is; fences keep it safe."""
        sending = deliveries.c.status == Status.SENDING
        with self._writing() as tx:
            tx.execute(deliveries.update().where(sending, deliveries.c.due_at > now).values(due_at=now))

    def claim(self, now: int, in_flight: Mapping[str, int], limit: int) -> Claimed:
        """Up to `limit` due deliveries, each endpoint at most up to its slots; `in_flight` counts ours per endpoint."""
        with self._engine.connect() as tx:
            waiting = queues(tx)
        free = [row for row in waiting if in_flight.get(row.id, 0) < slots(row)]
        first = sorted((row for row in free if row.due_at <= now), key=lambda row: row.due_at)
        skipped = self._skip([row.id for row in first if FORMATS[row.format].paced], now)
        candidates: dict[str, Queue] = {}
        with self._engine.connect() as tx:
            for row in first:
                most = min(slots(row) - in_flight.get(row.id, 0), limit - len(candidates))
                if most > 0 and (opened := self._opened(row, now)) is not None:
                    candidates |= dict.fromkeys(due(tx, row.id, now, most), (row, opened))
        claims = self._take(candidates, now) if candidates else []
        next_at = min((row.due_at for row in free if row.id not in self.unopened), default=None)
        return Claimed(claims, next_at, skipped)

    def _skip(self, paced: Sequence[str], now: int) -> int:
        if not paced:
            return 0
        with self._writing() as tx:
            return skip_due(tx, paced, now)

    def _take(self, candidates: Mapping[str, Queue], now: int) -> list[Claim]:
        with self._writing() as tx:
            return take(tx, candidates, now)

    def _opened(self, row: sa.Row[Any], now: int) -> Opened | None:
        try:
            opened = self._open(row, now)
        except MasterKeyError as error:
            if row.id not in self.unopened:
                logger.error("an endpoint cannot be opened", extra={"endpoint_id": row.id, "reason": str(error)})  # noqa: TRY400
            self.unopened.add(row.id)
            return None
        self.unopened.discard(row.id)
        return opened

    def settle(self, ended: Sequence[Ended]) -> list[Moved | None]:
        """Close attempts and move their deliveries and endpoints on. None: its lease was lost, only the attempt is closed."""
        # several workers settle several endpoints each: all in one order, or they wait for one another
        in_order = sorted(range(len(ended)), key=lambda n: (ended[n].claim.endpoint_id, ended[n].claim.delivery_id))
        moved: list[Moved | None] = [None] * len(ended)
        with self._writing() as tx:
            tx.execute(_CLOSE_ATTEMPT, [_attempt_end(each) for each in ended])
            for n in in_order:
                moved[n] = _move_on(tx, ended[n])
            reach("notifier.settle.written")
        return moved

    def sweep(self, before: int, most: int) -> bool:
        """Delete up to `most` of those settled before `before`, the oldest first, and up to `most` attempts; False: that was all.

        A delivery goes with its last attempt. Others may sweep meanwhile.
        """
        bounds = {"before": before, "most": most}
        with self._writing() as tx:
            of_old = tx.execute(_SWEEP_ATTEMPTS, bounds).rowcount
            return max(of_old, tx.execute(_SWEEP, bounds).rowcount) == most


_CLOSE_ATTEMPT = attempts.update().where(attempts.c.id == sa.bindparam("attempt_id"))


def _attempt_end(ended: Ended) -> dict[str, object]:
    answer = ended.answer
    return {
        "attempt_id": ended.claim.attempt_id,
        "finished_at": ended.at,
        "outcome": "delivered" if answer.delivered else "failed",
        "status": answer.status,
        "error": answer.error,
        "detail": answer.detail,
        "address": answer.address,
        "dns_ms": answer.dns_ms,
        "connect_ms": answer.connect_ms,
        "headers_ms": answer.headers_ms,
        "ms": answer.ms,
        "body": answer.body,
    }


_old = (
    sa.select(deliveries.c.id)
    .where(deliveries.c.settled_at < sa.bindparam("before"))
    .order_by(deliveries.c.settled_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_of_old = sa.select(attempts.c.id).where(attempts.c.delivery_id.in_(_old)).limit(sa.bindparam("most"))
_SWEEP_ATTEMPTS = attempts.delete().where(attempts.c.id.in_(_of_old))
_SWEEP = deliveries.delete().where(deliveries.c.id.in_(_old), ~sa.exists().where(attempts.c.delivery_id == deliveries.c.id))
_MOVE_ON = (
    deliveries.update()
    .where(
        deliveries.c.id == sa.bindparam("delivery"),
        deliveries.c.fence == sa.bindparam("ours"),
        deliveries.c.status == Status.SENDING,
    )
    .values({name: sa.bindparam(name) for name in ("status", "due_at", "tries", "last_error", "settled_at")})
)


def _move_on(tx: sa.Connection, ended: Ended) -> Moved | None:
    claim, settled = ended.claim, ended.settled
    moved = tx.execute(
        _MOVE_ON,
        {
            "delivery": claim.delivery_id,
            "ours": claim.fence,
            "status": settled.status,
            "due_at": settled.next_at,
            "tries": settled.tries,
            "last_error": ended.answer.error,
            "settled_at": ended.at if settled.status in (Status.DELIVERED, Status.DEAD) else None,
        },
    )
    return _settle_endpoint(tx, ended) if moved.rowcount == 1 else None


def _settle_endpoint(tx: sa.Connection, ended: Ended) -> Moved:
    """Its row, and what follows from its being disabled: also by another attempt, while this one was under way."""
    claim, answer, settled, now = ended.claim, ended.answer, ended.settled, ended.at
    table = endpoints
    change: dict[str, object]
    if answer.delivered:
        change = {"failures": 0, "failing_since": None, "last_error": None, "last_success_at": now}
    else:
        change = {
            "failures": table.c.failures + 1,
            "failing_since": sa.func.coalesce(table.c.failing_since, now),
            "last_error": answer.error,
        }
    if settled.pause_until is not None:
        change["paused_until"] = settled.pause_until
    mine = (table.c.id == claim.endpoint_id, table.c.status != "deleted")
    changed = table.update().where(*mine).values(change | {"last_status": answer.status}).returning(*_SHOWN)
    row = tx.execute(changed).one_or_none()
    if row is None or answer.delivered:
        return Moved(settled.status, None)
    disabled = disable_or_not(tx, row, claim.delivery_id, answer.error is ErrorKind.GONE, now)
    if disabled is None and row.status == "enabled":
        return Moved(settled.status, None)
    if settled.status is Status.DEAD and answer.error is not ErrorKind.TOO_LARGE:
        tx.execute(deliveries.update().where(deliveries.c.id == claim.delivery_id).values(status=Status.HELD, settled_at=None))
    hold(tx, claim.endpoint_id)
    return Moved(settled.status if answer.error is ErrorKind.TOO_LARGE else Status.HELD, disabled)


_SHOWN = [endpoints.c[name] for name in ("id", "project", "name", "status", "failures", "failing_since")]
