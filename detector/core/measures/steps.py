"""Several events at a moment: whether each of them happened not long ago, in their order or in any."""

from bisect import bisect_left

from detector.core import words
from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Sink
from detector.core.rulebook.measured import Steps


class StepsReader(Reader):
    """Of each event the newest 1,000 are known. Unknown while one of them is not mapped."""

    course = Course.FALLS

    def __init__(self, measure: Steps) -> None:
        self._keys = [events_key(step) for step in measure.steps]
        self.sinks = tuple(Sink(key, step, "count") for key, step in zip(self._keys, measure.steps, strict=True))
        self._within_ms, self.window = measure.within_ms, words.window(measure.within_ms)
        self._ordered = measure.ordered
        self._mapped = all(step.terms for step in measure.steps)

    def _newest(self, moment: Moment) -> list[tuple[int, str]]:
        """(when, message id) of the newest of each until the moment, the last step first; fewer, if one is missing.

        In order: the newest before that of the next step.
        """
        found: list[tuple[int, str]] = []
        for key in reversed(self._keys):
            series = moment.facts.series(key)
            at = bisect_left(series.times, found[-1][0] if found and self._ordered else moment.t + 1)
            if not at:
                return found
            found.append((series.times[at - 1], series.ids[at - 1]))
        return found

    def _ends(self, moment: Moment) -> int:
        """When they will not have happened within the time any more; 0: they have not."""
        newest = self._newest(moment)
        return min(newest)[0] + self._within_ms if len(newest) == len(self._keys) else 0

    def value(self, moment: Moment) -> bool | None:
        return self._ends(moment) > moment.t if self._mapped else None

    def next(self, moment: Moment) -> int:
        comes = min(moment.facts.series(key).next(moment.t) for key in self._keys)
        ends = self._ends(moment)
        return min(comes, ends) if ends > moment.t else comes

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that it rests on."""
        newest = sorted(self._newest(moment), reverse=True)
        return list(dict.fromkeys(message_id for _, message_id in newest))[:number]
