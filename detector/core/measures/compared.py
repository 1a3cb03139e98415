"""What is said of a measure by comparing it with itself: `.earlier`, one window before, and `.rising_weeks`, week for week."""

from dataclasses import replace

from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Course, Reader
from detector.core.measures.windows import Looks
from detector.core.rulebook.measured import Calculated, Calendar, Counted, Distinct, Measure

WEEKS_MAX = 52
"""So many are compared."""


def weekly(measure: Measure) -> Measure:
    """The same of a week that begins on Monday."""
    if isinstance(measure, Counted | Distinct | Calculated):
        return replace(measure, window=Calendar("week"))
    raise TypeError(f"{measure.name} has no weeks")


def _at(moment: Moment, t: int) -> Moment:
    return Moment(moment.facts, moment.ladder, t, overrides=moment.overrides)


class EarlierReader(Reader):
    """Of a window that rolls: as of a window ago. Of a period of the calendar: of the whole one before."""

    course = Course.MOVES

    def __init__(self, of: Reader, looks: Looks) -> None:
        self._of, self._looks = of, looks
        self.window = looks.text

    def _then(self, moment: Moment) -> Moment:
        """The last moment of the window before."""
        if self._looks.back_ms is not None:
            return _at(moment, moment.t - self._looks.back_ms)
        span = self._looks.span(moment) or (0, 0)
        return _at(moment, span[0] - 1)

    def value(self, moment: Moment) -> object:
        return self._of.value(self._then(moment))

    def next(self, moment: Moment) -> int:
        if self._looks.back_ms is not None:
            return self._of.next(self._then(moment)) + self._looks.back_ms
        return self._looks.turn(moment)

    def until(self, moment: Moment) -> int:
        back = self._looks.back_ms
        return self.next(moment) if back is None else min(self.next(moment), moment.t + back)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return self._of.ids(self._then(moment), number)

    def at_least(self, moment: Moment) -> bool:
        return self._of.at_least(self._then(moment))


class RisingReader(Reader):
    """So many whole weeks in a row, the last one included, had each strictly more than the one before, which had something."""

    course = Course.MOVES

    def __init__(self, of: Reader, periods: Periods) -> None:
        """`of`: looks at the week of the moment."""
        self._of, self._periods = of, periods
        self.sinks, self.window = of.sinks, of.window

    def _begun(self, moment: Moment) -> Moment:
        """The last moment before the week."""
        return _at(moment, self._periods.begins("week", moment) - 1)

    def value(self, moment: Moment) -> int:
        then = self._begun(moment)
        weeks, last = 0, self._of.value(then)
        while weeks < WEEKS_MAX:
            then = self._begun(then)
            before = self._of.value(then)
            if not before or not last or last <= before:
                break
            weeks, last = weeks + 1, before
        return weeks

    def next(self, moment: Moment) -> int:
        """The beginning of a week; where this one has nothing in it, and there is nothing to fall, that of one that has."""
        if self._of.value(moment) or self.value(moment):
            return self._periods.next("week", moment)
        return self._of.next(moment)

    def until(self, moment: Moment) -> int:
        return self._periods.ends("week", moment)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return self._of.ids(self._begun(moment), number)
