"""What is counted at a moment: how many events, how many different values, and the newest value of a property."""

from typing import Any

from detector.core.facts.series import DAY_MS
from detector.core.measures.keys import distinct_key, events_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Sink
from detector.core.rulebook.model import Counted, Distinct, Newest


class CountedReader(Reader):
    def __init__(self, measure: Counted) -> None:
        self._key, self.window_ms = events_key(measure.of), measure.window_ms
        self.sinks = (Sink(self._key, measure.of, "count"),)
        self.course = Course.STILL if measure.window_ms is None else Course.FALLS
        self.rises_by_one = True

    def value(self, moment: Moment) -> int:
        return moment.facts.series(self._key).count(moment.t, self.window_ms).value

    def next(self, moment: Moment) -> int:
        return moment.facts.series(self._key).next(moment.t, self.window_ms)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.series(self._key).newest_ids(moment.t, number, self.window_ms)

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.series(self._key).count(moment.t, self.window_ms).at_least


class DistinctReader(Reader):
    def __init__(self, measure: Distinct) -> None:
        self._key, self.window_ms = distinct_key(measure.of, measure.of_value, measure.window_ms), measure.window_ms
        self._of_days = measure.of_value == "day"
        self.sinks = (Sink(self._key, measure.of, "distinct", measure.of_value),)
        self.course = Course.STILL if measure.window_ms is None else Course.FALLS
        self.rises_by_one = True

    def value(self, moment: Moment) -> int:
        return moment.facts.distinct(self._key).count(moment.t).value

    def values(self, moment: Moment) -> set[Any]:
        return moment.facts.distinct(self._key).values(moment.t)

    def next(self, moment: Moment) -> int:
        return moment.facts.distinct(self._key).next(moment.t)

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that brought a value, or brought it back on another day."""
        return moment.facts.distinct(self._key).newest_ids(moment.t, number)

    def until(self, moment: Moment) -> int:
        """More of a day that is counted raises nothing."""
        today = moment.t // DAY_MS
        return (today + 1) * DAY_MS if self._of_days and today in moment.facts.distinct(self._key).values(moment.t) else 0

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.distinct(self._key).count(moment.t).at_least


class NewestReader(Reader):
    def __init__(self, measure: Newest) -> None:
        self._key, self.window_ms = events_key(measure.of, measure.of_value), measure.window_ms
        self.sinks = (Sink(self._key, measure.of, "last", measure.of_value),)
        self.course = Course.STILL if measure.window_ms is None else Course.MOVES

    def value(self, moment: Moment) -> Any:
        return moment.facts.series(self._key).last(moment.t, self.window_ms)

    def next(self, moment: Moment) -> int:
        return moment.facts.series(self._key).next(moment.t, self.window_ms)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.series(self._key).newest_ids(moment.t, min(number, 1), self.window_ms)
