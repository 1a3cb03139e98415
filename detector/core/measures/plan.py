"""The plan and stage of an account at t, from the history of its trait `plan`.

With `no_plan: P` the account is on P until its first known plan. Without it the first known plan is in force since ever. A
plan trait of null, "" or "none" after a paying plan is churn; after anything else there is simply no plan.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from detector.core.facts.facts import Facts
from detector.core.facts.people import PLAN
from detector.core.instants import NEVER
from detector.core.rulebook.model import Plan

OWN = ""
"""The owner of the account's own traits in its store of traits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`name` as it was said, also of a plan that the rulebook does not know; `plan` None: limits and features are unknown."""

    name: str | None
    plan: Plan | None
    stage: str
    rank: int | None = None

    @property
    def placed(self) -> bool:
        """Whether there is a way up or down from here: a plan that the rulebook knows, or churned."""
        return self.rank is not None or self.stage == "churned"


_UNKNOWN = Standing(None, None, "unknown")
_VISITOR = Standing(None, None, "visitor")
_CHURNED = Standing(None, None, "churned")


def _none(value: object) -> bool:
    return value is None or value in ("", "none")


class Ladder:
    """The rulebook's plans, cheapest first."""

    def __init__(self, plans: tuple[Plan, ...], no_plan: str | None) -> None:
        self.plans = plans
        self._known: Mapping[object, Standing] = {
            plan.name: Standing(plan.name, plan, plan.stage, rank) for rank, plan in enumerate(plans)
        }
        self._without = self._known.get(no_plan) if no_plan is not None else None

    def named(self, name: str | None, stage: str) -> Standing:
        """The standing that an earlier judgement wrote down."""
        if stage == "churned":
            return _CHURNED
        return self._known.get(name) or Standing(name, None, stage)

    def standing(self, facts: Facts, t: int) -> Standing:
        history = facts.traits.history(OWN, PLAN)
        entry = history.at(t) if history is not None else None
        if history is None or entry is None:
            if self._without is not None:
                return self._without
            first = self.since_ever(facts)
            return self._said(first) if first is not None else self._nobody(facts, t)
        if not _none(entry[2]):
            return self._said(entry[2])
        before = next((entry[2] for entry in reversed(history.until(t)) if not _none(entry[2])), None)
        if before is not None and self._said(before).stage == "paying":
            return _CHURNED
        return self._without or self._nobody(facts, t)

    def since_ever(self, facts: Facts) -> object:
        """The plan that is in force from the beginning: without `no_plan` the first that is known."""
        history = facts.traits.history(OWN, PLAN)
        if self._without is not None or history is None:
            return None
        return next((said for _, _, said in history.entries if not _none(said)), None)

    def placed_before(self, facts: Facts, t: int) -> Standing:
        """The last standing before t that had a place on the ladder; if none had, that of a millisecond before."""
        history = facts.traits.history(OWN, PLAN)
        said = [at for at, _, _ in history.until(t - 1)] if history is not None else []
        points = (t - 1, *reversed(said), *(at - 1 for at in said[:1]))
        standings = (self.standing(facts, at) for at in points)
        return next((standing for standing in standings if standing.placed), self.standing(facts, t - 1))

    def next(self, facts: Facts, t: int) -> int:
        """The first instant after t at which the standing may be another one."""
        history = facts.traits.history(OWN, PLAN)
        said = history.next(t) if history is not None else NEVER
        return said if self._without is not None else min(said, facts.activity.next_somebody(t))

    def changes(self, facts: Facts, start: int, end: int) -> list[int]:
        """When the plan went up or down in (start, end]."""
        history = facts.traits.history(OWN, PLAN)
        points = sorted({at for at, _, _ in history.until(end) if at > start}) if history is not None else []
        return [at for at in points if self.change(self.placed_before(facts, at), self.standing(facts, at)) is not None]

    def _said(self, value: object) -> Standing:
        known = self._known.get(value)
        return known if known is not None else Standing(str(value), None, "unknown")

    @staticmethod
    def _nobody(facts: Facts, t: int) -> Standing:
        anonymous = facts.activity.anonymous_since
        only_anonymous = anonymous is not None and anonymous <= t and not facts.activity.somebody(t)
        return _VISITOR if only_anonymous else _UNKNOWN

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

    def spans(self, facts: Facts, start: int, end: int) -> Iterator[tuple[int, int, Standing]]:
        """(from, to, standing): what was in force over [start, end), in order."""
        history = facts.traits.history(OWN, PLAN)
        points = [start]
        value: object = points
        for timestamp, _, said in history.until(end - 1) if history is not None else ():
            if said != value and timestamp > start:
                points.append(timestamp)
            value = said
        for begin, stop in zip(points, (*points[1:], end), strict=True):
            if begin < stop:
                yield begin, stop, self.standing(facts, begin)

    def customer_since(self, facts: Facts, t: int) -> int | None:
        """The first time that a paying plan was said."""
        history = facts.traits.history(OWN, PLAN)
        entries = history.until(t) if history is not None else ()
        return next((at for at, _, said in entries if not _none(said) and self._said(said).stage == "paying"), None)
