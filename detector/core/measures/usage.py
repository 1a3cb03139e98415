"""A limit at a moment: how much is used, how much the plan allows, which step is reached."""

from math import ceil
from typing import Any

from detector.core import words
from detector.core.facts.series import DAY_MS, Count, Series
from detector.core.instants import NEVER
from detector.core.measures.keys import events_key, limit_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods, Resets
from detector.core.overrides import override_at
from detector.core.rulebook.model import Limit, Step, Type

REFUSED_RANK = 1e9
"""Above every share."""
_NEARLY = 1 - 1e-9
"""A share is rounded."""
REFUSED_MS = 7 * DAY_MS
"""How far back refusals still say something about now."""


class LimitReader:
    """`used` None: no gauge event yet. `allowed` None: no cap, or the plan (or what it allows) is unknown."""

    def __init__(self, limit: Limit, periods: Periods) -> None:
        self.limit = limit
        self._resets = Resets(limit.period, periods)
        self.key = limit_key(limit, periods.zone)
        self.refused_key = events_key(limit.refused)

    def _events(self, moment: Moment) -> Series:
        return moment.facts.series(self.key)

    def _count(self, moment: Moment) -> Count:
        return self._events(moment).count_in(self._resets.start(moment), moment.t + 1)

    def used(self, moment: Moment) -> float | None:
        if self.limit.kind == "counter":
            return self._count(moment).value
        value = self._events(moment).last(moment.t)
        return value if isinstance(value, int | float) else None

    def at_least(self, moment: Moment) -> bool:
        return self.limit.kind == "counter" and self._count(moment).at_least

    def allowed(self, moment: Moment) -> float | None:
        """What the plan allows, unless sales said otherwise of this account."""
        said = override_at(moment.overrides, self.limit.name, moment.t)
        if said is not None:
            return said.allowed
        plan = moment.standing.plan
        return None if plan is None else plan.allows.get(self.limit.name)

    def percent(self, moment: Moment) -> float | None:
        """A fraction of 1. Where nothing is allowed, any use is all of it."""
        return _share(self.used(moment), self.allowed(moment))

    def left(self, moment: Moment) -> float | None:
        used, allowed = self.used(moment), self.allowed(moment)
        return None if used is None or allowed is None else allowed - used

    def refused(self, moment: Moment, window_ms: int | None = None) -> int:
        """How often the product stopped it at the cap."""
        return moment.facts.series(self.refused_key).count(moment.t, window_ms).value

    def refused_now(self, moment: Moment) -> bool:
        return moment.facts.series(self.refused_key).at(moment.t) is not None

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which use, allowance or refusals may be others."""
        facts, t = moment.facts, moment.t
        changes = [self._events(moment).next(t), facts.series(self.refused_key).next(t), moment.ladder.next(facts, t)]
        changes += [each.since for each in moment.overrides.get(self.limit.name, ()) if each.since > t]
        return min(*changes, self._resets.next(moment)) if self.limit.kind == "counter" else min(changes)

    def data(self, moment: Moment, refused_window_ms: int) -> dict[str, Any]:
        """As receivers read it."""
        resets_at = self._resets.ends(moment) if self.limit.kind == "counter" else None
        used, allowed = self.used(moment), self.allowed(moment)
        return {
            "limit": self.limit.name,
            "used": words.plain(used, Type.NUMBER),
            "allowed": words.plain(allowed, Type.NUMBER),
            "full_on": None,
            "resets_at": None if resets_at is None else words.time(resets_at),
            "refused_7d": self.refused(moment, refused_window_ms),
        }

    def ids(self, moment: Moment, number: int) -> list[str]:
        """Of a counter only this period's: no other message is in its value."""
        start = self._resets.start(moment) if self.limit.kind == "counter" else 0
        return self._events(moment).newest_ids_in(start, moment.t + 1, number)

    def refused_ids(self, moment: Moment, number: int, window_ms: int | None = None) -> list[str]:
        return moment.facts.series(self.refused_key).newest_ids(moment.t, number, window_ms)

    def events_left(self, moment: Moment, steps: tuple[Step, ...]) -> int:
        """So many events of use, at least, must come before a step is reached; 0: one may be reached now."""
        allowed = self.allowed(moment)
        if allowed is None:
            return 1 if moment.overrides.get(self.limit.name) else NEVER  # one may begin to act later
        if "refused" in steps and self.refused_now(moment):
            return 0
        used, least = self.used(moment), min((step for step in steps if step != "refused"), default=None)
        share = None if least is None else _share(used, allowed)
        if used is None or least is None or share is None or self.limit.kind == "gauge" or moment.overrides:
            return 1 if share is None or least is None or share < least else 0  # a gauge can jump
        return 0 if share >= least else max(1, ceil(least * allowed - used) - 1)  # one less, for a share is rounded

    def gauge_below(self, moment: Moment, steps: tuple[Step, ...]) -> tuple[Series | None, float]:
        """(the gauge, a value): below it no step is reached, while the account stands where it does; None: that is not known."""
        allowed, least = self.allowed(moment), min((step for step in steps if step != "refused"), default=None)
        if (
            self.limit.kind != "gauge"
            or moment.overrides
            or allowed is None
            or allowed <= 0
            or least is None
            or self.used(moment) is None
        ):
            return None, 0.0
        return self._events(moment), least * allowed * _NEARLY

    def step(self, moment: Moment, steps: tuple[Step, ...]) -> Step | bool | None:
        """The highest step reached; False: none; None: unknown, and so for a limit without a cap."""
        allowed = self.allowed(moment)
        if allowed is None:
            return None
        if "refused" in steps and self.refused_now(moment):
            return "refused"
        percent = _share(self.used(moment), allowed)
        if percent is None:
            return None
        reached = [step for step in steps if step != "refused" and step <= percent]
        return max(reached) if reached else False


def _share(used: float | None, allowed: float | None) -> float | None:
    if used is None or allowed is None:
        return None
    if allowed == 0:
        return 1.0 if used > 0 else 0.0
    return used / allowed


def rank(step: Step | bool | None) -> float:
    """How high a step is: 0 none or unknown, 1 for a rule without steps."""
    if step is None:
        return 0.0
    return REFUSED_RANK if step == "refused" else float(step)
