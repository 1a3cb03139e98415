"""When a limit will be full if its use goes on growing as it did: a line through two points, drawn anew each midnight (UTC).

The points are the use at the last midnight and seven days before it; of what resets at the beginning of its period, if that is
later. So within a day the answer changes only with what is allowed.
"""

from math import ceil
from typing import TYPE_CHECKING

from detector.core.facts.series import DAY_MS
from detector.core.measures.moment import Moment
from detector.core.partly import is_partly

if TYPE_CHECKING:
    from detector.core.measures.usage import LimitReader

SPAN_MS = 7 * DAY_MS
MOST_MS = 3_650 * DAY_MS
"""The longest duration that a rulebook can name."""


def full_at(limit: "LimitReader", moment: Moment) -> int | None:
    """Epoch ms. None: unknown, no cap, it does not grow, not in ten years, or it begins again before it is full."""
    return at_amount(limit, moment, limit.allowed(moment))


def at_amount(limit: "LimitReader", moment: Moment, amount: float | None) -> int | None:
    """When its use comes to `amount`, in the same manner."""
    if amount is None or limit.limit.each is not None:
        return None
    midnight = moment.t - moment.t % DAY_MS
    at_midnight = moment.at(midnight)
    begun = max(midnight - SPAN_MS, limit.resets.start(at_midnight))
    if begun >= midnight:
        return None
    at = on_a_line((begun, limit.used(moment.at(begun))), (midnight, limit.used(at_midnight)), amount)
    ends = limit.resets.ends(at_midnight)
    return None if at is None or (ends is not None and at >= ends) else at


def on_a_line(first: tuple[int, float | None], second: tuple[int, float | None], amount: float) -> int | None:
    """When a value comes to `amount` that was (at, value), and later another. None: unknown, it does not grow, or too late."""
    (begun, before), (now, value) = first, second
    if before is None or value is None or is_partly(before) or is_partly(value) or value <= before:
        return None
    more = max(0, amount - value) * (now - begun) / (value - before)
    return now + ceil(more) if more <= MOST_MS else None


def full_in(limit: "LimitReader", moment: Moment) -> int | None:
    """Milliseconds from the last midnight on."""
    at = full_at(limit, moment)
    return None if at is None else at - (moment.t - moment.t % DAY_MS)


def drawn_until(limit: "LimitReader", moment: Moment) -> int:
    """Until then no event in order changes the answer; 0: nobody can tell."""
    midnight = moment.t - moment.t % DAY_MS
    if limit.hangs_on_events or moment.t == midnight:  # of midnight itself more events may come
        return 0
    return min(limit.allowance_next(moment), midnight + DAY_MS)


def next_full(limit: "LimitReader", moment: Moment) -> int:
    """The first instant after the moment at which the answer may be another one, from what is known."""
    midnight = moment.t - moment.t % DAY_MS
    changes = limit.allowance_next(moment)
    return min(changes, midnight + DAY_MS) if limit.changed_since(moment, midnight - SPAN_MS) else changes
