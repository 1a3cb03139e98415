"""The notifier's rows: endpoints, the checkpoint of what was taken in, and (through `store_…`) deliveries and attempts.

Every writing transaction begins with a write, because on SQLite a read before it would run outside the transaction.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
import sqlalchemy as sa

from contracts.messages import LeadEvent
from eventlog.port import TopicPartition
from notifier.core.delivery import Status
from notifier.core.matching import Filters, Subscription
from notifier.core.urls import Target
from notifier.store_claiming import skip_held
from notifier.store_deliveries import Deliveries
from notifier.store_disabling import bury, release
from notifier.store_history import History
from notifier.store_noise import Noise, hold_decisions, place
from notifier.store_opening import opened
from notifier.store_replay import Replays
from notifier.store_secrets import Secrets
from notifier.tables import deliveries, endpoints, notifier_checkpoints
from notifier.vault import Vault
from runtime.points import reach

ENABLED, DISABLED, DELETED = "enabled", "disabled", "deleted"
NO_DUE = None
DUE: tuple[Status, str | None] = (Status.PENDING, None)
NEW_BREAKER: Mapping[str, object] = MappingProxyType({"breaker_opened": 0, "breaker_until": 0, "recent": None})
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class CheckpointMovedError(Exception):
    """Another process has taken in records of this partition meanwhile: nothing of ours was written."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint without its URL and secrets. Times are epoch milliseconds."""

    id: str
    project: str
    name: str
    site: str
    header_names: tuple[str, ...]
    format: str
    pii: str
    filters: Filters
    caps: bool
    status: str
    disabled_reason: str | None
    created_at: int
    paused_until: int
    failures: int
    failing_since: int | None
    last_error: str | None
    last_status: int | None
    last_success_at: int | None
    breaker_opened: int
    """Times since the last success; 0: it is closed."""
    breaker_until: int
    """When the next attempt may be made, if it is open."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where reading of a partition goes on. `version` is compared and swapped with every step; 0: no row yet."""

    next_offset: int
    version: int


