"""What is in flight comes in; what is due and may go out now, for all endpoints in two statements, goes out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from notifier.core.formats import FORMATS
from notifier.core.isolation import PER_ENDPOINT, Allotment, Standing, is_suspect
from notifier.tables import deliveries, endpoints


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt of ours that is not settled. `is_first`: its delivery was never tried before."""

    endpoint_id: str
    project: str
    is_first: bool
    begun_at: int


class Found(NamedTuple):
    """An endpoint as `look` has it, its sealed columns, and deliveries that may go out, the oldest first."""

    endpoint: sa.Row[Any]
    sealed: sa.Row[Any]
    deliveries: list[str]


def look(tx: sa.Connection) -> list[sa.Row[Any]]:
    """Each enabled endpoint: how it stands, until when it waits, and when the first of its deliveries is due, of either kind."""
    return list(tx.execute(_LOOK))


def may_go_at(row: sa.Row[Any]) -> int | None:
    """When the first of an endpoint's deliveries may go; None: there is none."""
    due = [at for at in (row.first_at, row.again_at) if at is not None]
    return max(min(due), row.waits_until) if due else None


def is_due(row: sa.Row[Any], now: int) -> bool:
    at = may_go_at(row)
    return at is not None and at <= now


def standings(rows: Iterable[sa.Row[Any]], in_flight: Sequence[Flight], now: int) -> list[Standing]:
    """Of all that have deliveries due, or any in flight; the latter also where `rows` has them not."""
    flights: dict[str, list[Flight]] = {}
    for flight in in_flight:
        flights.setdefault(flight.endpoint_id, []).append(flight)
    found = []
    for row in rows:
        mine = flights.pop(row.id, [])
        if mine or is_due(row, now):
            found.append(_standing(row, mine, now))
    # disabled or deleted meanwhile: what they have in flight counts
    return found + [_leaving(endpoint_id, mine) for endpoint_id, mine in flights.items()]


def find(
    tx: sa.Connection, rows: Iterable[sa.Row[Any]], allotted: Mapping[str, Allotment], now: int, also: Iterable[str] = ()
) -> list[Found]:
    """The deliveries for what was allotted. `also`: endpoints of which only what is sealed is asked for."""
    by_id = {row.id: row for row in rows}
    found = []
    for row in tx.execute(_FIND, {"ids": sorted({*allotted, *also} & by_id.keys()), "now": now}):
        share = allotted.get(row.id, Allotment())
        first, again = ([getattr(row, f"{kind}{n}") for n in range(PER_ENDPOINT)] for kind in ("first", "again"))
        due = [each for each in first[: share.first] + again[: share.again] if each is not None]
        found.append(Found(by_id[row.id], row, due))
    return found


def _standing(row: sa.Row[Any], mine: Sequence[Flight], now: int) -> Standing:
    may_go = is_due(row, now)
    longest = max((now - flight.begun_at for flight in mine), default=0)
    first = sum(flight.is_first for flight in mine)
    return Standing(
        row.id,
        row.project,
        1 if FORMATS[row.format].paced else PER_ENDPOINT,
        is_suspect(row.last_success_at, row.failures, row.last_ms, longest),
        failing=row.failures > 0,
        due_at=may_go_at(row) or 0,
        first=may_go and row.first_at is not None and row.first_at <= now,
        again=may_go and row.again_at is not None and row.again_at <= now,
        first_in_flight=first,
        again_in_flight=len(mine) - first,
    )


def _leaving(endpoint_id: str, mine: Sequence[Flight]) -> Standing:
    return Standing(endpoint_id, mine[0].project, PER_ENDPOINT, suspect=True, again_in_flight=len(mine))


_d, _e = deliveries.c, endpoints.c
# written out, not bound: so each finds its index
FIRST, AGAIN = (sa.and_(_d.due_at.is_not(None), sa.literal_column(f"deliveries.fence {tried} 0")) for tried in ("=", ">"))


def _due(kind: sa.ColumnElement[bool]) -> tuple[sa.ColumnElement[bool], ...]:
    return (_d.endpoint_id == _e.id, kind)


def _nth(kind: sa.ColumnElement[bool], n: int) -> sa.ScalarSelect[str]:
    due = sa.select(_d.id).where(*_due(kind), _d.due_at <= sa.bindparam("now"))
    return due.order_by(_d.due_at).limit(1).offset(n).scalar_subquery()


_LOOK = sa.select(
    *(_e[name] for name in ("id", "project", "name", "site", "format", "last_success_at", "failures", "last_ms")),
    _e.breaker_opened,
    sa.case((_e.breaker_until > _e.paused_until, _e.breaker_until), else_=_e.paused_until).label("waits_until"),
    *(
        sa.select(sa.func.min(_d.due_at)).where(*_due(kind)).scalar_subquery().label(name)
        for name, kind in (("first_at", FIRST), ("again_at", AGAIN))
    ),
).where(_e.status == "enabled")
# a few look-ups by index for each endpoint: LATERAL would be one, and SQLite has none
_FIND = sa.select(
    *(_e[name] for name in ("id", "url", "secrets", "headers")),
    *(_nth(kind, n).label(f"{name}{n}") for name, kind in (("first", FIRST), ("again", AGAIN)) for n in range(PER_ENDPOINT)),
).where(_e.id.in_(sa.bindparam("ids", expanding=True)))
