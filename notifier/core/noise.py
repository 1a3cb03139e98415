"""Leads that a receiver does not know, and what people were told of before, in; which go now, and what the others wait for, out.

Caps decide of no lead: they say when receivers hear of it. Source: `noise` of the rulebook (docs/rulebook.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from contracts.messages import Cap, Caps, LeadEvent
from notifier.core.matching import PRODUCT
from notifier.core.payload import part, parts

HOUR_MS = 3_600_000
STALE_MS = 7 * 24 * HOUR_MS
"""A lead that has waited for so long is no news any more."""
MEAN_OVER_HOURS = 168
MEAN_OVER_HOURS_MIN = 24
"""The brake's mean is over a week; in a project's first day, over a day."""
REMEMBERED_MS = 400 * 24 * HOUR_MS
"""Longer than any cap looks back."""
_TEMPERATURES = ("cold", "warm", "hot")
_RANKS = 10_000_000
_UNFINISHED = ("open", "accepted", "opportunity")


class Scope(StrEnum):
    """Of whom, or where, leads are counted. Stored and shown: names never change."""

    ACCOUNT = "account"
    PERSON = "person"
    ENDPOINT = "endpoint"
    BRAKE = "brake"


class Counted(NamedTuple):
    """One account, person, endpoint, or the whole project (its brake)."""

    project: str
    scope: Scope
    key: str


class Told(NamedTuple):
    """A lead that was told where leads are counted. `counts` False: it took over the place of one that does."""

    of: Counted
    lead_id: str
    at: int
    counts: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lead that an endpoint does not know yet. `since`: the time of its first lead event, epoch milliseconds."""

    endpoint_id: str
    lead_id: str
    project: str
    account: str
    person: str | None
    rank: int
    since: int
    takes_over: str | None
    explicit: bool
    waited: bool = False
    """It found no room before: it grows stale, even if there is some now."""
    over: bool = False
    """It ended, or its time to answer did, before anybody was told of it: it goes after all others, or never."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`held_by` None: it goes now, unless it is `stale`, or over: then it never does. `until`: there is no room before."""

    candidate: Candidate
    held_by: Scope | None = None
    until: int = 0
    stale: bool = False


def candidate(endpoint_id: str, event: LeadEvent) -> Candidate:
    """A lead as the lead event says that it stands."""
    data = event.data
    first = next(iter(parts(data, "people")), {})
    return Candidate(
        endpoint_id=endpoint_id,
        lead_id=str(data.get("lead_id")),
        project=event.project,
        account=event.account,
        person=first.get("external_id"),
        rank=_rank(data.get("temperature"), part(data, "score").get("total")),
        since=event.timestamp,
        takes_over=data.get("takes_over"),
        explicit=event.explicit,
        over=is_finished(event),
    )


def is_bounded(event: LeadEvent) -> bool:
    """Whether caps know its lead: noise is what people hear, not what a program does."""
    return "lead_id" in event.data and event.data.get("to") != PRODUCT


def is_open(event: LeadEvent) -> bool:
    return event.data.get("status") == _UNFINISHED[0]


def is_wanted(event: LeadEvent) -> bool:
    """Somebody asked for it, or has taken it on: nobody need be spared it."""
    return event.explicit or event.data.get("status") in _UNFINISHED[1:]


def is_finished(event: LeadEvent) -> bool:
    return event.data.get("status") not in _UNFINISHED


def brake(caps: Caps, hours: Mapping[int, int], now: int) -> Cap | None:
    """How many leads an hour a project may tell. `hours`: hour -> the leads that it brought; hours without any are missing."""
    if caps.brake is None:
        return None
    this = now // HOUR_MS
    before = {hour: leads for hour, leads in hours.items() if this - MEAN_OVER_HOURS <= hour < this}
    over = max(MEAN_OVER_HOURS_MIN, this - min(before, default=this))
    return Cap(leads=max(caps.brake.leads, ceil(caps.brake.times * sum(before.values()) / over)), per_ms=HOUR_MS)


