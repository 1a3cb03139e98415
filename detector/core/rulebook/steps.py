"""`at`: the steps of a limit, of a rule, a limit or a plan; each may lead to a lead of its own type."""

from collections.abc import Collection
from typing import Final

from detector.core.rulebook import forms, shapes, units
from detector.core.rulebook.model import Step, Steps
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Fields, Items, Node, Scalar, kind_of

OWN: Final = ""
"""Of steps that say no lead type: they lead to the rule's."""
_SHARE: Final = forms.either(forms.PERCENT, forms.words(("refused",)))
STEP: Final = forms.either(
    *_SHARE["anyOf"],
    {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": _SHARE,
        "additionalProperties": forms.TEXT,
    },
)
"""A step alone, or with the lead type that it leads to: `75%: product`."""
_EXAMPLE: Final = "Write: at: [80%, 100%, refused]"
_PRODUCT: Final = "Define it in `lead_types`; for your own product: {to: product, answer_in: 1d, do: …}"


def steps(node: Node, what: str, lead_types: Collection[str], report: Report) -> Steps:
    """By lead type, in rising order, `refused` last."""
    items = node.items if isinstance(node, Items) else (node,)
    if not items:
        report.refuse(node.at, "value", f"`at` of {what} is empty", _EXAMPLE)
    found: dict[str, list[Step]] = {}
    for item in items:
        step, lead = _step(item, what, lead_types, report)
        if step is None:
            continue
        if step in found.setdefault(lead, []):
            report.refuse(node.at, "value", f"`at` of {what} names a step twice", "Keep one of them")
        found[lead].append(step)
    return {lead: tuple(sorted(of, key=_height)) for lead, of in found.items()}


def _step(node: Node, what: str, lead_types: Collection[str], report: Report) -> tuple[Step | None, str]:
    """(The step, its lead type)."""
    if isinstance(node, Fields) and len(node.entries) == 1:
        (entry,) = node.entries.values()
        lead = _lead_type(entry.value, what, lead_types, report)
        return _share(entry.key, what, report), lead
    return _share(node, what, report), OWN


def _share(node: Node, what: str, report: Report) -> Step | None:
    if isinstance(node, Scalar):
        if node.text == "refused":
            return "refused"
        share = units.percent(node.text)
        if share:
            return share
    report.refuse(node.at, "value", f"`at` of {what} holds percentages and `refused`, found {kind_of(node)}", _EXAMPLE)
    return None


def _lead_type(node: Node, what: str, lead_types: Collection[str], report: Report) -> str:
    if isinstance(node, Scalar) and node.text in lead_types:
        return node.text
    remedy = report.guess(node.text if isinstance(node, Scalar) else "", lead_types)
    message = f"a step of {what} leads to {kind_of(node)}, which is not in `lead_types`"
    report.refuse(node.at, "unknown_name", message, remedy if remedy.startswith("Did") else _PRODUCT)
    return OWN


def _height(step: Step) -> float:
    return float("inf") if step == "refused" else float(step)


def of_limits(
    node: Node | None, what: str, limits: Collection[str], lead_types: Collection[str], report: Report
) -> dict[str, Steps]:
    """`at` of a plan: limit -> its steps on this plan."""
    found = {}
    for name, entry in shapes.entries(node, "at", report).items():
        if name in limits:
            found[name] = steps(entry.value, f"{what} for '{name}'", lead_types, report)
        else:
            message = f"{what} has steps of '{name}', which is no limit"
            report.refuse(entry.key.at, "unknown_name", message, report.guess(name, limits) or "Define it in `limits`")
    return found
