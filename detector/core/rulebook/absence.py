"""A measure with `absent`, `after` and `within`: what did not come in time after something else."""

from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import kinds, shapes
from detector.core.rulebook.model import Measure
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Node

KEYS: Final[kinds.Keys] = {
    "absent": kinds.said(kinds.EVENTS, "True once none of these came in time after something else"),
    "after": kinds.said(kinds.EVENTS, "What begins the wait, with `absent`"),
    "within": kinds.said(kinds.DURATION, "How long `absent` waits"),
}
_EXAMPLES: Final = {"after": "signed_up", "within": "7d"}


def check_keys(values: Mapping[str, Node], node: Node, what: str, report: Report) -> None:
    """`after` and `within` belong to `absent`, and nothing else does."""
    if "absent" not in values:
        for key in [key for key in values if key in KEYS]:
            remedy = "For what did not come in time: {absent: imported, after: signed_up, within: 7d}"
            report.refuse(values[key].at, "unknown_key", f"{what} has `{key}` and no `absent`", remedy)
        return
    shapes.require(values, node, what, _EXAMPLES, report)
    for key in [key for key in values if key not in KEYS]:
        remedy = "It has `after` and `within`; `within` is how far it looks"
        report.refuse(values[key].at, "unknown_key", f"{what} has `absent` and `{key}`", remedy)


def measure(name: str, values: Mapping[str, Node], what: str, context: Context) -> Measure | None:
    """None if a part is missing or was refused."""
    awaited = selector(values["absent"], f"`absent` of {what}", context)
    if "after" not in values or "within" not in values:
        return None
    after = selector(values["after"], f"`after` of {what}", context)
    within = shapes.duration(values["within"], f"`within` of {what}", context.report)
    if after.terms and set(after.terms) <= set(awaited.terms):
        message = f"{what} never holds: every event of `after` is one of `absent`, so it answers itself"
        context.report.refuse(values["after"].at, "value", message, "Name two different events")
    return None if within is None else Measure(name, "absent", awaited, after=after, within_ms=within)
