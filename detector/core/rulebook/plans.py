"""What an account pays for and how it starts: `plans`, `no_plan`, `onboarding`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from detector.core.rulebook import shapes, trials
from detector.core.rulebook.model import Onboarding, Plan, Selector
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.steps import of_limits
from detector.core.rulebook.tree import Entry, Fields, Items, Node, Scalar, kind_of

PLANS_MAX: Final = 100
STEPS_MAX: Final = 32
_PLAN: Final = ("stage", "price", "allows", "has", "at", *trials.KEYS)
_PLAN_LATER: Final = ("per", "tolerance", "from", "until", "adds", "since")
_ONBOARDING: Final = ("steps", "within", "by")
_ONBOARDING_LATER: Final = ("order", "since", "if")


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan may name. `limits`: each with its unit."""

    limits: Mapping[str, str | None]
    features: Collection[str]
    lead_types: Collection[str]
    report: Report


def plans(node: Node | None, known: Known) -> tuple[Plan, ...]:
    """The ladder, in the order of the file, which must be cheapest first (a trial stands anywhere)."""
    report = known.report
    found = shapes.bounded(shapes.entries(node, "plans", report), "plans", PLANS_MAX, report)
    built: list[Plan] = []
    dearest = 0.0
    for name, entry in found.items():
        plan = _plan(name, entry, known)
        if plan is None:
            continue
        if plan.stage != "trial" and plan.price is not None:
            if plan.price < dearest:
                message = f"plan '{name}' costs less than the one before it"
                report.refuse(entry.key.at, "value", message, "Write the plans cheapest first: their order is the ladder")
            dearest = plan.price
        built.append(plan)
    return trials.resolved(built, found, report)


def _plan(name: str, entry: Entry, known: Known) -> Plan | None:
    what, report = f"plan '{name}'", known.report
    if shapes.name_ok(entry.key, "a plan", report) and name == "none":
        report.refuse(entry.key.at, "name", "'none' says that there is no plan", "Choose another name")
    if isinstance(entry.value, Items):
        report.refuse(
            entry.value.at, "not_supported_yet", f"not supported yet: dated plans ({what})", "Write one map: today's plan"
        )
        return None
    values = shapes.fields(entry.value, what, _PLAN, _PLAN_LATER, report)
    if values is None:
        return None
    shapes.require(values, entry.value, what, {"stage": "free, paying or trial"}, report)
    stage = (
        shapes.one_of(values["stage"], f"the stage of {what}", ("trial", "free", "paying"), (), report)
        if "stage" in values
        else None
    )
    if stage == "paying":
        shapes.require(values, entry.value, what, {"price": "20 (a month), or ask"}, report)
    price = _price(values["price"], what, report) if "price" in values else None if stage == "paying" else 0
    return Plan(
        name=name,
        stage=cast("Literal['trial', 'free', 'paying']", stage or "free"),
        price=price,
        allows=_allows(values.get("allows"), what, known.limits, report),
        has=_has(values.get("has"), what, known.features, report),
        at=of_limits(values.get("at"), what, known.limits, known.lead_types, report),
    )


def _price(node: Node, what: str, report: Report) -> float | None:
    if isinstance(node, Scalar) and node.text == "ask":
        return None
    return shapes.number(node, f"the price of {what}", report)


def _allows(node: Node | None, what: str, limits: Mapping[str, str | None], report: Report) -> dict[str, float | None]:
    allows: dict[str, float | None] = {}
    for name, entry in shapes.entries(node, "allows", report).items():
        if name not in limits:
            message = f"{what} allows '{name}', which is no limit"
            report.refuse(entry.key.at, "unknown_name", message, report.guess(name, limits) or "Define it in `limits`")
        elif isinstance(entry.value, Scalar) and entry.value.text == "none":
            allows[name] = None
        elif (most := shapes.amount(entry.value, f"what {what} allows of '{name}'", limits[name], report)) is not None:
            allows[name] = most
    return allows


def _has(node: Node | None, what: str, features: Collection[str], report: Report) -> frozenset[str]:
    has = set[str]()
    for item in () if node is None else _items(node, f"`has` of {what}", report):
        name = shapes.text(item, f"a feature of {what}", report)
        if name is None:
            continue
        if name in features:
            has.add(name)
        else:
            message = f"{what} has '{name}', which is no feature"
            report.refuse(item.at, "unknown_name", message, report.guess(name, features) or "Define it in `features`")
    return frozenset(has)


def _items(node: Node, what: str, report: Report) -> tuple[Node, ...]:
    if isinstance(node, Items):
        return node.items
    report.refuse(node.at, "value", f"{what} is a list, found {kind_of(node)}", "Write: [one, two], or []")
    return ()


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
    values = shapes.fields(node, "`onboarding`", _ONBOARDING, _ONBOARDING_LATER, report)
    if values is None:
        return None
    shapes.require(values, node, "`onboarding`", {"steps": "[signed_up, …]"}, report)
    if "by" in values:
        shapes.one_of(values["by"], "`by` of onboarding", ("account",), ("person",), report)
    within = shapes.duration(values["within"], "`within` of onboarding", report) if "within" in values else None
    return Onboarding(_steps(values["steps"], context) if "steps" in values else {}, within)


def _steps(node: Node, context: Context) -> dict[str, Selector]:
    report, steps = context.report, dict[str, Selector]()
    items = _items(node, "`steps` of onboarding", report)
    if isinstance(node, Items) and not 1 <= len(items) <= STEPS_MAX:
        report.refuse(node.at, "value", f"onboarding has {len(items)} steps", f"Name 1 to {STEPS_MAX} events")
    for item in items:
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
