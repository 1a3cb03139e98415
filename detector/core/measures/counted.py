"""What is counted at a moment: how many events, how many different values, and the newest value of a property."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from detector.core.facts.series import Count, Series
from detector.core.measures.keys import distinct_key, events_key, sights_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Keeps, Sink
from detector.core.measures.warming import Begun, Unsaid
from detector.core.measures.windows import InPeriod, Looks
from detector.core.rulebook.measured import Counted, Distinct, Newest
from detector.core.rulebook.model import Selector
from detector.core.zones import UTC, Zone, zone

_NOTHING = Count(0)


class SeriesReader(Reader):
    """Of events by time."""

    def __init__(
        self, of: Selector, looks: Looks, kind: Keeps = "count", value: str | None = None, key: str | None = None
    ) -> None:
        days = looks.periods.zone if isinstance(looks, InPeriod) else zone(UTC)
        self._key, self._looks = key or events_key(of, value, days, looks.sought), looks
        self.window, self.course = looks.text, looks.course
        self.sinks = (Sink(self._key, of, kind, value, sought=looks.sought), *looks.sinks)

    def reach(self, moment: Moment) -> int:
        return self._looks.reach(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return self._looks.reach_turn(moment, since)

    def _events(self, moment: Moment) -> Series:
        return moment.facts.series(self._key)

    def _count(self, moment: Moment) -> Count | None:
        span = self._looks.span(moment)
        return None if span is None else self._events(moment).count_in(*span)

    def next(self, moment: Moment) -> int:
        comes = self._events(moment).next(moment.t, self._looks.back_ms)
        return min(comes, self._looks.turn(moment, lambda: self._count(moment) == _NOTHING))

    def ids(self, moment: Moment, number: int) -> list[str]:
        span = self._looks.span(moment)
        return [] if span is None else self._events(moment).newest_ids_in(*span, number)


class CountedReader(SeriesReader):
    rises_by_one = climbs = True

    def __init__(self, measure: Counted, looks: Looks) -> None:
        super().__init__(measure.of, looks)
        self.adds = looks.sought is None

    def value(self, moment: Moment) -> int | None:
        count = self._count(moment)
        return None if count is None else count.value

    def at_least(self, moment: Moment) -> bool:
        count = self._count(moment)
        return count is not None and count.at_least


class NewestReader(SeriesReader):
    def __init__(self, measure: Newest, looks: Looks) -> None:
        super().__init__(measure.of, looks, "last", measure.of_value)
        self.course = Course.STILL if looks.course is Course.STILL else Course.MOVES

    @property
    def keys(self) -> frozenset[str]:
        """The newest is the newest, whatever came before; but not of what counts from a first time."""
        return super().keys if self._looks.sought is not None else frozenset()

    def unsaid(self, begun: Mapping[str, Begun]) -> Unsaid | None:
        """`begun`: which facts did. None: its values were always kept."""
        if self._key not in begun:
            return None
        events = self._events
        return Unsaid(begun[self._key], lambda m: events(m).newest_time(m.t), lambda m: events(m).next(m.t))

    def value(self, moment: Moment) -> Any:
        span = self._looks.span(moment)
        return None if span is None else self._events(moment).last_in(*span)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return super().ids(moment, min(number, 1))


class _Different(Reader):
    """Different values of a kind."""

    rises_by_one = climbs = True

    def __init__(self, measure: Distinct, zone: Zone) -> None:
        self._of_days = zone if measure.of_value == "day" else None
        self._of_people = measure.of_value == "person"

    def until(self, moment: Moment) -> int:
        """More of a day that is counted changes nothing."""
        return 0 if self._of_days is None else until_tomorrow(moment, self._of_days, self.values(moment) or ())

    def known(self, moment: Moment) -> Collection[str]:
        """Those who are counted."""
        people = (self.values(moment) or ()) if self._of_people else ()
        return people if len(people) > _FEW else tuple(people)


_FEW = 8
"""Looked through as fast as looked up, in a seventh of the memory of a set."""


def until_tomorrow(moment: Moment, zone: Zone, days: Collection[int]) -> int:
    """The end of the day, if it is one of `days`."""
    today = zone.day(moment.t)
    return zone.begins(today + 1) if today in days else 0


class DistinctReader(_Different):
    """Over everything, or back from the moment."""

    adds = True

    def __init__(self, measure: Distinct, looks: Looks, periods: Periods) -> None:
        super().__init__(measure, periods.zone)
        self._looks = looks
        self._key = distinct_key(measure.of, measure.of_value, looks.back_ms, periods.zone)
        self.window, self.course = looks.text, looks.course
        self.sinks = (Sink(self._key, measure.of, "distinct", measure.of_value, zone=periods.zone.name),)

    def reach(self, moment: Moment) -> int:
        return self._looks.reach(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return self._looks.reach_turn(moment, since)

    def value(self, moment: Moment) -> int:
        return moment.facts.distinct(self._key).count(moment.t).value

    def values(self, moment: Moment) -> set[Any]:
        return moment.facts.distinct(self._key).values(moment.t)

    def next(self, moment: Moment) -> int:
        return moment.facts.distinct(self._key).next(moment.t)

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that brought a value, or brought it back on another day."""
        return moment.facts.distinct(self._key).newest_ids(moment.t, number)

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.distinct(self._key).count(moment.t).at_least


class SightsReader(_Different):
    """In a period of the calendar, or in a time after something first: what is different is known by its first sight there."""

    def __init__(self, measure: Distinct, looks: Looks, periods: Periods) -> None:
        super().__init__(measure, periods.zone)
        self._looks, self._periods, self.adds = looks, periods, looks.sought is None
        unit: Literal["day", "week", "month"] | None = None
        if isinstance(looks, InPeriod):
            unit = "day" if looks.unit == "billing period" else looks.unit
        days = periods.zone
        self._key = sights_key(measure.of, measure.of_value, looks.sought or unit or "", days)
        sink = Sink(self._key, measure.of, "sight", measure.of_value, zone=days.name, unit=unit, sought=looks.sought)
        self.sinks = (sink, *looks.sinks)
        self.window, self.course = looks.text, looks.course

    def reach(self, moment: Moment) -> int:
        return self._looks.reach(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return self._looks.reach_turn(moment, since)

    def _groups(self, span: tuple[int, int]) -> range:
        if self._looks.sought is not None:
            return range(1)
        return range(self._periods.zone.day(span[0]), self._periods.zone.day(span[1] - 1) + 1)

    def value(self, moment: Moment) -> int | None:
        values = self.values(moment)
        return None if values is None else len(values)

    def values(self, moment: Moment) -> set[Any] | None:
        span = self._looks.span(moment)
        return None if span is None else moment.facts.sights(self._key).values(self._groups(span), *span)

    def next(self, moment: Moment) -> int:
        comes = moment.facts.sights(self._key).next(moment.t)
        return min(comes, self._looks.turn(moment, lambda: not self.value(moment)))

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that brought a value."""
        span = self._looks.span(moment)
        return [] if span is None else moment.facts.sights(self._key).newest_ids(self._groups(span), *span, number)

    def at_least(self, moment: Moment) -> bool:
        span = self._looks.span(moment)
        return span is not None and moment.facts.sights(self._key).forgot(self._groups(span))
