"""What is calculated of a property at a moment: its sum, its least and its largest value; of the newest 1,000."""

from math import fsum

from detector.core.measures.counted import SeriesReader
from detector.core.measures.keys import numbers_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.windows import Looks
from detector.core.rulebook.measured import Calculated


class CalculatedReader(SeriesReader):
    """A sum of nothing is 0; the least and the largest of nothing are unknown.

    A sum is of what is above zero: so nothing that leaves a window makes it more, and what is not kept any more only less.
    """

    def __init__(self, measure: Calculated, looks: Looks) -> None:
        super().__init__(measure.of, looks, "gauge", measure.of_value, numbers_key(measure.of, measure.of_value, looks.sought))
        self._how = measure.how
        if measure.how == "min" and looks.back_ms is not None:
            self.course = Course.MOVES

    def value(self, moment: Moment) -> float | None:
        """None: unknown."""
        span = self._looks.span(moment)
        if span is None:
            return None
        series = self._events(moment)
        kept = series.between(*span)
        values: list[float] = series.values[kept.start : kept.stop]
        if self._how == "sum":
            return _sum(values)
        if not values:
            return None
        return min(values) if self._how == "min" else max(values)

    def at_least(self, moment: Moment) -> bool:
        span = self._looks.span(moment)
        return self._how != "min" and span is not None and self._events(moment).forgot_after(span[0])


def _sum(values: list[float]) -> float | None:
    """The same in any order."""
    try:
        return fsum(value for value in values if value > 0)
    except OverflowError:
        return None
