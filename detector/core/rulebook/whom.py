"""The sections that say whom leads are about, and whom not: `account`, `person`, `suppress`, `drop_events`."""

from typing import Final, cast

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.model import Condition, Way
from detector.core.rulebook.names import DROP, SUPPRESS, Place
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.tree import Items, Node, Scalar

WAYS: Final = ("group", "domain", "person")
ROLES: Final = ("asker", "trigger", "admin", "most_active")
CONDITIONS_MAX: Final = 32
CONDITIONS: Final = forms.either(forms.CONDITION, forms.listed(forms.CONDITION, CONDITIONS_MAX))
"""Of which one is enough. Without any nobody is meant."""


def account(node: Node | None, report: Report) -> tuple[Way, ...]:
    """How an event that names no account finds its own, in the order in which it is tried."""
    if node is None:
        return ("group",)
    found = shapes.each(node, "`account`", lambda item, what, report: shapes.one_of(item, what, WAYS, (), report), report)
    if isinstance(node, Items) and not node.items:
        report.refuse(node.at, "value", "`account` is empty", "Write: account: [group]")
    if len(set(found)) < len(found):
        report.refuse(node.at, "value", "`account` names a way twice", "Keep one of them")
    return cast("tuple[Way, ...]", found) or ("group",)


def person(node: Node | None, report: Report) -> tuple[str, ...]:
    """Whom a lead names: the first of these roles with an e-mail."""
    if node is None:
        return ()
    return shapes.each(node, "`person`", lambda item, what, report: shapes.one_of(item, what, ROLES, (), report), report)


def suppress(node: Node | None, context: Context) -> tuple[Condition, ...]:
    """For what accounts and people sales is told nothing."""
    return _any_of(node, "suppress", SUPPRESS, context)


def drop_events(node: Node | None, context: Context) -> tuple[Condition, ...]:
    """Which events count for nothing."""
    return _any_of(node, "drop_events", DROP, context)


def _any_of(node: Node | None, section: str, place: Place, context: Context) -> tuple[Condition, ...]:
    """Conditions of which one is enough. An empty section, or list, has none: that is how a base's are put out."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return ()
    items = node.items if isinstance(node, Items) else (node,)
    if len(items) > CONDITIONS_MAX:
        remedy = f"Write up to {CONDITIONS_MAX}; `or` and `in` join several"
        context.report.refuse(node.at, "too_many", f"`{section}` has {len(items)} conditions", remedy)
    found = (condition(item, context.names, place, context.report) for item in items[:CONDITIONS_MAX])
    return tuple(each for each in found if each is not None)
