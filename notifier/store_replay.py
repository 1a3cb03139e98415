"""Deliveries that are over, or held, come in; due again, with fresh tries, they go out. Id and bytes stay, the limits too."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.tables import deliveries, endpoints

REPLAY_MAX = 500
"""In one transaction."""
OVER = (Status.DELIVERED, Status.DEAD, Status.HELD, Status.SKIPPED)
"""What can be replayed. All else waits already, and is left as it is."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The deliveries to an endpoint that were made from `since` to before `until`, in `statuses`, behind `after`."""

    endpoint_id: str
    since: int
    until: int
    statuses: Sequence[str] = OVER
    after: tuple[int, str] = (0, "")


class Replays:
    """Part of NotifierStore: `store.replays`."""

    def __init__(self, engine: sa.Engine, writing: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._engine = engine
        self._writing = writing

    def replay(self, ids: Sequence[str], now: int) -> int:
        """Make those of these due now that are in OVER and whose endpoint is enabled; how many."""
        with self._writing() as tx:
            return tx.execute(_REPLAY, {"ids": ids, "now": now}).rowcount

    def replay_stretch(self, stretch: Stretch, now: int) -> tuple[int, tuple[int, str] | None]:
        """The first REPLAY_MAX of it, the oldest first; how many, and `after` of those that are left."""
        with self._engine.connect() as tx:
            found = tx.execute(stretch_query(stretch)).all()
        these = found[:REPLAY_MAX]
        replayed = self.replay([row.id for row in these], now) if these else 0
        return replayed, (these[-1].created_at, these[-1].id) if len(found) > REPLAY_MAX else None


_d = deliveries.c
# rows that somebody else changes just now are passed over, not waited for
_over = (
    sa.select(_d.id)
    .where(
        _d.id.in_(sa.bindparam("ids", expanding=True)),
        _d.status.in_(OVER),
        _d.endpoint_id.in_(sa.select(endpoints.c.id).where(endpoints.c.status == "enabled")),
    )
    .with_for_update(skip_locked=True)
)
_REPLAY = (
    deliveries.update()
    .where(_d.id.in_(_over), _d.status.in_(OVER))
    .values(
        status=Status.WAITING,
        due_at=sa.bindparam("now"),
        tries=0,
        tries_since=sa.bindparam("now"),
        settled_at=None,
        last_error=None,
    )
)


def stretch_query(stretch: Stretch) -> sa.Select[tuple[str, int]]:
    """What `replay_stretch` looks for, and one more."""
    return (
        sa.select(_d.id, _d.created_at)
        .where(
            _d.endpoint_id == stretch.endpoint_id,
            _d.created_at >= stretch.since,
            _d.created_at < stretch.until,
            _d.status.in_(stretch.statuses),
            sa.tuple_(_d.created_at, _d.id) > stretch.after,
        )
        .order_by(_d.created_at, _d.id)
        .limit(REPLAY_MAX + 1)
    )