def cap_of(of: Counted, caps: Mapping[str, Caps], brakes: Mapping[str, Cap | None]) -> Cap | None:
    """How many leads may be told there. `caps`, `brakes`: by project."""
    said = caps.get(of.project, Caps())
    if of.scope is Scope.BRAKE:
        return brakes.get(of.project)
    return {Scope.ACCOUNT: said.account, Scope.PERSON: said.person, Scope.ENDPOINT: said.endpoint}[of.scope]


def counted_in(of: Candidate) -> Iterator[Counted]:
    """Where it counts, at its endpoint last; each but the endpoint once for all endpoints."""
    yield Counted(of.project, Scope.ACCOUNT, of.account)
    if of.person is not None:
        yield Counted(of.project, Scope.PERSON, of.person)
    yield Counted(of.project, Scope.BRAKE, of.project)
    yield Counted(of.project, Scope.ENDPOINT, of.endpoint_id)


class Book:
    """Who was told of what, as far as caps look back."""

    def __init__(self, caps: Mapping[str, Caps], brakes: Mapping[str, Cap | None], told: Iterable[Told]) -> None:
        """`caps`, `brakes`: by project. `told`: what was told of their leads, and all that counts where room may be short."""
        self._caps = caps
        self._brakes = brakes
        self._at: defaultdict[Counted, list[int]] = defaultdict(list)
        self._leads: defaultdict[str, dict[Counted, int]] = defaultdict(dict)
        self.new: list[Told] = []
        """What `decide` has let go, to be kept."""
        for each in sorted(told, key=lambda each: each.at):
            self._write(each)

    def decide(self, candidates: Sequence[Candidate], now: int) -> list[Verdict]:
        """First what needs no room, then the best: the hottest, of them the highest score, then the oldest.

        What goes takes up its room.
        """
        follows = {each: each.takes_over is not None and self._knows(each, each.takes_over) for each in candidates}

        def turn(each: Candidate) -> tuple[bool, bool, int, int, str]:
            return not (each.explicit or follows[each]), each.over, -each.rank, each.since, each.lead_id

        return [self._decide(each, follows[each], now) for each in sorted(candidates, key=turn)]

    def _knows(self, of: Candidate, lead_id: str) -> bool:
        return Counted(of.project, Scope.ENDPOINT, of.endpoint_id) in self._leads.get(lead_id, {})

    def _decide(self, of: Candidate, follows: bool, now: int) -> Verdict:
        *of_lead, at_endpoint = counted_in(of)
        counts = [at_endpoint] if of.lead_id in self._leads else [*of_lead, at_endpoint]
        if not (of.explicit or follows):
            until, held_by = max(((self._room_at(each, now), each.scope) for each in counts), key=lambda found: found[0])
            is_old = now >= of.since + STALE_MS
            if (is_old and of.waited) or (until > now and (is_old or of.over)):
                return Verdict(of, stale=True)
            if until > now:
                return Verdict(of, held_by, min(until, of.since + STALE_MS))
        for each in counts:
            told = Told(each, of.lead_id, now, counts=not follows)
            self.new.append(told)
            self._write(told)
        return Verdict(of)

    def _write(self, told: Told) -> None:
        self._leads[told.lead_id][told.of] = told.at
        if told.counts:
            self._at[told.of].append(told.at)

    def _room_at(self, of: Counted, now: int) -> int:
        """When there is room for one more; a lead told at t takes up room until, but not at, t + `per_ms`.

        A clock that was set back leaves leads that were told later than now: they count, unless it was wrong by more than the cap
        looks back.
        """
        cap = cap_of(of, self._caps, self._brakes)
        if cap is None:
            return now
        times = [at for at in self._at[of] if now - cap.per_ms < at <= now + cap.per_ms]
        return now if len(times) < cap.leads else times[-cap.leads] + cap.per_ms


def _rank(temperature: object, total: object) -> int:
    warmth = _TEMPERATURES.index(temperature) if temperature in _TEMPERATURES else 0
    points = total if isinstance(total, int | float) else 0
    return warmth * _RANKS + max(-_RANKS // 2, min(int(points * 100), _RANKS // 2 - 1))
