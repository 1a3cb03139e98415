"""Deliveries and attempts as rows: claimed by compare-and-swap with a lease and a fence, settled, counted."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.core.answers import Answer
from notifier.core.delivery import Settled, Status
from notifier.core.formats import FORMATS
from notifier.tables import attempts, deliveries, endpoints
from runtime.points import reach

LEASE_MS = 30_000
"""Longer than the longest attempt (about 21 s) and its settling: only a dead worker's lease ends."""
IN_FLIGHT_PER_ENDPOINT = 4
PACE_MS = 1000
"""Between two requests of a paced format to one endpoint, whoever sends them."""
FIRST_TRY_SPAN_MS = 5 * 60_000
FIRST_TRIES_MAX = 1000
DAY_MS = 24 * 3600 * 1000


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
    body: bytes
    tries: int
    fence: int
    created_at: int
    lease_until: int
    attempt_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over at `at`, and what it leads to."""

    claim: Claim
    answer: Answer
    settled: Settled
    at: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker got, and when (epoch milliseconds, None: nothing waits) the next delivery is due.

    `skipped`: how many were found that a newer revision of their lead makes needless.
    """

    claims: list[Claim]
    next_at: int | None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What health and metrics say. Times in milliseconds."""

    pending: int
    oldest_pending_at: int | None
    held: int
    dead_24h: int
    first_tries_ms: list[int]


Opened = Callable[[bytes, bytes], tuple[str, list[str]]]


class Deliveries:
    """Part of NotifierStore: `store.deliveries`."""

    def __init__(self, engine: sa.Engine, writing: Callable[[], AbstractContextManager[sa.Connection]], opened: Opened) -> None:
        self._engine = engine
        self._writing = writing
        self._opened = opened

    def end_leases(self, now: int) -> None:
        """Make due at once what a killed notifier was sending. For the start of the only one there is; fences keep it safe."""
        sending = deliveries.c.status == Status.SENDING
        with self._writing() as tx:
            tx.execute(deliveries.update().where(sending, deliveries.c.due_at > now).values(due_at=now))

    def claim(self, now: int, in_flight: Mapping[str, int], limit: int) -> Claimed:
        """Up to `limit` due deliveries, each endpoint at most up to its slots; `in_flight` counts ours per endpoint."""
        with self._engine.connect() as tx:
            queues = tx.execute(_QUEUES).all()
        free = [row for row in queues if in_flight.get(row.id, 0) < _slots(row)]
        skipped = self._skip([row.id for row in free if row.due_at <= now and FORMATS[row.format].paced], now)
        candidates: dict[str, str] = {}
        with self._engine.connect() as tx:
            for row in sorted((row for row in free if row.due_at <= now), key=lambda row: row.due_at):
                slots = min(_slots(row) - in_flight.get(row.id, 0), limit - len(candidates))
                if slots > 0:
                    due = tx.scalars(_DUE, {"endpoint_id": row.id, "now": now, "slots": slots})
                    candidates |= dict.fromkeys(due, row.id)
        claims = self._take(candidates, {row.id: row for row in queues}, now) if candidates else []
        return Claimed(claims, min((row.due_at for row in free), default=None), skipped)

    def _skip(self, paced: Sequence[str], now: int) -> int:
        """Settle, of these endpoints' due deliveries, those whose lead has a newer revision there, without sending them."""
        if not paced:
            return 0
        with self._writing() as tx:
            return tx.execute(_SKIP, {"paced": paced, "now": now}).rowcount

    def _take(self, candidates: Mapping[str, str], queues: Mapping[str, sa.Row[tuple[object, ...]]], now: int) -> list[Claim]:
        """The swap: whoever still finds a candidate due owns it. Its attempt row is committed before any byte leaves.

        `candidates`: delivery -> endpoint. Of a paced endpoint, whoever has its turn takes one.
        """
        lease_until = now + LEASE_MS
        paced = {endpoint for endpoint in candidates.values() if FORMATS[queues[endpoint].format].paced}
        with self._writing() as tx:
            if paced:
                paced -= set(tx.scalars(_TURN, {"paced": sorted(paced), "now": now, "next": now + PACE_MS}))
            ours = [delivery for delivery, endpoint in candidates.items() if endpoint not in paced]
            rows = tx.execute(_TAKE, {"candidates": ours, "now": now, "lease_until": lease_until}).all()
            claims = [self._claim(row, queues[row.endpoint_id], now) for row in rows]
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

    def _claim(self, row: sa.Row[tuple[object, ...]], queue: sa.Row[tuple[object, ...]], now: int) -> Claim:
        url, keys = self._opened(queue.url, queue.secrets)
        return Claim(
            delivery_id=row.id,
            endpoint_id=queue.id,
            endpoint_name=queue.name,
            site=queue.site,
            format=queue.format,
            lead_event_id=row.lead_event_id,
            type=row.type,
            url=url,
            secrets=keys,
            body=_body(row, queue, now),
            tries=row.tries,
            fence=row.fence,
            created_at=row.created_at,
            lease_until=now + LEASE_MS,
            attempt_id=f"at_{secrets.token_hex(10)}",
        )

    def settle(self, ended: Sequence[Ended]) -> list[bool]:
        """Close attempts and move their deliveries and endpoints on. False: its lease was lost, only the attempt is closed."""
        # several workers settle several endpoints each: all in one order, or they wait for one another
        in_order = sorted(range(len(ended)), key=lambda n: (ended[n].claim.endpoint_id, ended[n].claim.delivery_id))
        ours = [False] * len(ended)
        with self._writing() as tx:
            tx.execute(_CLOSE_ATTEMPT, [_attempt_end(each) for each in ended])
            for n in in_order:
                ours[n] = _move_on(tx, ended[n])
            reach("notifier.settle.written")
        return ours

    def figures(self, now: int) -> Figures:
        """Counts for health: open and held deliveries, the dead of a day, first tries of the last minutes."""
        table = deliveries
        open_ = table.c.status.in_((Status.PENDING, Status.WAITING, Status.SENDING))
        first = (
            sa.select(attempts.c.started_at - table.c.created_at)
            .join(table, table.c.id == attempts.c.delivery_id)
            .where(attempts.c.number == 1, attempts.c.started_at > now - FIRST_TRY_SPAN_MS)
            .order_by(attempts.c.started_at.desc())
            .limit(FIRST_TRIES_MAX)
        )
        dead = sa.select(sa.func.count()).where(table.c.status == Status.DEAD, table.c.settled_at > now - DAY_MS)
        with self._engine.connect() as tx:
            pending, oldest = tx.execute(sa.select(sa.func.count(), sa.func.min(table.c.created_at)).where(open_)).one()
            held = tx.scalar(sa.select(sa.func.count()).where(table.c.status == Status.HELD))
            return Figures(pending, oldest, held or 0, tx.scalar(dead) or 0, list(tx.scalars(first)))


