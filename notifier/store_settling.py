"""Attempts that are over come in; their deliveries move on, and so do their endpoints: a few statements for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from notifier.core.answers import Answer, ErrorKind
from notifier.core.breaker import Breaker, Piece, after_failure, after_success
from notifier.core.delivery import Settled, Status
from notifier.core.disabling import Reason
from notifier.store_claiming import Claim
from notifier.store_disabling import disable_or_not, hold
from notifier.tables import attempts, deliveries, endpoints


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over at `at`, and what it leads to."""

    claim: Claim
    answer: Answer
    settled: Settled
    at: int


@dataclass(frozen=True, slots=True)
class Moved:
    """How a delivery stands after an attempt; why that disabled its endpoint, until when it opened its breaker. None: no."""

    status: Status
    disabled: Reason | None
    open_until: int | None = None


def settle(tx: sa.Connection, ended: Sequence[Ended]) -> list[Moved | None]:
    """How each moved on. None: its lease was lost, only the attempt is closed."""
    tx.execute(_CLOSE_ATTEMPT, [_attempt_end(each) for each in ended])
    # several workers settle several endpoints each: all lock these first, and in one order, or they wait for one another
    ids = sorted({each.claim.endpoint_id for each in ended})
    records = {row.id: _Record.of(row) for row in tx.execute(_LOCK, {"ids": ids})}
    ours = _move_on(tx, ended)
    moved: list[Moved | None] = [None] * len(ended)
    settled: dict[str, _Record] = {}
    for n in sorted(range(len(ended)), key=lambda n: ended[n].at):
        each = ended[n]
        if _key(each) in ours:
            record = records.get(each.claim.endpoint_id)
            moved[n] = Moved(each.settled.status, None) if record is None else record.take(tx, each)
            if record is not None:
                settled[record.id] = record
    if settled:
        tx.execute(_SETTLE_ENDPOINT, [record.columns() for record in settled.values()])
    return moved


@dataclass(slots=True)
class _Record:
    """An endpoint's row, locked, while what was sent to it is settled."""

    id: str
    project: str
    name: str
    status: str
    paused_until: int
    failures: int
    failing_since: int | None
    last_error: str | None
    last_status: int | None
    last_success_at: int | None
    last_ms: int | None
    breaker: Breaker

    @classmethod
    def of(cls, row: sa.Row[Any]) -> "_Record":
        known = row._asdict()
        recent = () if row.recent is None else _PIECES.decode(row.recent)
        breaker = Breaker(known.pop("breaker_opened"), known.pop("breaker_until"), recent)
        del known["recent"]
        return cls(**known, breaker=breaker)

    @property
    def since(self) -> int:
        """`failing_since`, once it has failed."""
        assert self.failing_since is not None  # noqa: S101 - asked after a failure only
        return self.failing_since

    def columns(self) -> dict[str, object]:
        breaker = self.breaker
        recent = _JSON.encode(breaker.recent).decode() if breaker.recent else None
        columns = {name: getattr(self, name) for name in _SETTLED}
        return columns | {
            "mine": self.id,
            "recent": recent,
            "breaker_opened": breaker.opened,
            "breaker_until": breaker.until,
        }

    def take(self, tx: sa.Connection, ended: Ended) -> Moved:
        """One attempt more; and what follows if that disables the endpoint, or another one has, while this one was under way."""
        claim, answer, settled, now = ended.claim, ended.answer, ended.settled, ended.at
        self.last_status, self.last_ms = answer.status, answer.ms
        if answer.delivered:
            self.failures, self.failing_since, self.last_error, self.last_success_at = 0, None, None, now
            self.breaker = after_success(self.breaker, now)
            return Moved(settled.status, None)
        self.failures += 1
        self.failing_since = now if self.failing_since is None else self.failing_since
        self.last_error = answer.error
        if settled.pause_until is not None:
            self.paused_until = settled.pause_until
        before = self.breaker
        pause_until = settled.pause_until
        self.breaker = after_failure(before, self.failures, now, is_probe=claim.is_probe, pause_until=pause_until)
        open_until = self.breaker.until if self.breaker.opened > before.opened else None
        disabled = disable_or_not(tx, self, claim.delivery_id, answer.error is ErrorKind.GONE, now)
        if disabled is not None:
            self.status = "disabled"
        if self.status == "enabled":
            return Moved(settled.status, None, open_until)
        return Moved(_held(tx, ended), disabled)


