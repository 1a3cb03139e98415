"""What a measure looks at, as of a moment: everything, some time back, a period of the calendar, or a time after something first.

Each gives a span [start, end) that ends with the moment at the latest, and says when that span changes though nothing happens.
"""

from collections.abc import Callable

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.keys import step_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Course
from detector.core.measures.sink import Sink, Sought
from detector.core.rulebook.measured import Calendar, During, Rolling, Window


def _unknown() -> bool:
    return False


class Looks:
    """Since the beginning."""

    text: str | None = None
    """As evidence says it."""
    course: Course = Course.STILL
    """What time alone can do to how much is seen."""
    back_ms: int | None = None
    """Of a rolling one: events leave it one by one, each so long after it happened."""
    sought: Sought | None = None
    """Of what is kept for it: nothing that is certain never to be in it."""
    sinks: tuple[Sink, ...] = ()
    """What it needs to be kept beside the events themselves."""

    def span(self, moment: Moment) -> tuple[int, int] | None:
        """None: it has not begun."""
        return 0, moment.t + 1

    def turn(self, moment: Moment, empty: Callable[[], bool] = _unknown) -> int:  # noqa: ARG002  this one never does
        """The first instant after the moment at which the span begins elsewhere, if not with each millisecond.

        `empty`: whether nothing is in it. That it ends is then no news.
        """
        return NEVER


class Back(Looks):
    course = Course.FALLS

    def __init__(self, window: Rolling) -> None:
        self.back_ms, self.text = window.ms, words.window(window.ms)

    def span(self, moment: Moment) -> tuple[int, int]:
        return moment.t - (self.back_ms or 0) + 1, moment.t + 1


class InPeriod(Looks):
    """A new period begins with nothing in it."""

    course = Course.FALLS

    def __init__(self, window: Calendar, periods: Periods) -> None:
        self.unit, self.text = window.unit, window.unit
        self.periods = periods

    def span(self, moment: Moment) -> tuple[int, int]:
        return self.periods.begins(self.unit, moment), moment.t + 1

    def turn(self, moment: Moment, empty: Callable[[], bool] = _unknown) -> int:
        return self.periods.said_next(self.unit, moment) if empty() else self.periods.next(self.unit, moment)


class After(Looks):
    """The first sight of what it counts from only ever moves back, so what comes after its end is never in it."""

    course = Course.FALLS
    """It begins with nothing, and that nothing was unknown before."""

    def __init__(self, window: During) -> None:
        self.text = window.text
        self.sought = Sought(step_key(window.of), window.begins_ms, window.ends_ms)
        self.sinks = (Sink(self.sought.after, window.of, "milestone"),)
        self._begins_ms, self._ends_ms = window.begins_ms, window.ends_ms

    def _first(self, moment: Moment) -> int:
        first = moment.facts.milestones.firsts.get(self.sinks[0].key)
        return NEVER if first is None else first[0]

    def span(self, moment: Moment) -> tuple[int, int] | None:
        start = self._first(moment) + self._begins_ms
        return None if start > moment.t else (start, min(moment.t + 1, start - self._begins_ms + self._ends_ms))

    def turn(self, moment: Moment, empty: Callable[[], bool] = _unknown) -> int:  # noqa: ARG002  it begins with nothing, and that is known
        start = self._first(moment) + self._begins_ms
        return start if moment.t < start < NEVER else NEVER


def looks(window: Window | None, periods: Periods) -> Looks:
    match window:
        case None:
            return Looks()
        case Rolling():
            return Back(window)
        case Calendar():
            return InPeriod(window, periods)
        case During():
            return After(window)
