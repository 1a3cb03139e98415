"""The plan and stage of an account at t, from the history of its trait `plan`.

With `no_plan: P` the account is on P until its first known plan. Without it the first known plan is in force since ever. A
plan trait of null, "" or "none" after a paying plan is churn; after anything else there is simply no plan.

A timed trial begins with the first of a run of entries that name it, and ends by itself: from then on the account stands
where the plan that follows stands, also if the trial is named again, until another plan is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

from detector.core.facts.facts import Facts
from detector.core.facts.history import Entry
from detector.core.facts.people import PLAN
from detector.core.instants import NEVER
from detector.core.rulebook.model import Plan

OWN = ""
"""The owner of the account's own traits in its store of traits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`name` as it was said, also of a plan that the rulebook does not know; `plan` None: limits and features are unknown.

    `rank`: its place on the ladder; a timed trial has that of the plan that follows. `kept`: the features that are no
    premium: the plan's, in a timed trial those of the plan that follows. `trial_ends_at`: only while in a timed trial.
    """

    name: str | None
    plan: Plan | None
    stage: str
    rank: int | None = None
    kept: frozenset[str] = frozenset()
    trial_ends_at: int | None = None

    @property
    def placed(self) -> bool:
        """Whether there is a way up or down from here: a plan that the rulebook knows, or churned."""
        return self.rank is not None or self.stage == "churned"


_UNKNOWN = Standing(None, None, "unknown")
_VISITOR = Standing(None, None, "visitor")
_CHURNED = Standing(None, None, "churned")


class _Trial(NamedTuple):
    meanwhile: Standing
    days_ms: int
    then: Standing

    def at(self, began: int, t: int) -> Standing:
        """Where an account stands at t whose trial began then."""
        ends = began + self.days_ms
        return self.then if t >= ends else replace(self.meanwhile, trial_ends_at=ends)


def _none(value: object) -> bool:
    return value is None or value in ("", "none")


class Ladder:
    """The rulebook's plans, cheapest first."""

    def __init__(self, plans: tuple[Plan, ...], no_plan: str | None) -> None:
        self.plans = plans
        place = {plan.name: rank for rank, plan in enumerate(plans)}
        lasting = {plan.name: plans[place[plan.then or plan.name]] for plan in plans}
        self._known: Mapping[object, Standing] = {
            plan.name: Standing(plan.name, plan, plan.stage, place[lasting[plan.name].name], lasting[plan.name].has)
            for plan in plans
        }
        self._timed: Mapping[object, _Trial] = {
            plan.name: _Trial(self._known[plan.name], plan.days_ms, self._known[plan.then])
            for plan in plans
            if plan.days_ms is not None
        }
        self._without = self._known.get(no_plan) if no_plan is not None else None

    @property
    def timed(self) -> bool:
        """Whether a trial can end, so that time alone changes where an account stands."""
        return bool(self._timed)

    def standing(self, facts: Facts, t: int) -> Standing:
        history = facts.traits.history(OWN, PLAN)
        entry = history.at(t) if history is not None else None
        if history is None or entry is None:
            if self._without is not None:
                return self._without
            first = self._first_known(facts)
            return self._said([first], t) if first is not None else self._nobody(facts, t)
        if entry[2] in self._timed:
            return self._said(history.until(t), t)
        if not _none(entry[2]):
            return self._said([entry], t)
        said = history.until(t)
        return _CHURNED if self._paid_before(said) else self._without or self._nobody(facts, t)

    def _first_known(self, facts: Facts) -> Entry | None:
        history = facts.traits.history(OWN, PLAN)
        return next((entry for entry in history.entries if not _none(entry[2])), None) if history is not None else None

    def since_ever(self, facts: Facts) -> object:
        """What is in force from the beginning: without `no_plan` the first known plan."""
        return self._first_known(facts) if self._without is None else None

    def _said(self, said: Sequence[Entry], t: int) -> Standing:
        """Where an account stands at t that is on the plan of the last entry."""
        value = said[-1][2]
        trial = self._timed.get(value)
        if trial is not None:
            return trial.at(_began(said), t)
        known = self._known.get(value)
        return known if known is not None else Standing(str(value), None, "unknown")

    def _paid_before(self, said: Sequence[Entry]) -> bool:
        """Whether it was a paying plan that the null, "" or "none" ended with which the entries end."""
        for place in reversed(range(len(said) - 1)):
            if not _none(said[place][2]):
                return self._said(said[: place + 1], said[place + 1][0]).stage == "paying"
        return False

    @staticmethod
    def _nobody(facts: Facts, t: int) -> Standing:
        anonymous = facts.activity.anonymous_since
        only_anonymous = anonymous is not None and anonymous <= t and not facts.activity.somebody(t)
        return _VISITOR if only_anonymous else _UNKNOWN

    def placed_before(self, facts: Facts, t: int) -> Standing:
        """The last standing before t that had a place on the ladder; if none had, that of a millisecond before."""
        history = facts.traits.history(OWN, PLAN)
        said = history.until(t - 1) if history is not None else ()
        points = (t - 1, *(entry[0] - 1 for entry in reversed(said)))
        standings = (self.standing(facts, at) for at in points)
        return next((standing for standing in standings if standing.placed), self.standing(facts, t - 1))

    @staticmethod
    def change(before: Standing, after: Standing) -> Literal["up", "down"] | None:
        """Churn is a way down, from churn to a paying plan a way up. A plan that the rulebook does not know has no place."""
        if before.stage == "churned" or after.stage == "churned":
            if before.stage == after.stage:
                return None
            if after.stage == "churned":
                return "down"
            return "up" if after.stage == "paying" else None
        if before.rank is None or after.rank is None or before.rank == after.rank:
            return None
        return "up" if after.rank > before.rank else "down"

    def changes(self, facts: Facts, start: int, end: int) -> list[int]:
        """When the plan went up or down in (start, end]. The end of a trial is neither."""
        history = facts.traits.history(OWN, PLAN)
        points = sorted({entry[0] for entry in history.until(end) if entry[0] > start}) if history is not None else []
        return [at for at in points if self.change(self.placed_before(facts, at), self.standing(facts, at)) is not None]

    def next(self, facts: Facts, t: int) -> int:
        """The first instant after t at which the standing may be another one, from what is known; NEVER: it stays."""
        history = facts.traits.history(OWN, PLAN)
        said = history.next(t) if history is not None else NEVER
        standing = self.standing(facts, t)
        if standing.trial_ends_at is not None:
            return min(said, standing.trial_ends_at)
        return min(said, _next_sight(facts, t)) if standing is _UNKNOWN or standing is _VISITOR else said

    def spans(self, facts: Facts, start: int, end: int) -> Iterator[tuple[int, int, Standing]]:
        """(from, to, standing): what was in force over [start, end), in order; a trial that ended ends its span."""
        history = facts.traits.history(OWN, PLAN)
        points = [start]
        value: object = points
        for timestamp, _, said in history.until(end - 1) if history is not None else ():
            if said != value and timestamp > start:
                points.append(timestamp)
            value = said
        for begin, stop in pairwise((*points, end)):
            if begin < stop:
                yield from self._split(facts, begin, stop)

    def _split(self, facts: Facts, begin: int, stop: int) -> Iterator[tuple[int, int, Standing]]:
        """A span within which nothing else is said: in two, if a trial ends in it."""
        standing = self.standing(facts, begin)
        ends = standing.trial_ends_at
        if ends is None or ends >= stop:
            yield begin, stop, standing
        else:
            yield begin, ends, standing
            yield ends, stop, self.standing(facts, ends)

    def customer_since(self, facts: Facts, t: int) -> int | None:
        """The first time that a paying plan was said. A trial is none, whatever follows it."""
        history = facts.traits.history(OWN, PLAN)
        said = history.until(t) if history is not None else ()
        paying = (at for at, _, value in said if (known := self._known.get(value)) is not None and known.stage == "paying")
        return next(paying, None)


def _began(said: Sequence[Entry]) -> int:
    """When the run of equal values began that ends with the last entry. What thinning keeps of a run is its ends."""
    began, value = said[-1][0], said[-1][2]
    for timestamp, _, earlier in reversed(said):
        if earlier != value:
            break
        began = timestamp
    return began


def _next_sight(facts: Facts, t: int) -> int:
    """The first instant after t at which the first anonymous person, or the first with an id, is there."""
    firsts = [min((seen[0] for seen in facts.activity.people.values()), default=NEVER)]
    if facts.activity.anonymous_since is not None:
        firsts.append(facts.activity.anonymous_since)
    return min((first for first in firsts if first > t), default=NEVER)
