"""What an account pays for: `plans`, `no_plan`."""

from collections.abc import Collection
from typing import Final, Literal, cast

from detector.core.rulebook import forms, shapes, trials
from detector.core.rulebook.model import Plan
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry, Items, Node, Scalar, kind_of

PLANS_MAX: Final = 100
_STAGES: Final = ("trial", "free", "paying")
_PRICE: Final = forms.either(forms.NUMBER, forms.words(("ask",)))
_ALLOWED: Final = forms.either(forms.NUMBER, forms.words(("none",)))
PLAN: Final[forms.Keys] = {
    "stage": forms.said(forms.words(_STAGES), "Where an account on this plan stands"),
    "price": forms.said(_PRICE, "A month, in `currency`; or `ask`"),
    "allows": forms.said(forms.named(_ALLOWED), "limit: how much of it, or `none` for no cap"),
    "has": forms.said(forms.listed(forms.TEXT), "The features that it includes"),
    **trials.KEYS,
}
_PLAN_LATER: Final = ("per", "tolerance", "from", "until", "at", "adds", "since")


def plans(node: Node | None, limits: Collection[str], features: Collection[str], report: Report) -> tuple[Plan, ...]:
    """The ladder, in the order of the file, which must be cheapest first (a trial stands anywhere)."""
    found = shapes.bounded(shapes.entries(node, "plans", report), "plans", PLANS_MAX, report)
    built: list[Plan] = []
    dearest = 0.0
    for name, entry in found.items():
        plan = _plan(name, entry, limits, features, report)
        if plan is None:
            continue
        if plan.stage != "trial" and plan.price is not None:
            if plan.price < dearest:
                message = f"plan '{name}' costs less than the one before it"
                report.refuse(entry.key.at, "value", message, "Write the plans cheapest first: their order is the ladder")
            dearest = plan.price
        built.append(plan)
    return trials.resolved(built, found, report)


def _plan(name: str, entry: Entry, limits: Collection[str], features: Collection[str], report: Report) -> Plan | None:
    what = f"plan '{name}'"
    if shapes.name_ok(entry.key, "a plan", report) and name == "none":
        report.refuse(entry.key.at, "name", "'none' says that there is no plan", "Choose another name")
    if isinstance(entry.value, Items):
        report.refuse(
            entry.value.at, "not_supported_yet", f"not supported yet: dated plans ({what})", "Write one map: today's plan"
        )
        return None
    values = shapes.fields(entry.value, what, PLAN, _PLAN_LATER, report)
    if values is None:
        return None
    shapes.require(values, entry.value, what, {"stage": "free, paying or trial"}, report)
    stage = shapes.one_of(values["stage"], f"the stage of {what}", _STAGES, (), report) if "stage" in values else None
    if stage == "paying":
        shapes.require(values, entry.value, what, {"price": "20 (a month), or ask"}, report)
    price = _price(values["price"], what, report) if "price" in values else None if stage == "paying" else 0
    allows = _allows(values.get("allows"), what, limits, report)
    has = _has(values.get("has"), what, features, report)
    return Plan(name, cast("Literal['trial', 'free', 'paying']", stage or "free"), price, allows, has)


def _price(node: Node, what: str, report: Report) -> float | None:
    if isinstance(node, Scalar) and node.text == "ask":
        return None
    return shapes.number(node, f"the price of {what}", report)


def _allows(node: Node | None, what: str, limits: Collection[str], report: Report) -> dict[str, float | None]:
    allows: dict[str, float | None] = {}
    for name, entry in shapes.entries(node, "allows", report).items():
        if name not in limits:
            message = f"{what} allows '{name}', which is no limit"
            report.refuse(entry.key.at, "unknown_name", message, report.guess(name, limits) or "Define it in `limits`")
        elif isinstance(entry.value, Scalar) and entry.value.text == "none":
            allows[name] = None
        elif (most := shapes.number(entry.value, f"what {what} allows of '{name}'", report)) is not None:
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
