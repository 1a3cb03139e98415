"""New deliveries come in, and time passes; which of them may go, and which wait for room under the caps, goes out.

Whoever decides has the project's row, so that two processes never fill the same room. A lead waits at an endpoint as one row of
`noise_waiting`; its deliveries are `capped` for so long.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from contracts.messages import Cap, Caps, LeadEvent
from notifier.core.delivery import Status
from notifier.core.matching import CLOCK_SKEW_MS_MAX
from notifier.core.noise import (
    HOUR_MS,
    MEAN_OVER_HOURS,
    REMEMBERED_MS,
    Book,
    Candidate,
    Counted,
    Scope,
    Told,
    Verdict,
    brake,
    candidate,
    cap_of,
    counted_in,
    is_finished,
    is_open,
    is_wanted,
)
from notifier.tables import deliveries, endpoints, noise_hours, noise_projects, noise_told, noise_waiting

OVERDUE = "lead.overdue"
UNTOLD, STALE = "untold", "stale"
"""Why a delivery was skipped: its lead was over before anybody was told of it; it had waited for too long."""
AT_ONCE_MAX = 2_000
"""Leads that wait, looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """What a look at the waiting came to. `next_at`: when another may find more; None: none waits.

    `deliveries`, `stale`: how many may go now, and how many never will.
    """

    next_at: int | None
    deliveries: int = 0
    stale: int = 0


