"""A timed trial at a moment: how much of it is left, and the day on which it ends."""

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment


def left(moment: Moment) -> int | None:
    """Milliseconds until it ends, one at least; None: unknown, for the account is in no trial that ends."""
    ends = moment.standing.trial_ends_at
    return None if ends is None else ends - moment.t


def ends_on(moment: Moment) -> str | None:
    """Such as 15 May 2026, in UTC; None as above."""
    ends = moment.standing.trial_ends_at
    return None if ends is None else words.day(ends)


def next_left(moment: Moment, thresholds: tuple[int, ...]) -> int:
    """The first instant after the moment at which `left` may compare otherwise with one of these (ms), from what is known.

    `left <= K` and `left > K` change when K is left, `left < K` and `left >= K` a millisecond later. When the trial itself
    ends, or another plan is said, is an instant too. NEVER: there is none.
    """
    turns = [moment.ladder.next(moment.facts, moment.t)]
    ends = moment.standing.trial_ends_at
    if ends is not None:
        turns += [ends - threshold + late for threshold in thresholds for late in (0, 1)]
    return min((turn for turn in turns if turn > moment.t), default=NEVER)
