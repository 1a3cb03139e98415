"""What an account pays for and how it starts: `plans`, `no_plan`, `onboarding`."""

from dataclasses import replace
from typing import Final

from detector.core.rulebook import forms, shapes, trials
from detector.core.rulebook.model import Onboarding, Plan, Selector
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.terms import DATED, PLAN, Known, items, terms
from detector.core.rulebook.tree import Fields, Items, Node

PLANS_MAX: Final = 100
STEPS_MAX: Final = 32
TERMS_MAX: Final = 50
FORM: Final = forms.either(forms.record(PLAN), forms.listed(forms.record(DATED), TERMS_MAX))
_BY: Final = ("account",)
ONBOARDING: Final[forms.Keys] = {
    "steps": forms.said({**forms.listed(forms.TEXT, STEPS_MAX), "minItems": 1}, "Names of `events`, in any order"),
    "within": forms.said(forms.DURATION, "How long after the first step the last may come"),
    "by": forms.said(forms.words(_BY), "Whose steps count together"),
}
_ONBOARDING_LATER: Final = ("order", "since", "if")


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


def onboarding(node: Node | None, context: Context) -> Onboarding | None:
    if node is None:
        return None
    report = context.report
    values = shapes.fields(node, "`onboarding`", ONBOARDING, _ONBOARDING_LATER, report)
    if values is None:
        return None
    shapes.require(values, node, "`onboarding`", {"steps": "[signed_up, …]"}, report)
    if "by" in values:
        shapes.one_of(values["by"], "`by` of onboarding", _BY, ("person",), report)
    within = shapes.duration(values["within"], "`within` of onboarding", report) if "within" in values else None
    return Onboarding(_steps(values["steps"], context) if "steps" in values else {}, within)


def _steps(node: Node, context: Context) -> dict[str, Selector]:
    report, steps = context.report, dict[str, Selector]()
    named = items(node, "`steps` of onboarding", report)
    if isinstance(node, Items) and not 1 <= len(named) <= STEPS_MAX:
        report.refuse(node.at, "value", f"onboarding has {len(named)} steps", f"Name 1 to {STEPS_MAX} events")
    for item in named:
        if isinstance(item, Fields):
            report.refuse(item.at, "not_supported_yet", "not supported yet: a measure as a step of onboarding", "Name an event")
        elif (name := shapes.text(item, "a step of onboarding", report)) is None:
            continue
        elif name not in context.aliases:
            remedy = report.guess(name, context.aliases)
            report.refuse(
                item.at,
                "unknown_name",
                f"onboarding waits for '{name}', which is not in `events`",
                remedy or "Add it to `events`",
            )
        elif name in steps:
            report.refuse(item.at, "duplicate_key", f"onboarding names '{name}' twice", "Keep one of them")
        else:
            steps[name] = context.aliases[name]
            if not steps[name].terms:
                message = f"onboarding is asleep: `events` does not map '{name}'"
                report.warn(item.at, "asleep", message, f"Write the event's own name behind it: {name}: Your Event Name")
    return steps
