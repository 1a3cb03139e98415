"""A timed trial at a moment: how much of it is left, and the day on which it ends."""

from collections.abc import Mapping

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.measures.premium import PremiumReader
from detector.core.measures.tenure import stage_since
from detector.core.measures.windows import Looks


class _From(Looks):
    """An instant on."""

    def __init__(self, start: int) -> None:
        self._start = start

    def span(self, moment: Moment) -> tuple[int, int]:
        return self._start, moment.t + 1


def left(moment: Moment) -> int | None:
    """Milliseconds until it ends, one at least; None: unknown, for the account is in no trial that ends."""
    ends = moment.standing.trial_ends_at
    return None if ends is None else ends - moment.t


def ends_on(moment: Moment) -> str | None:
    """Such as 15 May 2026, in UTC; None as above."""
    ends = moment.standing.trial_ends_at
    return None if ends is None else words.day(ends)


def would_lose(moment: Moment, features: Mapping[str, str]) -> list[str] | None:
    """What was used, or refused, since the trial began and the plan that follows lacks. `features`: name -> key of its series."""
    began = stage_since(moment)
    if moment.standing.stage != "trial" or began is None:
        return None
    return PremiumReader(features, _From(began)).names(moment)


def next_left(moment: Moment, thresholds: tuple[int, ...]) -> int:
    """The first instant after the moment at which `left` may compare otherwise with one of these (ms), from what is known.

    `left <= K` and `left > K` change when K is left, `left < K` and `left >= K` a millisecond later. When the trial itself
    ends, or another plan is said, is an instant too. NEVER: there is none.
    """
    turns = [moment.plan_turns]
    ends = moment.standing.trial_ends_at
    if ends is not None:
        turns += [ends - threshold + late for threshold in thresholds for late in (0, 1)]
    return min((turn for turn in turns if turn > moment.t), default=NEVER)
