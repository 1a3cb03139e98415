"""Measures with `count`, `distinct`, `last`, `sum`, `min` and `max`: what is counted of events, over a window."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.measured import Calculated, Counted, Distinct, Newest, Streak
from detector.core.rulebook.model import Selector
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Node, Scalar, kind_of
from detector.core.rulebook.windows import window

STREAKS: Final = ("day", "week")
DISTINCT: Final = ("day", "person", "feature")
TRAIT_PATTERN: Final = r"person\.[\w$]{1,100}"
_TRAIT: Final = re.compile(TRAIT_PATTERN)
_PATH: Final = re.compile(forms.PATH_PATTERN)


def count(name: str, values: Mapping[str, Node], _node: Node, context: Context) -> Counted:
    what = f"measure '{name}'"
    return Counted(name, selector(values["count"], what, context, builtins=True), window(values, what, context))


def distinct(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Distinct:
    what, report = f"measure '{name}'", context.report
    of = of_events(values.get("of"), node, what, context, builtins=True)
    told_apart = _told_apart(values["distinct"], of, what, report)
    most_by = _most_by(values["most_by"], told_apart, of, what, report) if "most_by" in values else None
    return Distinct(name, of, told_apart, window(values, what, context), most_by)


def _most_by(node: Node, told_apart: str | None, of: Selector, what: str, report: Report) -> str | None:
    if told_apart != "person" or of.builtin == "premium":
        message = f"`most_by` of {what} is about persons who did something"
        report.refuse(node.at, "value", message, "Write: {distinct: person, of: active, most_by: person.company}")
    elif isinstance(node, Scalar) and _TRAIT.fullmatch(node.text):
        return node.text
    else:
        report.refuse(node.at, "value", f"`most_by` of {what} is a trait, found {kind_of(node)}", "Write: person.company")
    return None


def last(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Newest | None:
    what, report = f"measure '{name}'", context.report
    of = of_events(values.get("of"), node, what, context, builtins=True)
    looks_at = window(values, what, context)
    if of.builtin == "premium":
        report.refuse(values["of"].at, "not_supported_yet", "not supported yet: last of premium", "Write: of: Your Event Name")
        return None
    return Newest(name, of, path(values["last"], f"`last` of {what}", report), looks_at)


def calculated(how: Literal["sum", "min", "max"]) -> Callable[[str, Mapping[str, Node], Node, Context], Calculated | None]:
    def read(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Calculated | None:
        what, report = f"measure '{name}'", context.report
        of = of_events(values.get("of"), node, what, context, builtins=True)
        looks_at = window(values, what, context)
        if of.builtin == "premium":
            message = f"not supported yet: {how} of premium"
            report.refuse(values["of"].at, "not_supported_yet", message, "Write: of: Your Event Name")
            return None
        return Calculated(name, how, of, path(values[how], f"`{how}` of {what}", report), looks_at)

    return read


def streak(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Streak | None:
    what, report = f"measure '{name}'", context.report
    of = of_events(values.get("of"), node, what, context, builtins=True)
    unit = shapes.one_of(values["streak"], f"`streak` of {what}", STREAKS, (), report)
    if of.builtin == "premium":
        message = "not supported yet: a streak of premium"
        report.refuse(values["of"].at, "not_supported_yet", message, "Write: of: Your Event Name")
    return None if unit is None else Streak(name, of, "day" if unit == "day" else "week")


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
        if isinstance(node, Scalar) and not node.text.startswith(("properties.", "person.")):
            remedy = report.guess(node.text, [*DISTINCT, "properties.…", "person.…"])
            report.refuse(node.at, "value", f"`distinct` of {what} cannot be {kind_of(node)}", remedy)
            return None
        if of.builtin == "premium":
            report.refuse(
                node.at,
                "not_supported_yet",
                "not supported yet: distinct properties or traits of premium",
                "Write: of: Your Event Name",
            )
            return None
        return (
            node.text if isinstance(node, Scalar) and _TRAIT.fullmatch(node.text) else path(node, f"`distinct` of {what}", report)
        )
    if node.text == "feature" and of.builtin != "premium":
        report.refuse(
            node.at, "not_supported_yet", "not supported yet: distinct: feature of anything but premium", "Write: of: premium"
        )
    return node.text
