"""Deliveries and attempts as rows: found (`store_due`), claimed (`store_claiming`), settled (`store_settling`), and swept."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.core.formats import FORMATS
from notifier.core.isolation import Allotment, allot
from notifier.store_claiming import Claim, Queue, skip_due, take
from notifier.store_due import Flight, find, is_due, look, may_go_at, standings
from notifier.store_secrets import Opened
from notifier.store_settling import Ended, Moved, settle
from notifier.tables import attempts, deliveries
from notifier.vault import MasterKeyError
from runtime.points import reach

AGAIN_MS = 100
"""Until we look again for what somebody else was about to take."""

logger = logging.getLogger("notifier")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker got, and when (epoch milliseconds, None: nothing waits) the next delivery is due.

    `skipped`: how many were found that a newer revision of their lead makes needless. `breakers`: how many are open.
    """

    claims: list[Claim]
    next_at: int | None
    skipped: int = 0
    breakers: int = 0


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

    def claim(self, now: int, in_flight: Sequence[Flight] = ()) -> Claimed:
        """What is due and `core.isolation` lets go, beside what of ours is `in_flight`."""
        with self._engine.connect() as tx:
            rows = look(tx)
            sealed = {row.id for row in rows if row.id in self.unopened and is_due(row, now)}
            for each in find(tx, rows, {}, now, also=sealed) if sealed else ():
                self._opened(each.sealed, now)  # somebody may have sealed it anew, with a key that we have
        open_ = [row for row in rows if row.id not in self.unopened]
        allotted = allot(standings(open_, in_flight, now))
        skipped = self._skip([row.id for row in open_ if row.id in allotted and FORMATS[row.format].paced], now)
        claims = self._take(open_, allotted, now) if allotted else []
        next_at = min((at for row in open_ if (at := may_go_at(row)) is not None and at > now), default=None)
        if allotted:  # there may be more, or somebody else was quicker
            next_at = now if claims else min(now + AGAIN_MS, next_at or now + AGAIN_MS)
        return Claimed(claims, next_at, skipped, sum(row.breaker_opened > 0 for row in rows))

    def _skip(self, paced: Sequence[str], now: int) -> int:
        if not paced:
            return 0
        with self._writing() as tx:
            return skip_due(tx, paced, now)

    def _take(self, rows: Sequence[sa.Row[Any]], allotted: Mapping[str, Allotment], now: int) -> list[Claim]:
        with self._engine.connect() as tx:
            found = find(tx, rows, allotted, now)
        candidates = {
            delivery: Queue(each.endpoint, opened)
            for each in found
            if each.deliveries and (opened := self._opened(each.sealed, now)) is not None
            for delivery in each.deliveries
        }
        if not candidates:
            return []
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
        with self._writing() as tx:
            moved = settle(tx, ended)
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
