"""A streak at a moment: so many days (or weeks) in a row that had an event.

It is the row that ends today, or yesterday: today is not over, so it breaks no streak. It falls to 0 at the end of the first
whole day without one.
"""

from detector.core.measures.keys import sights_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Sink
from detector.core.rulebook.measured import Streak
from detector.core.zones import period


class StreakReader(Reader):
    course = Course.FALLS
    rises_by_one = True

    def __init__(self, measure: Streak, periods: Periods) -> None:
        self._unit, self._zone = measure.unit, periods.zone
        self._key = sights_key(measure.of, None, measure.unit, periods.zone)
        self.sinks = (Sink(self._key, measure.of, "sight", zone=periods.zone.name, unit=measure.unit),)

    def _row(self, moment: Moment) -> list[int]:
        """The first days of its periods, newest first."""
        groups = moment.facts.sights(self._key).groups
        at = self._before(self._zone.day(moment.t) + 1)
        if not moment.facts.sights(self._key).values(range(at, at + 1), 0, moment.t + 1):
            at = self._before(at)
        row = []
        while at in groups:
            row.append(at)
            at = self._before(at)
        return row

    def _before(self, day: int) -> int:
        """The first day of the period that the day before a day is of."""
        return period(self._unit, day - 1)[0]

    def value(self, moment: Moment) -> int:
        return len(self._row(moment))

    def next(self, moment: Moment) -> int:
        comes, row = moment.facts.sights(self._key).next(moment.t), self._row(moment)
        if not row:
            return comes
        after = period(self._unit, row[0])[1]
        return min(comes, self._zone.begins(period(self._unit, after)[1]))

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The first message of each day."""
        row = self._row(moment)
        groups = range(row[-1], row[0] + 1) if row else range(0)
        return moment.facts.sights(self._key).newest_ids(groups, 0, moment.t + 1, number)

    def at_least(self, moment: Moment) -> bool:
        row = self._row(moment)
        return bool(row) and moment.facts.sights(self._key).forgot(range(self._before(row[-1]), row[0]))
