"""What an account says about its plan in; what plan and stage it stood at, at any instant, out."""

from datetime import datetime
from typing import Any, NamedTuple

DAY = 86_400_000
NO_PLAN = (None, "", "none")


class Standing(NamedTuple):
    """`plan` None: no plan that the rulebook knows, so limits and features are unknown."""

    name: str | None
    plan: dict[str, Any] | None
    stage: str
    rung: int | None = None
    """On the ladder; a trial stands on that of the plan that follows it."""
    left: int | None = None
    """Milliseconds until a trial ends."""

    @property
    def placed(self) -> bool:
        return self.rung is not None or self.stage == "churned"


UNKNOWN = Standing(None, None, "unknown")
CHURNED = Standing(None, None, "churned")


class Plans:
    """`said`: (timestamp, value) of the trait `plan`, in order of (timestamp, id)."""

    def __init__(self, rulebook: dict[str, Any], said: list[tuple[int, Any]], addons: list[tuple[int, Any]]) -> None:
        """`addons`: the same of the trait `addons`."""
        self.addons = addons
        self.sold: dict[str, Any] = rulebook.get("addons", {})
        self.plans: dict[str, Any] = rulebook.get("plans", {})
        self.ladder = list(self.plans)
        self.without: str | None = rulebook.get("no_plan")
        self.said = said

    def at(self, t: int) -> Standing:
        """With what the add-ons of then give and add."""
        standing = self.without_addons(t)
        said = [value for at, value in self.addons if at <= t]
        had = [(number, self.sold[name]) for name, number in counted(said[-1] if said else None).items() if name in self.sold]
        if standing.plan is None or not had:
            return standing
        has = {*standing.plan.get("has", []), *(feature for _, addon in had for feature in addon.get("gives", []))}
        return standing._replace(plan={**standing.plan, "has": has, "added": [(n, addon.get("adds", {})) for n, addon in had]})

    def without_addons(self, t: int) -> Standing:
        """UNKNOWN may still be a visitor: plans do not know who was here."""
        until = [(at, value) for at, value in self.said if at <= t]
        if until:
            return self.after(until, t)
        first = next(((at, value) for at, value in self.said if value not in NO_PLAN), None)
        if self.without is not None or first is None:
            return self.nothing_said(t)
        return self.named(first[1], first[0], t)  # the first known plan is in force since ever

    def nothing_said(self, t: int) -> Standing:
        return self.named(self.without, 0, t) if self.without is not None else UNKNOWN

    def after(self, entries: list[tuple[int, Any]], t: int) -> Standing:
        """Entry by entry: a plan begins with the first of a run of entries that name it."""
        name: str | None = None
        began = 0
        churned = False
        for at, value in entries:
            if value in NO_PLAN:
                was = CHURNED if churned else self.named(name, began, at) if name is not None else UNKNOWN
                name, churned = None, was.stage in ("paying", "churned")
            elif value != name:
                name, began, churned = value, at, False
        if churned:
            return CHURNED
        return self.nothing_said(t) if name is None else self.named(name, began, t)

    def named(self, name: str, began: int, t: int) -> Standing:
        if name not in self.plans:
            return Standing(name, None, "unknown")
        plan = self.terms(name, t)
        if "like" in plan:
            like = self.terms(plan["like"], t)
            plan = {**plan, **{key: like.get(key, {}) for key in ("allows", "has", "tolerance")}}
        if "then" not in plan:
            return Standing(name, plan, plan["stage"], self.ladder.index(name))
        end = began + plan["days"] * DAY
        if t >= end:
            return self.named(plan["then"], end, t)
        after = self.terms(plan["then"], t).get("has", [])  # premium in a trial is what comes after it lacks
        return Standing(name, {**plan, "has": after}, "trial", self.ladder.index(plan["then"]), end - t)

    def terms(self, name: str, t: int) -> dict[str, Any]:
        """Of a dated plan those in force at t; before the first day the first."""
        plan: Any = self.plans[name]
        if not isinstance(plan, list):
            return dict(plan)
        begun = [terms for terms in plan if beginning(terms) <= t]
        return dict(begun[-1] if begun else plan[0])

    def change(self, t: int) -> str:
        """`up`, `down` or `same`: the standing at t beside the last that had a place, before t."""
        looked = [t - 1, *(at - 1 for at, _ in reversed(self.said) if at < t)]
        before = next((standing for u in looked if (standing := self.at(u)).placed), UNKNOWN)
        after = self.at(t)
        if "churned" in (before.stage, after.stage):
            if before.stage == after.stage:
                return "same"
            if after.stage == "churned":
                return "down"
            return "up" if after.stage == "paying" else "same"
        if before.rung is None or after.rung is None or before.rung == after.rung:
            return "same"
        return "up" if after.rung > before.rung else "down"

    def paying(self, name: Any, t: int) -> bool:
        return name in self.plans and bool(self.terms(name, t)["stage"] == "paying")

    def turns(self) -> list[int]:
        """When a plan begins or a trial ends."""
        days = [plan["days"] * DAY for plan in self.plans.values() if "days" in plan]
        dates = [beginning(terms) for plan in self.plans.values() if isinstance(plan, list) for terms in plan]
        return [*dates, *(at + more for at, _ in self.said for more in [0, *days])]


def beginning(terms: dict[str, Any]) -> int:
    """The first millisecond (UTC) of the day that terms are `from`; 0: since ever."""
    return round(datetime.fromisoformat(f"{terms['from']}T00:00:00+00:00").timestamp() * 1000) if "from" in terms else 0


def counted(said: Any) -> dict[str, int]:
    """Add-ons are named in a list, in a text with commas, or with how many there are of each."""
    if isinstance(said, dict):
        return {name: int(number) for name, number in said.items() if number}
    names = said.split(",") if isinstance(said, str) else said or []
    stripped = [name.strip() for name in names]
    return {name: stripped.count(name) for name in stripped}
