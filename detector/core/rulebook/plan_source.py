"""The section `plan`: where an account's plan is said, if it is not its trait `plan`."""

import re
from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.model import PlanSource, Selector
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Node, Scalar, kind_of

KEYS: Final[forms.Keys] = {
    "from": forms.said(forms.TRAIT_OR_PROPERTY, "The trait, or the property of `of`, that names the plan"),
    "of": forms.said(forms.EVENTS, "Which events carry the property"),
    "since": forms.said(forms.TRAIT_OR_PROPERTY, "The same for the time from which on it counts"),
}
_PATH: Final = re.compile(forms.ROOT_PATTERN)
_EXAMPLE: Final = "Write: from: account.subscription, or from: properties.plan with of: Your Event Name"


def plan_source(node: Node | None, context: Context) -> PlanSource | None:
    if node is None:
        return None
    report = context.report
    values = shapes.fields(node, "`plan`", KEYS, (), report)
    if values is None:
        return None
    shapes.require(values, node, "`plan`", {"from": "account.subscription"}, report)
    path = _path(values["from"], "`from` of `plan`", report) if "from" in values else None
    since = _path(values["since"], "`since` of `plan`", report) if "since" in values else None
    of_event = path is not None and path.startswith("properties.")
    if of_event:
        shapes.require(values, node, "`plan`", {"of": "Your Event Name"}, report)
    elif path is not None and "of" in values:
        report.refuse(values["of"].at, "value", "`plan` comes from a trait and has `of`", "Only a property is of an event")
    if path is not None and since is not None and since.partition(".")[0] != path.partition(".")[0]:
        remedy = "Both are traits, or both are properties of the event"
        report.refuse(values["since"].at, "value", f"`plan` comes from {path} and its `since` from {since}", remedy)
    of = selector(values["of"], "`of` of `plan`", context) if "of" in values else Selector()
    if any(term.page is not None for term in of.terms):
        report.refuse(values["of"].at, "value", "`of` of `plan` names a page, and a page says no plan", "Name an event")
    return None if path is None else PlanSource(path, of, since)


def _path(node: Node, what: str, report: Report) -> str | None:
    if isinstance(node, Scalar) and _PATH.fullmatch(node.text) and len(node.text) <= shapes.TEXT_MAX:
        return node.text
    report.refuse(node.at, "value", f"{what} is a trait or a property, found {kind_of(node)}", _EXAMPLE)
    return None
