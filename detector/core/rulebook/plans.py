"""What an account pays for: `plans`, `no_plan`."""

from dataclasses import replace
from typing import Final

from detector.core.rulebook import forms, shapes, trials
from detector.core.rulebook.model import Plan
from detector.core.rulebook.problems import Report
from detector.core.rulebook.terms import DATED, PLAN, Known, terms
from detector.core.rulebook.tree import Fields, Items, Node

PLANS_MAX: Final = 100
TERMS_MAX: Final = 50
_DATED: Final = forms.record({key: form for key, form in DATED.items() if key not in trials.KEYS})
FORM: Final = forms.either(forms.record(PLAN), forms.listed(_DATED, TERMS_MAX))


def plans(node: Node | None, known: Known) -> tuple[Plan, ...]:
    """The ladder, in the order of the file, which must be cheapest first (a trial stands anywhere)."""
    report = known.report
    found = shapes.bounded(shapes.entries(node, "plans", report), "plans", PLANS_MAX, report)
    built: list[Plan] = []
    dearest = 0.0
    for name, entry in found.items():
        if shapes.name_ok(entry.key, "a plan", report) and name == "none":
            report.refuse(entry.key.at, "name", "'none' says that there is no plan", "Choose another name")
        plan = _dated(name, entry.value, known) if isinstance(entry.value, Items) else terms(name, entry.value, known)
        if plan is None:
            continue
        if plan.stage != "trial" and plan.price is not None:
            if plan.price < dearest:
                message = f"plan '{name}' costs less than the one before it"
                report.refuse(entry.key.at, "value", message, "Write the plans cheapest first: their order is the ladder")
            dearest = plan.price
        built.append(plan)
    return trials.resolved(built, found, report)


def _dated(name: str, node: Items, known: Known) -> Plan | None:
    """The newest terms, with those before."""
    what, report = f"plan '{name}'", known.report
    if not 1 <= len(node.items) <= TERMS_MAX:
        report.refuse(node.at, "value", f"{what} has {len(node.items)} terms", f"Write 1 to {TERMS_MAX}, each with its `from`")
        return None
    found: list[Plan] = []
    for item in node.items:
        plan = terms(name, item, known, dated=True)
        if plan is None:
            continue
        if plan.stage == "trial" or (isinstance(item, Fields) and not item.entries.keys().isdisjoint(trials.KEYS)):
            report.refuse(item.at, "value", f"{what} is a trial and dated", "Date the plan that it is like: the trial follows it")
        if plan.since_ms is None and found and isinstance(item, Fields) and "from" not in item.entries:
            report.refuse(item.at, "missing", f"{what} does not say from when on these terms count", "Add: from: 2024-08-26")
        elif found and not _later(plan.since_ms, found[-1].since_ms):
            report.refuse(item.at, "value", f"{what} has its terms out of order", "Write them in order of time, each day once")
        found.append(plan)
    return replace(found[-1], former=tuple(found[:-1])) if found else None


def _later(since_ms: int | None, before_ms: int | None) -> bool:
    """What was refused, or stands first without a day, is not compared."""
    return since_ms is None or before_ms is None or since_ms > before_ms


def no_plan(node: Node | None, known: tuple[str, ...], plans: tuple[Plan, ...], report: Report) -> str | None:
    """The plan of an account of which none is known. `known`: the names of all plans, also of those that were refused."""
    name = None if node is None else shapes.one_of(node, "`no_plan`", known, (), report)
    if node is not None and any(plan.name == name and plan.days_ms is not None for plan in plans):
        message = f"`no_plan` cannot be '{name}': a trial with `days` begins when your product says so, and nobody did"
        report.refuse(node.at, "value", message, "Name a plan that does not end")
    return name
