"""Where an account stands: a plan's name, its add-ons and a time in, what counts there out."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain

from detector.core.instants import NEVER
from detector.core.measures.addons import counts_in
from detector.core.rulebook.model import AddOn, Plan


@dataclass(frozen=True, slots=True)
class Standing:
    """`name` as it was said, also of a plan that the rulebook does not know; `plan` None: limits and features are unknown.

    `plan`: its terms at that time, with what the account's add-ons add to them. `rank`: its place on the ladder; a timed trial
    has that of the plan that follows. `kept`: the features that are no premium: the plan's, in a timed trial those of the plan
    that follows, and those of the add-ons. `trial_ends_at`: only while in a timed trial.
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


class Terms:
    """What the plans say at a time. `dates`: when a plan gets other terms, in order."""

    def __init__(self, plans: tuple[Plan, ...], addons: Mapping[str, AddOn]) -> None:
        self._addons = addons
        self._plans: Mapping[object, Plan] = {plan.name: plan for plan in plans}
        place = {plan.name: rank for rank, plan in enumerate(plans)}
        self._rank = {plan.name: place[plan.then or plan.name] for plan in plans}
        terms = chain.from_iterable((*plan.former[1:], plan) if plan.former else () for plan in plans)
        self.dates = tuple(sorted({each.since_ms for each in terms if each.since_ms is not None}))
        self._known: dict[object, Standing] = {}
        self._more: dict[tuple[str, int | None, object], Plan] = {}

    def on(self, name: object, t: int) -> Standing | None:
        """On a plan of this name; None: the rulebook does not know it."""
        place = (name, bisect_right(self.dates, t)) if self.dates else name
        known = self._known.get(place)
        if known is None and name in self._plans:
            known = self._known[place] = self._at(name, t)
        return known

    def _at(self, name: object, t: int) -> Standing:
        plan = self._plans[name].at_time(t)
        lasting = plan if plan.then is None else self._plans[plan.then].at_time(t)
        return Standing(plan.name, plan, plan.stage, self._rank[plan.name], lasting.has)

    def terms(self, plan: Plan, t: int, said: object) -> Plan:
        """Of one of the rulebook's plans at t, for an account of whose add-ons this was said."""
        return self._with(plan.at_time(t) if self.dates else plan, said)

    def next(self, t: int) -> int:
        """The first time after t at which some plan has other terms."""
        at = bisect_right(self.dates, t)
        return self.dates[at] if at < len(self.dates) else NEVER

    def with_addons(self, standing: Standing, said: object) -> Standing:
        """`said`: of the account's add-ons."""
        if standing.plan is None or not counts_in(said):
            return standing
        given = [addon.gives for name, _ in counts_in(said) if (addon := self._addons.get(name)) is not None]
        return replace(standing, plan=self._with(standing.plan, said), kept=standing.kept.union(*given))

    def _with(self, plan: Plan, said: object) -> Plan:
        if not counts_in(said):
            return plan
        key = (plan.name, plan.since_ms, said)
        if key not in self._more:
            if len(self._more) >= KNOWN_MAX:
                self._more.clear()
            self._more[key] = self._added(plan, said)
        return self._more[key]

    def _added(self, plan: Plan, said: object) -> Plan:
        allows, has = dict(plan.allows), set(plan.has)
        for name, number in counts_in(said):
            addon = self._addons.get(name)
            for limit, more in addon.adds.items() if addon is not None else ():
                most = allows.get(limit)
                if most is not None:
                    allows[limit] = most + number * more
            has |= addon.gives if addon is not None else set()
        return replace(plan, allows=allows, has=frozenset(has))


KNOWN_MAX = 4_096
"""So many combinations of terms and add-ons are remembered."""