class Noise:
    """Part of NotifierStore: `store.noise`."""

    def __init__(self, engine: sa.Engine, writing: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._engine = engine
        self._writing = writing

    def look(self, now: int) -> LetGo:
        """Let go what there is room for now."""
        with self._engine.connect() as tx:
            projects = list(tx.scalars(_DUE_PROJECTS, {"now": now}))
            if not projects:
                return LetGo(tx.scalar(_NEXT))
        with self._writing() as tx:
            caps = _take(tx, dict.fromkeys(projects, None), now)
            waiting = [_candidate_of(row) for row in tx.execute(_DUE, {"projects": projects, "now": now, "most": AT_ONCE_MAX})]
            verdicts = _decide(tx, waiting, caps, _told_of_leads(tx, _leads(waiting)), now)
            gone = _apply(tx, verdicts, {(each.endpoint_id, each.lead_id) for each in waiting}, now)
        return LetGo(now if len(waiting) == AT_ONCE_MAX else None, *gone)

    def let_go(self, endpoint_id: str, lead_id: str, now: int) -> int:
        """Let a waiting lead go, whatever the caps say: somebody wants it; how many of its deliveries."""
        mine = sa.select(noise_waiting).where(_w.endpoint_id == endpoint_id, _w.lead_id == lead_id)
        with self._engine.connect() as tx:
            row = tx.execute(mine).one_or_none()
        if row is None:
            return 0
        with self._writing() as tx:
            caps = _take(tx, {row.project: None}, now)
            still = [replace(_candidate_of(each), explicit=True) for each in tx.execute(mine)]
            verdicts = _decide(tx, still, caps, _told_of_leads(tx, _leads(still)), now)
            gone, _ = _apply(tx, verdicts, {(each.endpoint_id, each.lead_id) for each in still}, now)
        return gone

    def sweep(self, now: int) -> None:
        """Forget what no cap looks back to."""
        with self._writing() as tx:
            tx.execute(noise_told.delete().where(noise_told.c.at < now - REMEMBERED_MS))
            tx.execute(noise_hours.delete().where(noise_hours.c.hour < now // HOUR_MS - MEAN_OVER_HOURS))


def place(
    tx: sa.Connection, new: Mapping[tuple[str, str], Sequence[LeadEvent]], now: int
) -> dict[tuple[str, str], tuple[Status, str | None]]:
    """The state of new deliveries, and why, by endpoint and lead event. `new`: (endpoint, lead) -> its lead events, in order."""
    caps = _take(tx, _newest([event for group in new.values() for event in group]), now)
    stand = {pair: candidate(pair[0], group[-1]) for pair, group in new.items()}
    waiting, due = _waiting(tx, {lead for _, lead in new}, sorted(caps), now)
    told_of_leads = _told_of_leads(tx, _leads([*stand.values(), *due.values()]))
    known = {(each.of.key, each.lead_id) for each in told_of_leads if each.of.scope is Scope.ENDPOINT}
    told = {lead for _, lead in known}
    found: dict[tuple[str, str], tuple[Status, str | None]] = {}
    fresh: list[Candidate] = []
    awaited: list[Candidate] = []
    ended: list[tuple[str, str]] = []
    for pair, group in new.items():
        before = waiting.get(pair)
        stands = replace(stand[pair], explicit=any(map(is_wanted, group)))
        if pair in known or (before is None and not any(map(is_open, group))):
            found |= _all(pair, group, Status.PENDING)
        elif before is None:
            is_late = pair[1] not in told and all(event.type == OVERDUE for event in group)
            fresh.append(replace(stands, over=stands.over or is_late))  # it would wait for nothing
        elif is_finished(group[-1]) and not stands.explicit:
            found |= _all(pair, group, Status.SKIPPED, UNTOLD)
            ended.append(pair)
        else:
            awaited.append(replace(stands, since=before.since, explicit=before.explicit or stands.explicit, waited=True))
    _end(tx, ended, UNTOLD, now)
    _count_arrivals(tx, fresh, now)
    looked = {(each.endpoint_id, each.lead_id) for each in awaited}
    over = looked.union(ended)
    others = {pair: each for pair, each in due.items() if pair not in over}
    verdicts = _decide(tx, [*fresh, *awaited, *others.values()], caps, told_of_leads, now)
    _apply(tx, verdicts, looked | others.keys(), now)
    for verdict in verdicts:
        pair = _pair(verdict)
        if pair in new:
            found |= _of_verdict(pair, new[pair], verdict, is_told=pair[1] in told)
    return found


def hold_decisions(tx: sa.Connection, project: str) -> None:
    """Until the end of the transaction nobody else decides what of the project goes."""
    _row_of(tx, project, None, 0)


def _of_verdict(
    pair: tuple[str, str], group: Sequence[LeadEvent], verdict: Verdict, *, is_told: bool
) -> dict[tuple[str, str], tuple[Status, str | None]]:
    if verdict.stale:
        return _all(pair, group, Status.SKIPPED, UNTOLD if verdict.candidate.over else STALE)
    if verdict.held_by is None:
        return _all(pair, group, Status.PENDING)
    waits = _all(pair, group, Status.CAPPED, f"cap_{verdict.held_by}")
    late = [event for event in group if event.type == OVERDUE and not is_told]  # nobody was told, so nobody is late
    return waits | _all(pair, late, Status.SKIPPED, UNTOLD)


def _all(
    pair: tuple[str, str], group: Iterable[LeadEvent], status: Status, why: str | None = None
) -> dict[tuple[str, str], tuple[Status, str | None]]:
    return {(pair[0], event.id): (status, why) for event in group}


def _newest(events: Sequence[LeadEvent]) -> dict[str, LeadEvent]:
    newest: dict[str, LeadEvent] = {}
    for event in events:
        if event.project not in newest or event.timestamp >= newest[event.project].timestamp:
            newest[event.project] = event
    return newest


def _row_of(tx: sa.Connection, project: str, event: LeadEvent | None, now: int) -> sa.Row[Any]:
    """The project's row, ours until the end of the transaction; made, if there is none yet."""
    take = _TAKE_PROJECT
    said: dict[str, object] = {"mine": project}
    if event is not None:
        caps = msgspec.json.encode(event.caps or Caps()).decode()
        take, said = _SAY_CAPS, said | {"caps_now": caps, "at": event.timestamp, "skewed": now + CLOCK_SKEW_MS_MAX}
    row = tx.execute(take, said).one_or_none()
    if row is None:
        tx.execute(_MAKE_PROJECT, {"project": project})
        row = tx.execute(take, said).one()
    return row


def _take(tx: sa.Connection, newest: Mapping[str, LeadEvent | None], now: int) -> dict[str, Caps]:
    """The projects' rows are ours until the end of the transaction, all in one order; the caps of each.

    Of two lead events the newer one's count; of a clock that was wrong, not for as long as it was.
    """
    found = {}
    for project, event in sorted(newest.items()):
        row = _row_of(tx, project, event, now)
        if row.changed:
            tx.execute(_LOOK_AGAIN, {"mine": project})
        found[project] = msgspec.json.decode(row.caps, type=Caps)
    return found


def _decide(
    tx: sa.Connection, candidates: Sequence[Candidate], caps: Mapping[str, Caps], told_of_leads: set[Told], now: int
) -> list[Verdict]:
    """`told_of_leads`: whatever was told of their leads."""
    if not candidates:
        return []
    wanted = Counter(of for each in candidates for of in counted_in(each))
    brakes = {project: brake(each, {}, now) for project, each in caps.items()}  # the least that they can be
    told = _how_many(tx, _bound(wanted, caps, brakes), now)
    tight = _tight(wanted, told, caps, brakes)
    brakes |= _brakes(tx, caps, [of.project for of in tight if of.scope is Scope.BRAKE], now)
    book = Book(caps, brakes, told_of_leads | _told_there(tx, _tight(wanted, told, caps, brakes), now))
    verdicts = book.decide(candidates, now)
    if book.new:
        tx.execute(noise_told.insert(), [_told_row(each) for each in book.new])
    return verdicts


def _bound(wanted: Iterable[Counted], caps: Mapping[str, Caps], brakes: Mapping[str, Cap | None]) -> dict[Counted, Cap]:
    return {of: cap for of in wanted if (cap := cap_of(of, caps, brakes)) is not None}


def _tight(
    wanted: Mapping[Counted, int], told: Mapping[Counted, int], caps: Mapping[str, Caps], brakes: Mapping[str, Cap | None]
) -> dict[Counted, Cap]:
    """Where there may be no room for all that is wanted: as a rule nowhere, and nothing need be read but how many were told."""
    return {of: cap for of, cap in _bound(wanted, caps, brakes).items() if told.get(of, 0) + wanted[of] > cap.leads}


def _how_many(tx: sa.Connection, bound: Mapping[Counted, Cap], now: int) -> dict[Counted, int]:
    """How many leads count there, as far as the cap looks back."""
    rows = (row for where in _places(bound, now) for row in tx.execute(HOW_MANY_THERE, where))
    return {Counted(row.project, Scope(row.scope), row.key): row.told for row in rows}


def _told_there(tx: sa.Connection, bound: Mapping[Counted, Cap], now: int) -> set[Told]:
    """Which."""
    return {_told_of(row) for where in _places(bound, now) for row in tx.execute(TOLD_THERE, where)}


def _places(bound: Mapping[Counted, Cap], now: int) -> Iterator[dict[str, object]]:
    """Parameters of HOW_MANY_THERE and TOLD_THERE, one set for each project. A clock that was set back leaves rows after now."""
    for project in sorted({of.project for of in bound}):
        where: dict[str, object] = {"project": project}
        for scope in Scope:
            there = {of.key: cap.per_ms for of, cap in bound.items() if (of.project, of.scope) == (project, scope)}
            per = max(there.values(), default=0)
            where |= {f"{scope}_keys": sorted(there), f"{scope}_after": now - per, f"{scope}_until": now + per}
        yield where


def _brakes(tx: sa.Connection, caps: Mapping[str, Caps], projects: Sequence[str], now: int) -> dict[str, Cap | None]:
    """With what the hours before brought."""
    if not projects:
        return {}
    hours: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for row in tx.execute(_HOURS, {"projects": projects, "from": now // HOUR_MS - MEAN_OVER_HOURS}):
        hours[row.project][row.hour] = row.leads
    return {project: brake(caps[project], hours[project], now) for project in projects}


def _told_of_leads(tx: sa.Connection, leads: set[str]) -> set[Told]:
    return {_told_of(row) for row in tx.execute(_TOLD_OF_LEADS, {"leads": sorted(leads)})}


def _leads(candidates: Iterable[Candidate]) -> set[str]:
    """Theirs, and those that they take over."""
    return {lead for each in candidates for lead in (each.lead_id, each.takes_over) if lead is not None}


def _told_of(row: sa.Row[Any]) -> Told:
    return Told(Counted(row.project, Scope(row.scope), row.key), row.lead_id, row.at, row.counts)


def _told_row(told: Told) -> dict[str, object]:
    return {**told.of._asdict(), "lead_id": told.lead_id, "at": told.at, "counts": told.counts}


def _apply(tx: sa.Connection, verdicts: Sequence[Verdict], stored: set[tuple[str, str]], now: int) -> tuple[int, int]:
    """Write what was decided of waiting leads; (deliveries that may go, that never will). `stored`: those that wait already."""
    waits = [each for each in verdicts if each.held_by is not None]
    over = [each for each in verdicts if each.held_by is None and _pair(each) in stored]
    if waits:
        old = [_pair(each) for each in waits if _pair(each) in stored]
        _delete(tx, old)
        tx.execute(noise_waiting.insert(), [_waiting_row(each) for each in waits])
    gone = _let_go(tx, [_pair(each) for each in over if not each.stale], now)
    return gone, _end(tx, [_pair(each) for each in over if each.stale], STALE, now)


def _let_go(tx: sa.Connection, pairs: Sequence[tuple[str, str]], now: int) -> int:
    if not pairs:
        return 0
    _delete(tx, pairs)
    return sum(tx.execute(_LET_GO, {"at": endpoint, "lead": lead, "now": now}).rowcount for endpoint, lead in pairs)


def _end(tx: sa.Connection, pairs: Sequence[tuple[str, str]], why: str, now: int) -> int:
    if not pairs:
        return 0
    _delete(tx, pairs)
    return sum(tx.execute(_SKIP, {"at": endpoint, "lead": lead, "now": now, "why": why}).rowcount for endpoint, lead in pairs)


def _delete(tx: sa.Connection, pairs: Sequence[tuple[str, str]]) -> None:
    if pairs:
        tx.execute(_DELETE, [{"at": endpoint, "lead": lead} for endpoint, lead in pairs])


def _pair(verdict: Verdict) -> tuple[str, str]:
    return verdict.candidate.endpoint_id, verdict.candidate.lead_id


def _waiting_row(verdict: Verdict) -> dict[str, object]:
    stands = {name: getattr(verdict.candidate, name) for name in _CANDIDATE}
    return stands | {"held_by": verdict.held_by, "until": verdict.until}


def _candidate_of(row: sa.Row[Any]) -> Candidate:
    return Candidate(**{name: getattr(row, name) for name in _CANDIDATE}, waited=True)


def _waiting(
    tx: sa.Connection, leads: set[str], projects: Sequence[str], now: int
) -> tuple[dict[tuple[str, str], Candidate], dict[tuple[str, str], Candidate]]:
    """What waits of these leads, and of the projects what may find room now, by endpoint and lead."""
    where = {"leads": sorted(leads), "projects": projects, "now": now, "most": AT_ONCE_MAX}
    found: dict[bool, dict[tuple[str, str], Candidate]] = {False: {}, True: {}}
    for row in tx.execute(_WAITING, where):
        found[bool(row.due)][row.endpoint_id, row.lead_id] = _candidate_of(row)
    return found[False], found[True]


def _count_arrivals(tx: sa.Connection, fresh: Sequence[Candidate], now: int) -> None:
    leads = Counter(project for project, _ in {(each.project, each.lead_id) for each in fresh})
    if leads:
        tx.execute(_ARRIVED, [{"project": project, "hour": now // HOUR_MS, "leads": n} for project, n in sorted(leads.items())])


_CANDIDATE = [each.name for each in fields(Candidate) if each.name in noise_waiting.c]
_w, _t, _p, _d = noise_waiting.c, noise_told.c, noise_projects.c, deliveries.c
_MAKE_PROJECT = sa.text(
    "INSERT INTO noise_projects (project, caps, caps_at, changed) VALUES (:project, '{}', -1, false) ON CONFLICT DO NOTHING"
)
_mine = noise_projects.update().where(_p.project == sa.bindparam("mine"))
_TAKE_PROJECT = _mine.values(changed=sa.false()).returning(_p.caps, _p.changed)
_newer = sa.or_(_p.caps_at <= sa.bindparam("at"), _p.caps_at > sa.bindparam("skewed"))
_SAY_CAPS = _mine.values(
    caps=sa.case((_newer, sa.bindparam("caps_now")), else_=_p.caps),
    caps_at=sa.case((_newer, sa.bindparam("at")), else_=_p.caps_at),
    changed=sa.and_(_newer, _p.caps != sa.bindparam("caps_now")),
).returning(_p.caps, _p.changed)
_LOOK_AGAIN = noise_waiting.update().where(_w.project == sa.bindparam("mine")).values(until=0)
_ARRIVED = sa.text(
    "INSERT INTO noise_hours (project, hour, leads) VALUES (:project, :hour, :leads) "
    "ON CONFLICT (project, hour) DO UPDATE SET leads = noise_hours.leads + excluded.leads"
)
_HOURS = sa.select(noise_hours).where(
    noise_hours.c.project.in_(sa.bindparam("projects", expanding=True)), noise_hours.c.hour >= sa.bindparam("from")
)
_TOLD_OF_LEADS = sa.select(noise_told).where(_t.lead_id.in_(sa.bindparam("leads", expanding=True)))


def _there(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _t.project == sa.bindparam("project"),
        _t.scope == scope,
        _t.key.in_(sa.bindparam(f"{scope}_keys", expanding=True)),
        _t.at > sa.bindparam(f"{scope}_after"),
        _t.at <= sa.bindparam(f"{scope}_until"),
        _t.counts,
    )


_count = sa.select(_t.project, _t.scope, _t.key, sa.func.count().label("told")).group_by(_t.project, _t.scope, _t.key)
HOW_MANY_THERE = sa.union_all(*(_count.where(*_there(scope)) for scope in Scope))
TOLD_THERE = sa.union_all(*(sa.select(noise_told).where(*_there(scope)) for scope in Scope))
_enabled = sa.exists().where(endpoints.c.id == _w.endpoint_id, endpoints.c.status == "enabled")
_DUE_PROJECTS = sa.select(_w.project).where(_w.until <= sa.bindparam("now"), _enabled).distinct().order_by(_w.project)
_NEXT = sa.select(sa.func.min(_w.until)).where(_enabled)
_due = (
    sa.select(noise_waiting, sa.true().label("due"))
    .where(_w.project.in_(sa.bindparam("projects", expanding=True)), _w.until <= sa.bindparam("now"), _enabled)
    .order_by(_w.rank.desc(), _w.since, _w.lead_id)
    .limit(sa.bindparam("most"))
    .subquery()
)
_DUE = sa.select(_due)
_WAITING = sa.union_all(
    _DUE, sa.select(noise_waiting, sa.false().label("due")).where(_w.lead_id.in_(sa.bindparam("leads", expanding=True)))
)
_DELETE = noise_waiting.delete().where(_w.endpoint_id == sa.bindparam("at"), _w.lead_id == sa.bindparam("lead"))
_capped = deliveries.update().where(
    _d.endpoint_id == sa.bindparam("at"), _d.lead_id == sa.bindparam("lead"), _d.status == Status.CAPPED
)
_LET_GO = _capped.values(status=Status.PENDING, due_at=sa.bindparam("now"), tries_since=sa.bindparam("now"), last_error=None)
_SKIP = _capped.values(status=Status.SKIPPED, due_at=None, settled_at=sa.bindparam("now"), last_error=sa.bindparam("why"))
