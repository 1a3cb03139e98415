"""How endpoints stand and what is in flight to them comes in; how many more deliveries of each may go out now, goes out.

A slow one pays for itself: a suspect endpoint has one slot, and all suspects together at most a quarter. What is left belongs to
the sound ones, half of it at least to first tries.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

PER_ENDPOINT = 4
PER_PROJECT = 64
IN_ALL = 256
SUSPECTS_SHARE = 4
"""One part in so many."""
SLOW_MS = 2_000


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint that has deliveries due, or in flight. `slots`: PER_ENDPOINT, or 1 of a paced format."""

    endpoint_id: str
    project: str
    slots: int
    suspect: bool
    failing: bool = False
    """Its last attempt failed. Suspects that are only unproven, or slow, come before it."""
    due_at: int = 0
    """Of its oldest delivery that is due."""
    first: bool = False
    """Deliveries that were never tried are due."""
    again: bool = False
    """Others are."""
    first_in_flight: int = 0
    again_in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Allotment:
    """How many of an endpoint's due deliveries may go out now, at most."""

    first: int = 0
    again: int = 0


def is_suspect(last_success_at: int | None, failures: int, last_ms: int | None, longest_in_flight_ms: int) -> bool:
    """Unproven, failed last, or slow: the last attempt, or one that is under way."""
    return last_success_at is None or failures > 0 or max(last_ms or 0, longest_in_flight_ms) > SLOW_MS


def allot(standings: Sequence[Standing]) -> dict[str, Allotment]:
    """By endpoint; who gets nothing is missing. `standings`: all that have anything in flight must be among them."""
    everybody, projects = _Used(IN_ALL), {each.project: _Used(PER_PROJECT) for each in standings}
    for each in standings:
        for used in (everybody, projects[each.project]):
            used.count(each, each.first_in_flight, each.again_in_flight)
    shares = _Shares(everybody, projects)
    oldest_first = sorted(standings, key=lambda each: (each.due_at, each.endpoint_id))
    for each in sorted((each for each in oldest_first if each.suspect), key=lambda each: each.failing):
        shares.give_suspect(each)
    sound = [each for each in oldest_first if not each.suspect]
    for is_first in (True, False):
        wants = [each for each in sound if (each.first if is_first else each.again)]
        while wants:  # in rounds: nobody's second delivery goes before another's first
            wants = [each for each in wants if shares.give_sound(each, is_first)]
    return shares.given()


@dataclass(slots=True)
class _Used:
    """What is taken of a limit."""

    limit: int
    all: int = 0
    suspects: int = 0
    again: int = 0
    """Of sound endpoints."""

    @property
    def free(self) -> int:
        return self.limit - self.all

    def count(self, endpoint: Standing, first: int, again: int) -> None:
        self.all += first + again
        if endpoint.suspect:
            self.suspects += first + again
        else:
            self.again += again

    def has_room_for_suspect(self) -> bool:
        return self.free > 0 and self.suspects < self.limit // SUSPECTS_SHARE

    def has_room_for_sound(self, mine: int, is_first: bool) -> bool:
        """The less is free, the fewer may be one endpoint's: before it is known to be bad it cannot take what others need."""
        rest = self.limit - self.suspects
        most = -(-self.free * PER_ENDPOINT // self.limit)
        return mine < most and (is_first or self.again < rest // 2)


@dataclass(slots=True)
class _Shares:
    everybody: _Used
    projects: Mapping[str, _Used]
    first: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)

    def give_suspect(self, endpoint: Standing) -> None:
        """One, if it has none in flight."""
        limits = (self.everybody, self.projects[endpoint.project])
        if self._mine(endpoint) == 0 and (endpoint.first or endpoint.again) and all(map(_Used.has_room_for_suspect, limits)):
            self._give(endpoint, endpoint.first, limits)

    def give_sound(self, endpoint: Standing, is_first: bool) -> bool:
        """One more; False: that was all for it."""
        limits = (self.everybody, self.projects[endpoint.project])
        mine = self._mine(endpoint)
        if mine >= endpoint.slots or not all(used.has_room_for_sound(mine, is_first) for used in limits):
            return False
        self._give(endpoint, is_first, limits)
        return True

    def given(self) -> dict[str, Allotment]:
        return {endpoint: Allotment(self.first[endpoint], self.again[endpoint]) for endpoint in self.first.keys() | self.again}

    def _mine(self, endpoint: Standing) -> int:
        mine = self.first[endpoint.endpoint_id] + self.again[endpoint.endpoint_id]
        return mine + endpoint.first_in_flight + endpoint.again_in_flight

    def _give(self, endpoint: Standing, is_first: bool, limits: Iterable[_Used]) -> None:
        (self.first if is_first else self.again)[endpoint.endpoint_id] += 1
        for used in limits:
            used.count(endpoint, int(is_first), int(not is_first))
