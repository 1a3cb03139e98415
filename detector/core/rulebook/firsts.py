"""Measures about what came when: `since`, `elapsed`, `sequence` and `all`."""

from collections.abc import Callable, Mapping
from typing import Final

from detector.core.rulebook import shapes
from detector.core.rulebook.measured import Elapsed, Since, Steps
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Items, Node, kind_of

STEPS_MAX: Final = 10


def since(name: str, values: Mapping[str, Node], _node: Node, context: Context) -> Since:
    return Since(name, selector(values["since"], f"`since` of measure '{name}'", context))


def elapsed(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Elapsed | None:
    what = f"measure '{name}'"
    shapes.require(values, node, what, {"after": "signed_up"}, context.report)
    of = selector(values["elapsed"], f"`elapsed` of {what}", context)
    if "after" not in values:
        return None
    after = selector(values["after"], f"`after` of {what}", context)
    if of.terms and of == after:
        context.report.refuse(values["after"].at, "value", f"{what} is always 0: both events are the same", "Name two events")
    return Elapsed(name, of, after)


def steps(kind: str) -> Callable[[str, Mapping[str, Node], Node, Context], Steps | None]:
    """`kind`: `sequence` or `all`."""

    def read(name: str, values: Mapping[str, Node], node: Node, context: Context) -> Steps | None:
        what, report = f"measure '{name}'", context.report
        shapes.require(values, node, what, {"within": "7d"}, report)
        listed = values[kind]
        items = listed.items if isinstance(listed, Items) else ()
        if not 2 <= len(items) <= STEPS_MAX:
            found = str(len(items)) if isinstance(listed, Items) else kind_of(listed)
            message = f"`{kind}` of {what} is a list of 2 to {STEPS_MAX} events, found {found}"
            report.refuse(listed.at, "value", message, f"Write: {kind}: [signed_up, imported]")
        found_steps = tuple(selector(item, f"`{kind}` of {what}", context) for item in items[:STEPS_MAX])
        within = shapes.duration(values["within"], f"`within` of {what}", report) if "within" in values else None
        return None if within is None else Steps(name, found_steps, within, kind == "sequence")

    return read