_next = sa.select(sa.func.min(deliveries.c.due_at)).where(deliveries.c.endpoint_id == endpoints.c.id).scalar_subquery()
_queues = (
    sa.select(
        endpoints.c.id,
        endpoints.c.name,
        endpoints.c.site,
        endpoints.c.format,
        endpoints.c.url,
        endpoints.c.secrets,
        sa.case((_next < endpoints.c.paused_until, endpoints.c.paused_until), else_=_next).label("due_at"),
    )
    .where(endpoints.c.status == "enabled")
    .subquery()
)
_QUEUES = sa.select(_queues).where(_queues.c.due_at.is_not(None))
"""Each enabled endpoint with deliveries that are not settled, and when its first one may go."""
_DUE = (
    sa.select(deliveries.c.id)
    .where(deliveries.c.endpoint_id == sa.bindparam("endpoint_id"), deliveries.c.due_at <= sa.bindparam("now"))
    .order_by(deliveries.c.due_at)
    .limit(sa.bindparam("slots"))
)


# other workers' rows are passed over, not waited for (SQLite, with its one writer, ignores the lock clause)
_newer = deliveries.alias("newer")
_needless = (
    sa.select(deliveries.c.id)
    .where(
        deliveries.c.endpoint_id.in_(sa.bindparam("paced", expanding=True)),
        deliveries.c.due_at <= sa.bindparam("now"),
        deliveries.c.status.in_((Status.PENDING, Status.WAITING)),
        sa.exists().where(
            _newer.c.endpoint_id == deliveries.c.endpoint_id,
            _newer.c.lead_id == deliveries.c.lead_id,
            _newer.c.revision > deliveries.c.revision,
            _newer.c.status.in_((Status.PENDING, Status.WAITING, Status.SENDING, Status.DELIVERED)),
        ),
    )
    .with_for_update(skip_locked=True)
)
_SKIP = (
    deliveries.update()
    .where(deliveries.c.id.in_(_needless))
    .values(status=Status.SKIPPED, due_at=None, settled_at=sa.bindparam("now"), last_error="newer_revision")
)
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
    sa.select(deliveries.c.id)
    .where(deliveries.c.id.in_(sa.bindparam("candidates", expanding=True)), deliveries.c.due_at <= sa.bindparam("now"))
    .with_for_update(skip_locked=True)
)
_TAKE = (
    deliveries.update()
    .where(deliveries.c.id.in_(_due), deliveries.c.due_at <= sa.bindparam("now"))
    .values(status=Status.SENDING, due_at=sa.bindparam("lease_until"), fence=deliveries.c.fence + 1)
    .returning(*deliveries.c)
)


