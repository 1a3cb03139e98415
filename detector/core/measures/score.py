"""What speaks for and against an account at a moment, line by line, in hundredths of a point: so every sum is exact.

What fades loses an equal share each whole day of 24 hours since the thing itself: of 9 points with a lifespan of 90 days 8.7 are
left after 3 days, and nothing after 90. A line is rounded to hundredths, halves away from zero; nothing else is ever rounded.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from detector.core.facts.series import DAY_MS
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.rulebook.model import Condition, Points, Score, Temperature

HUNDREDTHS = 100
TEMPERATURES: tuple[Temperature, ...] = ("cold", "warm", "hot")
Part = Literal["fit", "behaviour"]


class Contribution(NamedTuple):
    """`points` now, of `of` at most; hundredths. `since`: when it began, if it began with something that happened."""

    part: Part
    text: str
    points: int
    of: int
    since: int | None


class Scored(NamedTuple):
    """Hundredths. The contributions of a part add up to it: what a cap takes away is one of them."""

    fit: int
    behaviour: int
    contributions: tuple[Contribution, ...]

    @property
    def total(self) -> int:
        return self.fit + self.behaviour


class Given(NamedTuple):
    """What a line gives at a moment."""

    points: int
    of: int
    since: int | None = None


class Line(Protocol):
    """One line of the score, that can be read."""

    def given(self, moment: Moment) -> Given: ...

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which it may give something else, from what is known."""
        ...

    def ids(self, moment: Moment, number: int) -> list[str]: ...

    @property
    def rises(self) -> bool:
        """Whether time alone can make it give more."""
        ...

    @property
    def falls(self) -> bool:
        """Whether time alone can make it give less."""
        ...


@dataclass(frozen=True, slots=True)
class Holding:
    """Points while a condition holds."""

    points: int
    holds: Callable[[Moment], bool | None]
    changes: Callable[[Moment], int]
    messages: Callable[[Moment, int], list[str]]
    rises: bool
    falls: bool

    def given(self, moment: Moment) -> Given:
        return Given(self.points if self.holds(moment) is True else 0, self.points)

    def next(self, moment: Moment) -> int:
        return self.changes(moment)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return self.messages(moment, number)


@dataclass(frozen=True, slots=True)
class Signalled:
    """Points since the newest signal of a rule; `rules`: what is judged by that name, one for each limit."""

    points: int
    rules: tuple[str, ...]
    days: int | None

    def given(self, moment: Moment) -> Given:
        since = max((at for at in self._signals(moment) if at <= moment.t), default=None)
        if since is None:
            return Given(0, self.points)
        if self.days is None:
            return Given(self.points, self.points, since)
        return Given(_share(self.points, _days_left(moment.t - since, self.days), self.days), self.points, since)

    def next(self, moment: Moment) -> int:
        times = self._signals(moment)
        found = [at for at in times if at > moment.t]
        since = max((at for at in times if at <= moment.t), default=None)
        if since is not None:
            found.append(_next_day(since, moment.t, self.days))
        return min(found, default=NEVER)

    def ids(self, moment: Moment, number: int) -> list[str]:  # noqa: ARG002  the signal's own lead cites them
        return []

    @property
    def rises(self) -> bool:
        """That it signals is no matter of time here: who looks at this is judged after it, wherever it signalled."""
        return self.days is not None and self.points < 0

    @property
    def falls(self) -> bool:
        return self.days is not None and self.points > 0

    def _signals(self, moment: Moment) -> list[int]:
        states = (moment.rules.get(name) for name in self.rules)
        return [signal.qualified_at for state in states if state is not None for signal in state.signals]


@dataclass(frozen=True, slots=True)
class Happened:
    """Points for each event of a series, together no more than `most`. Of events that fade the newest 1,000 are known."""

    points: int
    key: str
    days: int | None
    most: int

    def given(self, moment: Moment) -> Given:
        if self.days is None:
            happened = moment.facts.series(self.key).count(moment.t).value
            total = happened * self.points
        else:
            left = sum(_days_left(moment.t - at, self.days) for at in self._counting(moment))
            total = _share(self.points, left, self.days)
        capped = min(total, self.most) if self.points > 0 else max(total, self.most)
        return Given(capped, self.most, self._newest(moment))

    def next(self, moment: Moment) -> int:
        found = [moment.facts.series(self.key).next(moment.t)]
        if self.days is not None:
            found += [_next_day(at, moment.t, self.days) for at in self._counting(moment)]
        return min(found)

    def ids(self, moment: Moment, number: int) -> list[str]:
        window = None if self.days is None else self.days * DAY_MS
        return moment.facts.series(self.key).newest_ids(moment.t, number, window)

    @property
    def rises(self) -> bool:
        return self.days is not None and self.points < 0

    @property
    def falls(self) -> bool:
        return self.days is not None and self.points > 0

    def _newest(self, moment: Moment) -> int | None:
        times = moment.facts.series(self.key).times
        at = bisect_right(times, moment.t)
        return times[at - 1] if at else None

    def _counting(self, moment: Moment) -> list[int]:
        """When those happened that make up what it gives, newest first: no more than are needed for the most."""
        times, t, days = moment.facts.series(self.key).times, moment.t, self.days or 0
        found: list[int] = []
        left = 0
        for place in range(bisect_right(times, t) - 1, -1, -1):
            if abs(self.points) * left >= abs(self.most) * days or times[place] <= t - days * DAY_MS:
                break
            found.append(times[place])
            left += _days_left(t - times[place], days)
        return found


