"""What one plan, or one entry of a dated plan, says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast

from detector.core.rulebook import forms, shapes, trials, units
from detector.core.rulebook.model import Plan
from detector.core.rulebook.problems import Report
from detector.core.rulebook.steps import STEP, of_limits
from detector.core.rulebook.tree import Items, Node, Scalar, kind_of

_STAGES: Final = ("trial", "free", "paying")
PRICE: Final = forms.either(forms.NUMBER, forms.words(("ask",)))
PLAN: Final[forms.Keys] = {
    "stage": forms.said(forms.words(_STAGES), "Where an account on this plan stands"),
    "price": forms.said(PRICE, "A month, in `currency`; or `ask`"),
    "per": forms.said(forms.TEXT, "What the price is for besides, such as seat"),
    "allows": forms.said(
        forms.named(forms.either(forms.AMOUNT, forms.words(("none",)))), "limit: how much of it, or `none` for no cap"
    ),
    "has": forms.said(forms.listed(forms.TEXT), "The features that it includes"),
    "at": forms.said(forms.named(forms.one_or_more(STEP)), "limit: its steps on this plan"),
    "tolerance": forms.said(forms.named(forms.PERCENT), "limit: by how much its steps of 100 % and more come later"),
    **trials.KEYS,
}
DATED: Final[forms.Keys] = {
    "from": forms.said(forms.matching(forms.DAY_PATTERN, 10, "2024-08-26"), "The day from which on these terms count"),
    **PLAN,
}
"""Terms in a list."""
_LATER: Final = ("until", "adds", "since")


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan may name. `limits`: each with its unit."""

    limits: Mapping[str, str | None]
    features: Collection[str]
    lead_types: Collection[str]
    report: Report


def terms(name: str, node: Node, known: Known, *, dated: bool = False) -> Plan | None:
    """None: it is no map. `dated`: it stands in a list, and says from which day on it counts."""
    what, report = f"plan '{name}'", known.report
    values = shapes.fields(node, what, DATED if dated else PLAN, _LATER, report)
    if values is None:
        return None
    shapes.require(values, node, what, {"stage": "free, paying or trial"}, report)
    stage = shapes.one_of(values["stage"], f"the stage of {what}", _STAGES, (), report) if "stage" in values else None
    if stage == "paying":
        shapes.require(values, node, what, {"price": "20 (a month), or ask"}, report)
    return Plan(
        name=name,
        stage=cast("Literal['trial', 'free', 'paying']", stage or "free"),
        price=price(values["price"], what, report) if "price" in values else None if stage == "paying" else 0,
        allows=_allows(values.get("allows"), what, known),
        has=features(values.get("has"), f"`has` of {what}", what, known),
        at=of_limits(values.get("at"), what, known.limits, known.lead_types, report),
        per=shapes.text(values["per"], f"`per` of {what}", report) if "per" in values else None,
        tolerance=_tolerance(values.get("tolerance"), what, known),
        since_ms=day(values["from"], f"`from` of {what}", report) if "from" in values else None,
    )


def price(node: Node, what: str, report: Report) -> float | None:
    """A month's; None: one has to ask."""
    if isinstance(node, Scalar) and node.text == "ask":
        return None
    return shapes.number(node, f"the price of {what}", report)


def day(node: Node, what: str, report: Report) -> int | None:
    """The beginning of a day (UTC), in epoch milliseconds."""
    if isinstance(node, Scalar) and len(node.text) == 10:
        try:
            return int(datetime.strptime(node.text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            pass
    report.refuse(node.at, "value", f"{what} is a day, found {kind_of(node)}", "Write: from: 2024-08-26")
    return None


def _allows(node: Node | None, what: str, known: Known) -> dict[str, float | None]:
    allows: dict[str, float | None] = {}
    for name, value in _of_limits(node, "allows", f"{what} allows", known).items():
        if isinstance(value, Scalar) and value.text == "none":
            allows[name] = None
        elif (most := shapes.amount(value, f"what {what} allows of '{name}'", known.limits[name], known.report)) is not None:
            allows[name] = most
    return allows


def _tolerance(node: Node | None, what: str, known: Known) -> dict[str, float]:
    found = {}
    for name, value in _of_limits(node, "tolerance", f"{what} tolerates", known).items():
        share = units.percent(value.text) if isinstance(value, Scalar) else None
        if share is None:
            remedy = "Write: tolerance: {storage: 10%}"
            known.report.refuse(value.at, "value", f"the tolerance of '{name}' is a percentage, found {kind_of(value)}", remedy)
        else:
            found[name] = share
    return found


def amounts(node: Node | None, key: str, what: str, known: Known) -> dict[str, float]:
    """limit -> how much of it."""
    found = {}
    for name, value in _of_limits(node, key, f"{what} adds", known).items():
        more = shapes.amount(value, f"what {what} adds of '{name}'", known.limits[name], known.report)
        if more is not None:
            found[name] = more
    return found


def _of_limits(node: Node | None, key: str, verb: str, known: Known) -> dict[str, Node]:
    """The entries that name a limit."""
    found = {}
    for name, entry in shapes.entries(node, key, known.report).items():
        if name in known.limits:
            found[name] = entry.value
        else:
            remedy = known.report.guess(name, known.limits) or "Define it in `limits`"
            known.report.refuse(entry.key.at, "unknown_name", f"{verb} '{name}', which is no limit", remedy)
    return found


def features(node: Node | None, where: str, what: str, known: Known) -> frozenset[str]:
    found = set[str]()
    for item in () if node is None else items(node, where, known.report):
        name = shapes.text(item, f"a feature of {what}", known.report)
        if name is None:
            continue
        if name in known.features:
            found.add(name)
        else:
            remedy = known.report.guess(name, known.features) or "Define it in `features`"
            known.report.refuse(item.at, "unknown_name", f"{what} has '{name}', which is no feature", remedy)
    return frozenset(found)


def items(node: Node, what: str, report: Report) -> tuple[Node, ...]:
    if isinstance(node, Items):
        return node.items
    report.refuse(node.at, "value", f"{what} is a list, found {kind_of(node)}", "Write: [one, two], or []")
    return ()
