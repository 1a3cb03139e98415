"""First times at a moment: how long ago the first event was, and how long after one the other came."""

from detector.core.instants import NEVER
from detector.core.measures.keys import step_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course, Reader
from detector.core.measures.sink import Sink
from detector.core.rulebook.measured import Elapsed, Since
from detector.core.rulebook.model import Selector

_NEVER = (NEVER, "")


class FirstReader(Reader):
    def __init__(self, *of: Selector) -> None:
        self._keys = [step_key(each) for each in of]
        self.sinks = tuple(Sink(key, each, "milestone") for key, each in zip(self._keys, of, strict=True))

    def _firsts(self, moment: Moment) -> list[tuple[int, str]]:
        """(when, message id) of each, also of those after the moment; NEVER: none is known."""
        return [moment.facts.milestones.firsts.get(key, _NEVER) for key in self._keys]

    def next(self, moment: Moment) -> int:
        return min((at for at, _ in self._firsts(moment) if at > moment.t), default=NEVER)

    def ids(self, moment: Moment, number: int) -> list[str]:
        seen = sorted(first for first in self._firsts(moment) if first[0] <= moment.t)
        return list(dict.fromkeys(message_id for _, message_id in reversed(seen)))[:number]


class SinceReader(FirstReader):
    course = Course.MOVES

    def __init__(self, measure: Since) -> None:
        super().__init__(measure.of)

    def value(self, moment: Moment) -> int | None:
        """Milliseconds; None: there was none."""
        first = self._firsts(moment)[0][0]
        return moment.t - first if first <= moment.t else None

    def turns(self, moment: Moment, thresholds: tuple[int, ...]) -> int:
        """The first instant after the moment at which it may compare otherwise with one of these (ms), from what is known.

        `>= K` and `< K` change when so much has passed, `> K` and `<= K` a millisecond later.
        """
        first = self._firsts(moment)[0][0]
        turns = [first, *(first + threshold + late for threshold in thresholds for late in (0, 1))]
        return min((turn for turn in turns if moment.t < turn < NEVER), default=NEVER)


class ElapsedReader(FirstReader):
    def __init__(self, measure: Elapsed) -> None:
        super().__init__(measure.of, measure.after)

    def value(self, moment: Moment) -> int | None:
        """Milliseconds; None: one of them is missing, or they came the other way round."""
        (came, _), (after, _) = self._firsts(moment)
        return came - after if after <= came <= moment.t else None
