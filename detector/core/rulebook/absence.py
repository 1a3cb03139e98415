"""A measure with `absent`, `after` and `within`: what did not come in time after something else."""

from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import shapes
from detector.core.rulebook.measured import Absent
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Node

_EXAMPLES: Final = {"after": "signed_up", "within": "7d"}


def read(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Absent | None:
    """None if a part is missing or was refused."""
    what, report = f"measure '{name}'", context.report
    shapes.require(values, node, what, _EXAMPLES, report)
    awaited = selector(values["absent"], f"`absent` of {what}", context)
    if "after" not in values or "within" not in values:
        return None
    after = selector(values["after"], f"`after` of {what}", context)
    within = shapes.duration(values["within"], f"`within` of {what}", report)
    if after.terms and set(after.terms) <= set(awaited.terms):
        message = f"{what} never holds: every event of `after` is one of `absent`, so it answers itself"
        report.refuse(values["after"].at, "value", message, "Name two different events")
    return None if within is None else Absent(name, awaited, after, within)
