"""What qualifying leads to: `lead_types`, `close`, and the lead type that follows from family and stage."""

from collections.abc import Mapping
from typing import Final, get_args

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.model import Condition, Family, LeadType
from detector.core.rulebook.names import CLOSE, DO
from detector.core.rulebook.noise import QUIET_AFTER, quiet_after
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.templates import template
from detector.core.rulebook.tree import Node

LEAD_TYPES_MAX: Final = 50
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)
TYPES_OF_FAMILY: Final[Mapping[Family, tuple[str, ...]]] = {
    "usage_limit": ("pql", "xql"),
    "onboarding_milestone": ("pql", "xql"),
    "premium_feature": ("pql", "xql"),
    "usage_growth": ("pql", "xql"),
    "upgrade_intent": ("pql", "service_sql"),
}
"""The lead types that a family can lead to; which one follows from the account's stage (the table in docs/rulebook.md)."""

_TO: Final = ("sales", "success", "marketing", "product")
"""Whom a lead type is for; `product` is your own program, which nobody else is to hear."""
LEAD_TYPE: Final[forms.Keys] = {
    "to": forms.said(forms.words(_TO), "Who gets these leads; `product`: your own program"),
    "answer_in": forms.said(forms.DURATION, "How soon somebody should answer"),
    "do": forms.said(forms.TEMPLATE, "What they should do; may name {account}, {offer.plan} …"),
    "expires": forms.said(forms.DURATION, "Given up after so long without progress; never if nothing is said"),
    "quiet_after": forms.said(forms.record(QUIET_AFTER), "How long no further lead is made after such an outcome, for this type"),
}
CLOSING: Final[forms.Keys] = {
    "won": forms.said(forms.CONDITION, "Closes every open lead of the account as won"),
    "lost": forms.said(forms.CONDITION, "Closes every open lead of the account as lost"),
}
_LEAD_TYPE_LATER: Final = ("at_least", "owner")
_EXAMPLES: Final = {"to": "sales", "answer_in": "1h", "do": '"Call them."'}


def lead_types(node: Node | None, context: Context) -> tuple[LeadType, ...]:
    """Strongest first, as in the file."""
    report = context.report
    found = shapes.bounded(shapes.entries(node, "lead_types", report), "lead types", LEAD_TYPES_MAX, report)
    built = []
    for name, entry in found.items():
        what = f"lead type '{name}'"
        shapes.name_ok(entry.key, "a lead type", report)
        values = shapes.fields(entry.value, what, LEAD_TYPE, _LEAD_TYPE_LATER, report)
        if values is None:
            continue
        shapes.require(values, entry.value, what, _EXAMPLES, report)
        to = shapes.one_of(values["to"], f"`to` of {what}", _TO, (), report) if "to" in values else None
        answer_in = shapes.duration(values["answer_in"], f"`answer_in` of {what}", report) if "answer_in" in values else None
        do = template(values["do"], context.names, DO, report) if "do" in values else ()
        expires = shapes.duration(values["expires"], f"`expires` of {what}", report) if "expires" in values else None
        quiet = quiet_after(values["quiet_after"], f"`quiet_after` of {what}", report) if "quiet_after" in values else {}
        built.append(LeadType(name, to or "sales", answer_in or 0, do, expires, quiet))
    return tuple(built)


def close(node: Node | None, context: Context) -> tuple[Condition | None, Condition | None]:
    """When telemetry closes every open lead of an account: as won, as lost."""
    if node is None:
        return None, None
    values = shapes.fields(node, "`close`", CLOSING, ("recycled", "expired"), context.report) or {}
    won, lost = (condition(values[key], context.names, CLOSE, context.report) if key in values else None for key in CLOSING)
    return won, lost