@dataclass(frozen=True, slots=True)
class Move:
    """A partition was read from its checkpoint to `next_offset`."""

    at: TopicPartition
    checkpoint: Checkpoint
    next_offset: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A lead event and the bytes of it that one endpoint is to get. `latest_only`: not if a newer revision of its lead is.

    `bounded`: caps on noise may hold it back.
    """

    endpoint_id: str
    event: LeadEvent
    body: bytes
    latest_only: bool = False
    bounded: bool = False


Plan = Callable[[Sequence[Subscription]], Sequence[NewDelivery]]
"""From the endpoints that are enabled now to the deliveries that they are to get."""


class NotifierStore:
    """The only toucher of the notifier's tables. Its methods block; several threads may call them."""

    def __init__(self, engine: sa.Engine, vault: Vault) -> None:
        self._engine = engine
        # SQLite has one writer, and waits for it by sleeping: threads of one process queue here instead
        self._one_writer = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        self.secrets = Secrets(engine, self.writing, vault)
        self.deliveries = Deliveries(engine, self.writing, self.secrets.opened)
        self.history = History(engine)
        self.replays = Replays(engine, self.writing)
        self.noise = Noise(engine, self.writing)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that begins with a write."""
        with self._one_writer, self._engine.begin() as tx:
            yield tx

    def add_endpoint(  # noqa: PLR0913 - what an endpoint is made of
        self,
        project: str,
        name: str,
        target: Target,
        filters: Filters,
        now: int,
        *,
        format_: str = "standard",
        pii: str = "full",
        headers: Mapping[str, str] = NO_HEADERS,
        caps: bool = True,
    ) -> tuple[Endpoint, str]:
        """The new endpoint, enabled, and its secret, which is told this once."""
        sealed, secret = self.secrets.make(target.url, headers)
        endpoint_id = f"ep_{secrets.token_hex(8)}"
        row = {
            "id": endpoint_id,
            "project": project,
            "name": name,
            "site": target.site,
            **sealed,
            "header_names": msgspec.json.encode(sorted(headers)).decode() if headers else None,
            "format": format_,
            "pii": pii,
            "filters": msgspec.json.encode(filters).decode(),
            "caps": caps,
            "status": ENABLED,
            "created_at": now,
            "paused_until": 0,
            "failures": 0,
        }
        with self.writing() as tx:
            tx.execute(endpoints.insert().values(row))
        endpoint = self.endpoint(endpoint_id)
        assert endpoint is not None  # noqa: S101 - just written
        return endpoint, secret

    def endpoints(self) -> list[Endpoint]:
        """All that are not deleted, the oldest first."""
        query = _ENDPOINT.where(endpoints.c.status != DELETED).order_by(endpoints.c.created_at, endpoints.c.id)
        with self._engine.connect() as tx:
            return [_endpoint(row) for row in tx.execute(query)]

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        query = _ENDPOINT.where(endpoints.c.id == endpoint_id, endpoints.c.status != DELETED)
        with self._engine.connect() as tx:
            row = tx.execute(query).first()
        return None if row is None else _endpoint(row)

    def delete_endpoint(self, endpoint_id: str, now: int) -> bool:
        """Forget URL and secrets; what was still to be delivered there is dead, and says why. False: there is none."""
        endpoint = self.endpoint(endpoint_id)
        if endpoint is None:
            return False
        with self.writing() as tx:
            hold_decisions(tx, endpoint.project)
            gone = tx.execute(
                endpoints.update()
                .where(endpoints.c.id == endpoint_id, endpoints.c.status != DELETED)
                .values(status=DELETED, url=b"", secrets=b"", headers=None)
            )
            if gone.rowcount == 0:
                return False
            bury(tx, endpoints.c.id == endpoint_id, now)
        return True

    def enable_endpoint(self, endpoint_id: str, now: int) -> bool:
        """Switch a disabled endpoint on again: what was held is due at once, with fresh tries. False: there is none."""
        with self.writing() as tx:
            enabled = tx.execute(
                endpoints.update()
                .where(endpoints.c.id == endpoint_id, endpoints.c.status != DELETED)
                .values(status=ENABLED, disabled_reason=None, paused_until=0, failures=0, failing_since=None, **NEW_BREAKER)
            )
            skip_held(tx, endpoint_id, now)
            release(tx, endpoints.c.id == endpoint_id, now)
        return enabled.rowcount == 1

    def mend(self, now: int) -> None:
        """See to what came to an endpoint just when another process removed it, or enabled it."""
        with self.writing() as tx:
            bury(tx, sa.true(), now)
            release(tx, sa.true(), now)

    def checkpoints(self, topic: str) -> dict[int, Checkpoint]:
        """By partition; those never read are missing."""
        with self._engine.connect() as tx:
            rows = tx.execute(_CHECKPOINTS, {"topic": topic}).all()
        return {row.partition: Checkpoint(row.next_offset, row.version) for row in rows}

    def take_in(self, moves: Sequence[Move], plan: Plan, now: int) -> int:
        """Move the checkpoints and open the planned deliveries, in one transaction; how many were new.

        A lead event that an endpoint already has opens none; of a disabled endpoint they are held. Raises CheckpointMovedError.
        """
        with self.writing() as tx:
            _swap_checkpoints(tx, moves)
            reach("notifier.intake.swapped")
            rows = tx.execute(_HEARING).all()
            planned = plan([_subscription(row) for row in rows])
            known = _known(tx, planned)
            new = [each for each in planned if _pair(each) not in known]
            if new:
                states = _states(tx, new, now)
                disabled = {row.id for row in rows if row.status == DISABLED}
                stand = [_held(states.get(_pair(each), DUE), each.endpoint_id in disabled) for each in new]
                tx.execute(deliveries.insert(), [_row(each, now, *state) for each, state in zip(new, stand, strict=True)])
        return len(new)


_INNER = ("url", "secrets", "headers", "last_ms", "recent")
_ENDPOINT = sa.select(*(column for column in endpoints.c if column.name not in _INNER))
_HEARING = _ENDPOINT.where(endpoints.c.status != DELETED)
"""A disabled one hears of everything when it is enabled."""
_c = notifier_checkpoints.c
_CHECKPOINTS = sa.select(notifier_checkpoints).where(_c.topic == sa.bindparam("topic"))
_SWAP = (
    notifier_checkpoints.update()
    .where(_c.topic == sa.bindparam("t"), _c.partition == sa.bindparam("p"), _c.version == sa.bindparam("v"))
    .values(next_offset=sa.bindparam("next"), version=_c.version + 1)
)
_PLANNED = sa.select(deliveries.c.endpoint_id, deliveries.c.lead_event_id).where(
    deliveries.c.endpoint_id.in_(sa.bindparam("endpoints", expanding=True)),
    deliveries.c.lead_event_id.in_(sa.bindparam("events", expanding=True)),
)


def _endpoint(row: sa.Row[tuple[object, ...]]) -> Endpoint:
    names = () if row.header_names is None else msgspec.json.decode(row.header_names, type=tuple[str, ...])
    return Endpoint(**row._asdict() | {"filters": _filters(row.filters), "header_names": names})


def _subscription(row: sa.Row[tuple[object, ...]]) -> Subscription:
    return Subscription(row.id, row.project, row.format, _filters(row.filters), row.created_at, row.pii, row.caps)


def _filters(text: str) -> Filters:
    return msgspec.json.decode(text, type=Filters)


def _row(new: NewDelivery, now: int, status: Status, why: str | None) -> dict[str, object]:
    event = new.event
    row = opened(new.endpoint_id, event.id, event.data.get("lead_id"), event.type, new.body, now)
    return row | {
        "lead_event_at": event.timestamp,
        "revision": event.data.get("revision") if new.latest_only else None,
        "status": status,
        "due_at": now if status is Status.PENDING else NO_DUE,
        "settled_at": now if status is Status.SKIPPED else None,
        "last_error": why,
    }


def _held(state: tuple[Status, str | None], disabled: bool) -> tuple[Status, str | None]:
    """What could go now waits for a disabled endpoint to be enabled."""
    return (Status.HELD, None) if disabled and state[0] is Status.PENDING else state


def _pair(new: NewDelivery) -> tuple[str, str]:
    return new.endpoint_id, new.event.id


def _states(tx: sa.Connection, new: Sequence[NewDelivery], now: int) -> dict[tuple[str, str], tuple[Status, str | None]]:
    """Of those that caps may hold back, whether they do."""
    bounded: dict[tuple[str, str], list[LeadEvent]] = {}
    for each in new:
        if each.bounded:
            bounded.setdefault((each.endpoint_id, str(each.event.data.get("lead_id"))), []).append(each.event)
    return place(tx, bounded, now) if bounded else {}


def _known(tx: sa.Connection, planned: Sequence[NewDelivery]) -> set[tuple[str, str]]:
    """Those pairs of endpoint and lead event that have a delivery already; both columns, as the unique index has them."""
    if not planned:
        return set()
    pairs = {"endpoints": {each.endpoint_id for each in planned}, "events": {each.event.id for each in planned}}
    rows = tx.execute(_PLANNED, {name: sorted(ids) for name, ids in pairs.items()})
    return {(row.endpoint_id, row.lead_event_id) for row in rows}


def _swap_checkpoints(tx: sa.Connection, moves: Sequence[Move]) -> None:
    begun = [
        {"topic": move.at.topic, "partition": move.at.partition, "next_offset": move.next_offset, "version": 1}
        for move in moves
        if move.checkpoint.version == 0
    ]
    swaps = [
        {"t": move.at.topic, "p": move.at.partition, "v": move.checkpoint.version, "next": move.next_offset}
        for move in moves
        if move.checkpoint.version
    ]
    try:
        if begun:
            tx.execute(notifier_checkpoints.insert(), begun)
    except sa.exc.IntegrityError:
        raise CheckpointMovedError from None
    if swaps and tx.execute(_SWAP, swaps).rowcount != len(swaps):
        raise CheckpointMovedError