def _days_left(age_ms: int, days: int) -> int:
    return max(0, days - age_ms // DAY_MS)


def _share(points: int, left: int, days: int) -> int:
    """Points for each of `days`, of which so many are left: of all that counts."""
    rounded = (2 * abs(points) * left + days) // (2 * days)
    return rounded if points > 0 else -rounded


def _next_day(since: int, t: int, days: int | None) -> int:
    """The next instant at which a whole day since then is over; NEVER once nothing is left."""
    passed = (t - since) // DAY_MS
    return NEVER if days is None or passed >= days else since + (passed + 1) * DAY_MS


@dataclass(frozen=True, slots=True)
class ScoreReader:
    """The whole score. Lines about `person.…` look at the person at hand of the moment."""

    score: Score
    fit: tuple[tuple[Points, Line], ...]
    behaviour: tuple[tuple[Points, Line], ...]

    def read(self, moment: Moment) -> Scored:
        fit, of_fit = self._part("fit", moment)
        behaviour, of_behaviour = self._part("behaviour", moment)
        return Scored(fit, behaviour, (*of_fit, *of_behaviour))

    def sum(self, moment: Moment, *parts: Part) -> int:
        return sum(self._part(part, moment)[0] for part in parts)

    def _part(self, part: Part, moment: Moment) -> tuple[int, list[Contribution]]:
        """What gives nothing is left out."""
        found: list[Contribution] = []
        groups: dict[str, int] = {}
        for line, reader in self._lines(part):
            given = reader.given(moment)
            if given.points:
                found.append(Contribution(part, line.text, *given))
            if line.group is not None:
                groups[line.group] = groups.get(line.group, 0) + given.points
        for group, most in self.score.caps.items():
            if groups.get(group, 0) > most:
                found.append(Contribution(part, f"cap of {group}", most - groups[group], most, None))
        return sum(each.points for each in found), found

    def _lines(self, *parts: Part) -> Iterable[tuple[Points, Line]]:
        return (line for part in parts for line in (self.fit if part == "fit" else self.behaviour))

    def conditions(self, *parts: Part) -> list[Condition]:
        return [points.condition for points, _ in self._lines(*parts) if points.condition is not None]

    def next(self, moment: Moment, *parts: Part) -> int:
        return min((line.next(moment) for _, line in self._lines(*parts)), default=NEVER)

    def next_rise(self, moment: Moment) -> int:
        """The first instant after the moment at which time alone may make it more."""
        lines = (line for _, line in self._lines("fit", "behaviour") if line.rises)
        return min((line.next(moment) for line in lines), default=NEVER)

    def ids(self, moment: Moment, number: int, *parts: Part) -> list[str]:
        """Behind what gives points, line by line."""
        giving = (line for _, line in self._lines(*parts) if line.given(moment).points)
        return list(dict.fromkeys(each for line in giving for each in line.ids(moment, number)))[:number]

    def rises(self, *parts: Part) -> bool:
        return any(line.rises for _, line in self._lines(*parts))

    def falls(self, *parts: Part) -> bool:
        return any(line.falls for _, line in self._lines(*parts))

    def band(self, total: int, before: Temperature | None = None) -> Temperature | None:
        """The temperature of a total. What was hot or warm `before` stays so a little below. None: nothing says what is hot."""
        hot, warm, below = self.score.hot, self.score.warm, self.score.hysteresis
        if hot is None or warm is None:
            return None
        if total >= hot - (below if before == "hot" else 0):
            return "hot"
        return "warm" if total >= warm - (below if before in ("warm", "hot") else 0) else "cold"


def hottest(*found: Temperature | None) -> Temperature | None:
    """None where none is known."""
    return max((each for each in found if each is not None), key=TEMPERATURES.index, default=None)
