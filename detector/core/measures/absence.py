"""Absence at a moment: whether something was awaited, after something else, for as long as the rulebook says, and did not come.

Let b be the newest awaited event until t, and a the first one after b that calls for it (the very first, if there is no b).
It is absent if there is such an a, and a + within <= t. Both at the same millisecond is an answer, and so is b at a + within.

Of more than 1,000 events the older are known by their day only. An a among them counts from the end of the first whole day
after b that had one, so it is told up to two days late; at a t before all awaited events that are kept the answer is unknown.
"""

from bisect import bisect_right

from detector.core import words
from detector.core.facts.series import DAY_MS, Series
from detector.core.instants import NEVER
from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Sink
from detector.core.rulebook.measured import Absent

_EVER = -1


class AbsenceReader(Reader):
    """Unknown while one of the two events is not mapped: what cannot come is not absent."""

    course = Course.MOVES

    def __init__(self, measure: Absent) -> None:
        self.awaited_key = events_key(measure.of)
        self.after_key = events_key(measure.after)
        self._within_ms, self.window = measure.within_ms, words.window(measure.within_ms)
        self.sinks = (Sink(self.awaited_key, measure.of, "count"), Sink(self.after_key, measure.after, "count"))
        self._mapped = bool(measure.of.terms) and bool(measure.after.terms)

    def value(self, moment: Moment) -> bool | None:
        """None: unknown."""
        awaited, after = self._series(moment)
        if not self._mapped or _forgot_until(awaited, moment.t):
            return None
        return _calls(after, _newest_until(awaited, moment.t)) + self._within_ms <= moment.t

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which the value may change, from what is known; NEVER: there is none."""
        awaited, after = self._series(moment)
        if not self._mapped:
            return NEVER
        if self.value(moment) is not False:
            return _first_after(awaited, moment.t)
        due = _calls(after, _newest_until(awaited, moment.t)) + self._within_ms
        while due < NEVER:
            # An answer in between ends the wait. The next one begins later: it cannot be due before this one was.
            answered = _newest_until(awaited, due)
            if answered < due - self._within_ms:
                return due
            due = _calls(after, answered) + self._within_ms
        return NEVER

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The message that waits for an answer (of those that are kept); none, if nothing waits."""
        awaited, after = self._series(moment)
        at = bisect_right(after.times, _newest_until(awaited, moment.t))
        waits = at < len(after.times) and after.times[at] <= moment.t
        return [after.ids[at]][:number] if waits else []

    def _series(self, moment: Moment) -> tuple[Series, Series]:
        return moment.facts.series(self.awaited_key), moment.facts.series(self.after_key)


def _newest_until(series: Series, t: int) -> int:
    at = bisect_right(series.times, t)
    return series.times[at - 1] if at else _EVER


def _first_after(series: Series, t: int) -> int:
    at = bisect_right(series.times, t)
    return series.times[at] if at < len(series.times) else NEVER


def _forgot_until(series: Series, t: int) -> bool:
    """Whether all that was kept is newer than t, and something older was not kept."""
    return _newest_until(series, t) == _EVER and series.forgot_after(t)


def _calls(series: Series, t: int) -> int:
    """When the first event after t was, at the latest."""
    first = _first_after(series, t)
    if not series.forgot_after(t + 1):
        return first
    return min(first, (min(series.days(t + 1, first + 1)) + 1) * DAY_MS - 1)