def _held(tx: sa.Connection, ended: Ended) -> Status:
    """The endpoint is disabled: what waits for it is held, and what just died too, but for what was too large."""
    claim, settled, is_too_large = ended.claim, ended.settled, ended.answer.error is ErrorKind.TOO_LARGE
    if settled.status is Status.DEAD and not is_too_large:
        tx.execute(deliveries.update().where(_d.id == claim.delivery_id).values(status=Status.HELD, settled_at=None))
    hold(tx, claim.endpoint_id)
    return settled.status if is_too_large else Status.HELD


def _move_on(tx: sa.Connection, ended: Sequence[Ended]) -> set[tuple[str, int]]:
    """Delivery and fence of those that were still ours: what was delivered in one statement, of the rest each its own."""
    delivered = [each for each in ended if each.settled.status is Status.DELIVERED]
    return _delivered(tx, delivered) | {
        _key(each) for each in ended if each.settled.status is not Status.DELIVERED and _moved_on(tx, each)
    }


def _delivered(tx: sa.Connection, ended: Sequence[Ended]) -> set[tuple[str, int]]:
    if not ended:
        return set()
    keys = [_key(each) for each in ended]
    values = {"ids": [key[0] for key in keys], "keys": keys, "at": max(each.at for each in ended)}
    return {(row.id, row.fence) for row in tx.execute(_DELIVERED, values)}


def _moved_on(tx: sa.Connection, ended: Ended) -> bool:
    claim, settled = ended.claim, ended.settled
    values = {
        "delivery": claim.delivery_id,
        "ours": claim.fence,
        "status": settled.status,
        "due_at": settled.next_at,
        "tries": settled.tries,
        "last_error": ended.answer.error,
        "settled_at": ended.at if settled.status is Status.DEAD else None,
    }
    return tx.execute(_MOVE_ON, values).rowcount == 1


def _key(ended: Ended) -> tuple[str, int]:
    return (ended.claim.delivery_id, ended.claim.fence)


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


def _bound(names: Iterable[str]) -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(name) for name in names}


_d, _e = deliveries.c, endpoints.c
_SETTLED = ("paused_until", "failures", "failing_since", "last_error", "last_status", "last_success_at", "last_ms")
_BREAKER = ("breaker_opened", "breaker_until", "recent")
_PIECES = msgspec.json.Decoder(tuple[Piece, ...])
_JSON = msgspec.json.Encoder()
_CLOSE_ATTEMPT = (
    attempts.update()
    .where(attempts.c.id == sa.bindparam("attempt_id"))
    .values(
        _bound(
            (
                *("finished_at", "outcome", "status", "error", "detail", "address"),
                *("dns_ms", "connect_ms", "headers_ms", "ms", "body"),
            )
        )
    )
)
_LOCK = (
    sa.select(*(_e[name] for name in ("id", "project", "name", "status", *_SETTLED, *_BREAKER)))
    .where(_e.id.in_(sa.bindparam("ids", expanding=True)), _e.status != "deleted")
    .order_by(_e.id)
    .with_for_update(key_share=True)
)
_SETTLE_ENDPOINT = endpoints.update().where(_e.id == sa.bindparam("mine")).values(_bound((*_SETTLED, *_BREAKER)))
_DELIVERED = (
    deliveries.update()
    .where(
        _d.id.in_(sa.bindparam("ids", expanding=True)),  # finds them by the key's index, which pairs do not on SQLite
        sa.tuple_(_d.id, _d.fence).in_(sa.bindparam("keys", expanding=True)),
        _d.status == Status.SENDING,
    )
    .values(status=Status.DELIVERED, due_at=None, tries=_d.tries + 1, last_error=None, settled_at=sa.bindparam("at"))
    .returning(_d.id, _d.fence)
)
_MOVE_ON = (
    deliveries.update()
    .where(_d.id == sa.bindparam("delivery"), _d.fence == sa.bindparam("ours"), _d.status == Status.SENDING)
    .values(_bound(("status", "due_at", "tries", "last_error", "settled_at")))
)