_FREEZE_AGAIN = deliveries.update().where(deliveries.c.id == sa.bindparam("delivery")).values(body=sa.bindparam("late"))


def _body(row: sa.Row[tuple[object, ...]], queue: sa.Row[tuple[object, ...]], now: int) -> bytes:
    """As it was frozen; in a format that says so, with how late it is."""
    late = FORMATS[queue.format].late
    body: bytes = row.body
    return body if late is None or row.lead_event_at is None else late(body, now - row.lead_event_at)


def _slots(queue: sa.Row[tuple[object, ...]]) -> int:
    return 1 if FORMATS[queue.format].paced else IN_FLIGHT_PER_ENDPOINT


def _attempt_row(claim: Claim, now: int) -> dict[str, object]:
    return {
        "id": claim.attempt_id,
        "delivery_id": claim.delivery_id,
        "number": claim.fence,
        "started_at": now,
        "outcome": "unknown",
    }


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


_MOVE_ON = (
    deliveries.update()
    .where(
        deliveries.c.id == sa.bindparam("delivery"),
        deliveries.c.fence == sa.bindparam("ours"),
        deliveries.c.status == Status.SENDING,
    )
    .values({name: sa.bindparam(name) for name in ("status", "due_at", "tries", "last_error", "settled_at")})
)


def _move_on(tx: sa.Connection, ended: Ended) -> bool:
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
    if moved.rowcount == 1:
        _settle_endpoint(tx, ended)
    return moved.rowcount == 1


def _settle_endpoint(tx: sa.Connection, ended: Ended) -> None:
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
    if settled.disable is not None:
        change |= {"status": "disabled", "disabled_reason": settled.disable}
    mine = table.c.id == claim.endpoint_id
    tx.execute(table.update().where(mine, table.c.status != "deleted").values(change | {"last_status": answer.status}))
    if not answer.delivered:
        _hold_if_disabled(tx, claim)


def _hold_if_disabled(tx: sa.Connection, claim: Claim) -> None:
    """What waits for a disabled endpoint is held: also a delivery that was under way while another one disabled it."""
    status = tx.scalar(sa.select(endpoints.c.status).where(endpoints.c.id == claim.endpoint_id))
    if status == "disabled":
        tx.execute(
            deliveries.update()
            .where(
                deliveries.c.endpoint_id == claim.endpoint_id,
                deliveries.c.status.in_((Status.PENDING, Status.WAITING)),
            )
            .values(status=Status.HELD, due_at=None)
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one lead event at one endpoint. Times in epoch ms."""

    lead_event_id: str
    endpoint: str
    status: str
    tries: int
    created_at: int
    settled_at: int | None
    last_error: str | None


def fates(engine: sa.Engine, lead_event_ids: Sequence[str]) -> list[Fate]:
    """Of these lead events, in the order in which their deliveries were opened."""
    d = deliveries.c
    query = (
        sa.select(d.lead_event_id, endpoints.c.name, d.status, d.tries, d.created_at, d.settled_at, d.last_error)
        .join(endpoints, endpoints.c.id == d.endpoint_id)
        .where(d.lead_event_id.in_(lead_event_ids))
        .order_by(d.created_at, d.id)
    )
    with engine.connect() as tx:
        return [Fate(*row) for row in tx.execute(query)]
