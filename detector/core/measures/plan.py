"""The plan and stage of an account at t, from the history of its trait `plan`, or of where else it is said.

With `no_plan: P` the account is on P until its first known plan. Without it the first known plan is in force since ever. A
plan trait of null, "" or "none" after a paying plan is churn; after anything else there is simply no plan.

A timed trial begins with the first of a run of entries that name it, and ends by itself: from then on the account stands
where the plan that follows stands, also if the trial is named again, until another plan is said. Dated terms of a plan are no
change of plan; neither are add-ons, which the trait `addons` names, from when on it does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from detector.core.facts.facts import Facts
from detector.core.facts.history import Entry
from detector.core.facts.people import OWN
from detector.core.instants import NEVER
from detector.core.measures.addons import ADDONS
from detector.core.measures.plan_said import PlanSaid
from detector.core.measures.standing import Standing, Terms
from detector.core.rulebook.model import AddOn, Plan, PlanSource

_UNKNOWN = Standing(None, None, "unknown")
_VISITOR = Standing(None, None, "visitor")
_CHURNED = Standing(None, None, "churned")


def _none(value: object) -> bool:
    return value is None or value in ("", "none")


class Ladder:
    """The rulebook's plans, cheapest first."""

    def __init__(
        self,
        plans: tuple[Plan, ...],
        no_plan: str | None,
        addons: Mapping[str, AddOn] | None = None,
        source: PlanSource | None = None,
        begun: tuple[int, int] = (-1, 0),
    ) -> None:
        """`begun`: the version of the rulebook with which it began to be kept what is said of the plan, and the partition time
        of the switch to it; -1: it always was.
        """
        self.plans = plans
        self.said = PlanSaid(source)
        self._terms = Terms(plans, addons or {})
        self._addons = bool(addons)
        self._timed: Mapping[object, tuple[int, str]] = {
            plan.name: (plan.days_ms, plan.then) for plan in plans if plan.days_ms is not None and plan.then is not None
        }
        self._without = no_plan
        self._begun, self._begun_at = begun

    @property
    def timed(self) -> bool:
        """Whether a trial can end, so that time alone changes where an account stands."""
        return bool(self._timed)

    @property
    def settles_at(self) -> int:
        """From when on no plan gets other terms any more: time alone, trials aside, changes nothing then."""
        return self._terms.dates[-1] if self._terms.dates else 0

    def standing(self, facts: Facts, t: int) -> Standing:
        standing = self._plainly(facts, t)
        return self._terms.with_addons(standing, self._addons_at(facts, t)) if self._addons else standing

    def terms(self, plan: Plan, facts: Facts, t: int) -> Plan:
        """What one of the plans would say to this account at t, with the add-ons that it has."""
        return self._terms.terms(plan, t, self._addons_at(facts, t) if self._addons else None)

    @staticmethod
    def _addons_at(facts: Facts, t: int) -> object:
        return facts.traits.value(OWN, ADDONS, t)

    def _nothing_said(self, t: int) -> Standing | None:
        return None if self._without is None else self._terms.on(self._without, t)

    def _plainly(self, facts: Facts, t: int) -> Standing:
        """Add-ons aside."""
        history = self.said.history(facts)
        entry = history.at(t) if history is not None else None
        if self.is_partly(facts, t):
            return _UNKNOWN
        if history is None or entry is None:
            nothing = self._nothing_said(t)
            if nothing is not None:
                return nothing
            first = self._first(facts)
            return self._said([first], t) if first is not None else self._nobody(facts, t)
        if entry[2] in self._timed:
            return self._said(history.until(t), t)
        if not _none(entry[2]):
            return self._said([entry], t)
        said = history.until(t)
        return _CHURNED if self._paid_before(said) else self._nothing_said(t) or self._nobody(facts, t)

    def is_partly(self, facts: Facts, t: int) -> bool:
        """Whether what was said before it began to be kept could matter at t: nothing was said of the time since, or only a
        timed trial, or that there is no plan any more, which may have been a paying one.
        """
        if facts.came >= self._begun:
            return False
        history = self.said.history(facts)
        said = history.until(t) if history is not None else []
        if not said or said[-1][0] < self._begun_at or all(_none(value) for _, _, value in said):
            return True
        return said[-1][2] in self._timed and _began(said) == said[0][0]

    def since_ever(self, facts: Facts) -> object:
        """What is in force from the beginning: without `no_plan` the first plan that is known, and when its trial began.

        None: nothing. If it changes, the account is another one at every time.
        """
        first = self._first(facts) if self._without is None else None
        return None if first is None else (first[2], first[0] if first[2] in self._timed else None)

    def _first(self, facts: Facts) -> Entry | None:
        history = self.said.history(facts)
        return next((entry for entry in history.entries if not _none(entry[2])), None) if history is not None else None

    def _said(self, said: Sequence[Entry], t: int) -> Standing:
        """Where an account stands at t that is on the plan of the last entry."""
        value = said[-1][2]
        known = self._terms.on(value, t)
        if known is None:
            return Standing(str(value), None, "unknown")
        if value not in self._timed:
            return known
        days_ms, then = self._timed[value]
        ends = _began(said) + days_ms
        return replace(known, trial_ends_at=ends) if t < ends else self._terms.on(then, t) or _UNKNOWN

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
        history = self.said.history(facts)
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
        history = self.said.history(facts)
        points = sorted({entry[0] for entry in history.until(end) if entry[0] > start}) if history is not None else []
        return [at for at in points if self.change(self.placed_before(facts, at), self.standing(facts, at)) is not None]

    def next(self, facts: Facts, t: int) -> int:
        """The first instant after t at which the standing may be another one, from what is known; NEVER: it stays."""
        history = self.said.history(facts)
        said = min(history.next(t) if history is not None else NEVER, self._terms.next(t))
        if self._addons:
            said = min(said, facts.traits.next(OWN, ADDONS, t))
        standing = self._plainly(facts, t)
        if standing.trial_ends_at is not None:
            return min(said, standing.trial_ends_at)
        return min(said, _next_sight(facts, t)) if standing is _UNKNOWN or standing is _VISITOR else said

    def spans(self, facts: Facts, start: int, end: int) -> Iterator[tuple[int, int, Standing]]:
        """(from, to, standing): what was in force over [start, end), in order; a trial that ended ends its span."""
        history = self.said.history(facts)
        points = {start, *(date for date in self._terms.dates if start < date < end)}
        histories = [history, facts.traits.history(OWN, ADDONS) if self._addons else None]
        for each in histories:
            value: object = points
            for timestamp, _, said in each.until(end - 1) if each is not None else ():
                if said != value and timestamp > start:
                    points.add(timestamp)
                value = said
        for begin, stop in pairwise((*sorted(points), end)):
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

    def first_said(self, facts: Facts) -> int:
        """When something was said of the plan for the first time; NEVER: it was not."""
        history = self.said.history(facts)
        return history.entries[0][0] if history is not None and history.entries else NEVER

    def customer_since(self, facts: Facts, t: int) -> int | None:
        """The first time that a paying plan was said. A trial is none, whatever follows it."""
        history = self.said.history(facts)
        said = history.until(t) if history is not None else ()
        paying = (at for at, _, value in said if (known := self._terms.on(value, at)) is not None and known.stage == "paying")
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
    firsts = [facts.activity.first]
    if facts.activity.anonymous_since is not None:
        firsts.append(facts.activity.anonymous_since)
    return min((first for first in firsts if first > t), default=NEVER)
