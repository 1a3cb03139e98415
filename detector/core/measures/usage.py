"""A limit at a moment: how much is used, how much the plan allows, which step is reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from detector.core import words
from detector.core.facts.series import DAY_MS, Series
from detector.core.instants import NEVER
from detector.core.measures.addons import ADDONS
from detector.core.measures.forecast import full_at
from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import BILLING, Periods, Resets
from detector.core.measures.reader import Course
from detector.core.measures.sink import Sink
from detector.core.measures.use import WorstUse, use_of
from detector.core.measures.warming import NOTHING_BEGUN, Begun, Facts, Partly, Warm, unsaid, warming
from detector.core.overrides import override_at
from detector.core.partly import at_least, is_partly, plain
from detector.core.rulebook.model import Limit, Step, Type

REFUSED_RANK = 1e9
"""Above every share."""
_NEARLY = 1 - 1e-9
"""A share is rounded."""
REFUSED_MS = 7 * DAY_MS
"""How far back refusals still say something about now."""


@dataclass(frozen=True, slots=True)
class Existence:
    """`holds`: the limit is there only while this is true. `next`, `course`: when that may change, and what time does to it."""

    holds: Callable[[Moment], bool | None]
    next: Callable[[Moment], int]
    course: Course


class LimitReader:
    """`used` None: no gauge event yet. `allowed` None: no cap, or the plan (or what it allows) is unknown.

    While the limit is not there, everything about it is unknown.
    """

    def __init__(
        self,
        limit: Limit,
        periods: Periods,
        only_if: Existence | None = None,
        begun: Mapping[str, Begun] = NOTHING_BEGUN,
        billing_day: str | None = None,
    ) -> None:
        """`begun`: which facts began with an applied rulebook (see warming.py). `billing_day`: the trait that says it."""
        self.limit = limit
        self.refused_key = events_key(limit.refused)
        self._use = use_of(limit, periods, begun)
        self.sinks = (self._use.sink, Sink(self.refused_key, limit.refused, "count"))
        self._only_if = only_if
        self._use_warms = warming(begun, self._use)
        self._day_unsaid = unsaid(begun, billing_day if limit.period == BILLING else None)
        self._addons_unsaid = unsaid(begun, f"account.{ADDONS}")
        self._refusals_warm = warming(begun, Facts(frozenset([self.refused_key])))

    @property
    def resets(self) -> Resets:
        """When its use begins anew."""
        return self._use.resets

    @property
    def hangs_on_events(self) -> bool:
        """Whether an event may change even what it was before: whether it is there, when it began anew, which parts are known."""
        return self._only_if is not None or self.limit.period == BILLING or self.limit.worst_by is not None

    @property
    def presence(self) -> Course:
        """What time alone can do to whether it is there."""
        return Course.STILL if self._only_if is None else self._only_if.course

    @property
    def course(self) -> Course:
        """What time alone can do to its use."""
        return max(Course.FALLS if self.limit.resets else Course.STILL, self.presence)

    def is_there(self, moment: Moment) -> bool:
        """Whether the account has this limit at all."""
        return self._only_if is None or self._only_if.holds(moment) is True

    def used(self, moment: Moment) -> float | None:
        if self._day_unsaid is not None and self._day_unsaid.is_partly(moment):
            return None
        used = self._use.used(moment) if self.is_there(moment) else None
        return used if used is None or not self._is_partly(moment) else at_least(used)

    @property
    def warming(self) -> tuple[Partly, ...]:
        """Of its use and of what is allowed, if these are."""
        return tuple(each for each in (self._use_warms, self._day_unsaid, self._addons_unsaid) if each is not None)

    @property
    def unsaid(self) -> tuple[Partly, ...]:
        """All of it that may be known in part, or not yet."""
        return self.warming if self._use.newest_unsaid is None else (*self.warming, self._use.newest_unsaid)

    def warms(self, moment: Moment) -> Warm | None:
        """Since when its use is kept, and what it goes by, while what came before may matter."""
        return next((state for each in self.warming if (state := each.state(moment)) is not None), None)

    def refusals_warm(self, moment: Moment) -> Warm | None:
        """The same of its refusals."""
        return None if self._refusals_warm is None else self._refusals_warm.state(moment)

    def _is_partly(self, moment: Moment) -> bool:
        return self._use_warms is not None and self._use_warms.is_partly(moment)

    def at_least(self, moment: Moment) -> bool:
        return self._use.at_least(moment) or self._is_partly(moment)

    def worst(self, moment: Moment) -> object:
        """The part of the account that counts, of a limit with `worst_by`; None: none does."""
        return self._use.part(moment) if isinstance(self._use, WorstUse) and self.is_there(moment) else None

    def allowed(self, moment: Moment) -> float | None:
        """What the plan allows, unless sales said otherwise of this account."""
        if not self.is_there(moment):
            return None
        said = override_at(moment.overrides, self.limit.name, moment.t)
        if said is not None:
            return said.allowed
        if self._addons_unsaid is not None and self._addons_unsaid.is_partly(moment):
            return None
        plan = moment.standing.plan
        return None if plan is None else plan.allows.get(self.limit.name)

    def percent(self, moment: Moment) -> float | None:
        """A fraction of 1. Where nothing is allowed, any use is all of it."""
        return _share(self.used(moment), self.allowed(moment))

    def left(self, moment: Moment) -> float | None:
        used, allowed = self.used(moment), self.allowed(moment)
        return None if used is None or allowed is None or is_partly(used) else allowed - used

    def refused(self, moment: Moment, window_ms: int | None = None) -> int | None:
        """How often the product stopped it at the cap."""
        if not self.is_there(moment):
            return None
        count = moment.facts.series(self.refused_key).count(moment.t, window_ms).value
        return count if self._refusals_warm is None or not self._refusals_warm.is_partly(moment) else at_least(count)

    def refused_now(self, moment: Moment) -> bool:
        return moment.facts.series(self.refused_key).at(moment.t) is not None

    def allowance_next(self, moment: Moment) -> int:
        """The first instant after the moment at which another amount may be allowed, or the limit may come or go."""
        changes = [moment.plan_turns]
        changes += [each.since for each in moment.overrides.get(self.limit.name, ()) if each.since > moment.t]
        if self._only_if is not None:
            changes.append(self._only_if.next(moment))
        return min(changes)

    def changed_since(self, moment: Moment, since: int) -> bool:
        """Whether its use has changed, or will, after `since`; under a condition, or by billing periods, nobody can tell."""
        if self._use_warms is not None and self._use_warms.since > since:
            return True
        return self._only_if is not None or self.limit.period == BILLING or self._use.newest(moment) > since

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which use, allowance or refusals may be others."""
        return moment.limit_turns(self, self._next)

    def _next(self, moment: Moment) -> int:
        refused = moment.facts.series(self.refused_key).next(moment.t)
        found = min(self._use.next(moment), refused, self.allowance_next(moment))
        return min((found, *(each.turn(moment) for each in self.warming)))

    def data(self, moment: Moment, refused_window_ms: int) -> dict[str, Any]:
        """As receivers read it."""
        used, allowed = self.used(moment), self.allowed(moment)
        return {
            "limit": self.limit.name,
            "unit": self.limit.unit,
            "used": words.plain(used, Type.NUMBER),
            "allowed": words.plain(allowed, Type.NUMBER),
            "full_on": None if (full := full_at(self, moment)) is None else words.time(full)[:10],
            "resets_at": None if (ends := self.resets.ends(moment)) is None else words.time(ends),
            "refused_7d": self.refused(moment, refused_window_ms) or 0,
        }

    def ids(self, moment: Moment, number: int) -> list[str]:
        return self._use.ids(moment, number)

    def refused_ids(self, moment: Moment, number: int, window_ms: int | None = None) -> list[str]:
        return moment.facts.series(self.refused_key).newest_ids(moment.t, number, window_ms)

    def events_left(self, moment: Moment, steps: tuple[Step, ...]) -> int:
        """So many events of use, at least, must come before a step is reached; 0: one may be reached now."""
        allowed = self.allowed(moment)
        if allowed is None:  # an override may begin to act later, and what the limit waits for may come
            return 1 if moment.overrides.get(self.limit.name) or self._only_if is not None else NEVER
        if "refused" in steps and self.refused_now(moment):
            return 0
        least = min((self.height(moment, step) for step in steps if step != "refused"), default=None)
        percent = self.percent(moment)
        if least is None or percent is None:
            return 1
        return 0 if percent >= least or is_partly(percent) else self.events_under(moment, least)

    def events_under(self, moment: Moment, least: float) -> int:
        """So many events of use, at least, must come before it is this share of what is allowed, which it is not yet."""
        used, allowed = self.used(moment), self.allowed(moment)
        if used is None or allowed is None or is_partly(used) or not self._use.by_one or moment.overrides:
            return 1  # it can jump
        return max(1, ceil(least * allowed - used) - 1)  # one less, for a share is rounded

    def gauge_below(self, moment: Moment, steps: tuple[Step, ...]) -> tuple[Series | None, float]:
        """(the gauge, a value): below it no step is reached, while the account stands where it does; None: that is not known."""
        return self.gauge_under(moment, min((self.height(moment, step) for step in steps if step != "refused"), default=None))

    def gauge_under(self, moment: Moment, least: float | None) -> tuple[Series | None, float]:
        """The same of a share of what is allowed."""
        gauge, allowed = self._use.gauge(moment), self.allowed(moment)
        if gauge is None or moment.overrides or allowed is None or allowed <= 0 or least is None or self.used(moment) is None:
            return None, 0.0
        return gauge, least * allowed * _NEARLY

    def height(self, moment: Moment, step: Step) -> float:
        """The share at which a step is reached: those of 100 % and more come later by what the plan tolerates."""
        if step == "refused":
            return REFUSED_RANK
        plan = moment.standing.plan
        more = plan.tolerance.get(self.limit.name, 0) if plan is not None and step >= 1 else 0
        return round(step + more, 8) if more else step

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
        reached = [step for step in steps if step != "refused" and self.height(moment, step) <= percent]
        return max(reached) if reached else None if is_partly(percent) else False


def _share(used: float | None, allowed: float | None) -> float | None:
    if used is None or allowed is None:
        return None
    if allowed == 0:
        return 1.0 if plain(used) > 0 else None if is_partly(used) else 0.0
    return at_least(plain(used) / allowed) if is_partly(used) else used / allowed


def rank(step: Step | bool | None) -> float:
    """How high a step is: 0 none or unknown, 1 for a rule without steps."""
    if step is None:
        return 0.0
    return REFUSED_RANK if step == "refused" else float(step)
