"""When a limit will be full if its use goes on growing as it did: a line through two points, drawn anew each midnight (UTC).

The points are the use at the last midnight and seven days before it; of what resets at the beginning of its period, if that is
later. So within a day the answer changes only with what is allowed.
"""

from math import ceil
from typing import TYPE_CHECKING

from detector.core.facts.series import DAY_MS
from detector.core.measures.moment import Moment

if TYPE_CHECKING:
    from detector.core.measures.usage import LimitReader

SPAN_MS = 7 * DAY_MS
MOST_MS = 3_650 * DAY_MS
"""The longest duration that a rulebook can name."""


def full_at(limit: "LimitReader", moment: Moment) -> int | None:
    """Epoch ms. None: unknown, no cap, it does not grow, not in ten years, or it begins again before it is full."""
    midnight = moment.t - moment.t % DAY_MS
    at_midnight = moment.at(midnight)
    begun = max(midnight - SPAN_MS, limit.resets.start(at_midnight))
    allowed = limit.allowed(moment)
    if allowed is None or begun >= midnight or limit.limit.each is not None:
        return None
    before, now = limit.used(moment.at(begun)), limit.used(at_midnight)
    if before is None or now is None or now <= before:
        return None
    left = max(0, allowed - now)
    more = left * (midnight - begun) / (now - before)
    if not more <= MOST_MS:
        return None
    at = midnight + ceil(more)
    ends = limit.resets.ends(at_midnight)
    return None if ends is not None and at >= ends else at


def full_in(limit: "LimitReader", moment: Moment) -> int | None:
    """Milliseconds from the last midnight on."""
    at = full_at(limit, moment)
    return None if at is None else at - (moment.t - moment.t % DAY_MS)


def next_full(limit: "LimitReader", moment: Moment) -> int:
    """The first instant after the moment at which the answer may be another one, from what is known."""
    midnight = moment.t - moment.t % DAY_MS
    changes = limit.allowance_next(moment)
    return min(changes, midnight + DAY_MS) if limit.changed_since(moment, midnight - SPAN_MS) else changes
