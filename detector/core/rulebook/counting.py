"""Measures with `count`, `distinct` and `last`: what is counted of events, over a window."""

import re
from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.model import Counted, Distinct, Newest, Selector
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Node, Scalar, kind_of

DISTINCT: Final = ("day", "person", "feature")
_PATH: Final = re.compile(forms.PATH_PATTERN)


def count(name: str, values: Mapping[str, Node], _node: Node, context: Context) -> Counted:
    what = f"measure '{name}'"
    return Counted(name, selector(values["count"], what, context, builtins=True), _window(values, what, context.report))


def distinct(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Distinct:
    what, report = f"measure '{name}'", context.report
    of = of_events(values.get("of"), node, what, context, builtins=True)
    return Distinct(name, of, _told_apart(values["distinct"], of, what, report), _window(values, what, report))


def last(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Newest | None:
    what, report = f"measure '{name}'", context.report
    of = of_events(values.get("of"), node, what, context, builtins=True)
    window = _window(values, what, report)
    if of.builtin == "premium":
        report.refuse(values["of"].at, "not_supported_yet", "not supported yet: last of premium", "Write: of: Your Event Name")
        return None
    return Newest(name, of, path(values["last"], f"`last` of {what}", report), window)


def _window(values: Mapping[str, Node], what: str, report: Report) -> int | None:
    return shapes.duration(values["window"], f"the window of {what}", report) if "window" in values else None


def of_events(node: Node | None, parent: Node, what: str, context: Context, *, builtins: bool = False) -> Selector:
    """The events that `of` names, which must be there."""
    if node is None:
        context.report.refuse(parent.at, "missing", f"{what} has no `of`", "Add: of: Your Event Name")
        return Selector()
    return selector(node, what, context, builtins=builtins)


def path(node: Node, what: str, report: Report) -> str | None:
    """The path of a property: `properties.total`."""
    if isinstance(node, Scalar) and _PATH.fullmatch(node.text) and len(node.text) <= shapes.TEXT_MAX:
        return node.text
    report.refuse(node.at, "value", f"{what} is the path of a property, found {kind_of(node)}", "Write: properties.total")
    return None


def _told_apart(node: Node, of: Selector, what: str, report: Report) -> str | None:
    if not isinstance(node, Scalar) or node.text not in DISTINCT:
        if isinstance(node, Scalar) and not node.text.startswith("properties."):
            remedy = report.guess(node.text, [*DISTINCT, "properties.…"])
            report.refuse(node.at, "value", f"`distinct` of {what} cannot be {kind_of(node)}", remedy)
            return None
        if of.builtin == "premium":
            report.refuse(
                node.at, "not_supported_yet", "not supported yet: distinct properties of premium", "Write: of: Your Event Name"
            )
            return None
        return path(node, f"`distinct` of {what}", report)
    if node.text == "feature" and of.builtin != "premium":
        report.refuse(
            node.at, "not_supported_yet", "not supported yet: distinct: feature of anything but premium", "Write: of: premium"
        )
    return node.text
