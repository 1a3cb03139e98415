"""What an account says about its plan in; what plan and stage it stood at, at any instant, out."""

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

    def __init__(self, rulebook: dict[str, Any], said: list[tuple[int, Any]]) -> None:
        self.plans: dict[str, Any] = rulebook.get("plans", {})
        self.ladder = list(self.plans)
        self.without: str | None = rulebook.get("no_plan")
        self.said = said

    def at(self, t: int) -> Standing:
        """UNKNOWN may still be a visitor: plans do not know who was here."""
        until = [(at, value) for at, value in self.said if at <= t]
        if until:
            return self.after(until, t)
        first = next(((at, value) for at, value in self.said if value not in NO_PLAN), None)
        if self.without is not None or first is None:
            return self.nothing_said()
        return self.named(first[1], first[0], t)  # the first known plan is in force since ever

    def nothing_said(self) -> Standing:
        return self.named(self.without, 0, 0) if self.without is not None else UNKNOWN

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
        return self.nothing_said() if name is None else self.named(name, began, t)

    def named(self, name: str, began: int, t: int) -> Standing:
        plan = self.plans.get(name)
        if plan is None:
            return Standing(name, None, "unknown")
        if "like" in plan:
            like = self.plans[plan["like"]]
            plan = {**plan, "allows": like.get("allows", {}), "has": like.get("has", [])}
        if "then" not in plan:
            return Standing(name, plan, plan["stage"], self.ladder.index(name))
        end = began + plan["days"] * DAY
        if t >= end:
            return self.named(plan["then"], end, t)
        after = self.plans[plan["then"]].get("has", [])  # premium in a trial is what comes after it lacks
        return Standing(name, {**plan, "has": after}, "trial", self.ladder.index(plan["then"]), end - t)

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

    def paying(self, name: Any) -> bool:
        return bool(self.plans.get(name, {}).get("stage") == "paying")

    def turns(self) -> list[int]:
        """When a plan begins or a trial ends."""
        days = [plan["days"] * DAY for plan in self.plans.values() if "days" in plan]
        return [at + more for at, _ in self.said for more in [0, *days]]
