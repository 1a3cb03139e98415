"""What is counted: the sections `measures` and `features`."""

from typing import Final

from detector.core.rulebook import absence, shapes
from detector.core.rulebook.model import Feature, Measure, Selector, Type
from detector.core.rulebook.paths import property_path
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Entry, Fields, Node, Scalar, kind_of

MEASURES_MAX: Final = 100
FEATURES_MAX: Final = 500

_MEASURE: Final = ("count", "distinct", "last", "of", "window", *absence.KEYS)
_KINDS: Final = ("count", "distinct", "last", "absent")
_MEASURE_LATER: Final = (
    "sum",
    "min",
    "max",
    "grain",
    "during",
    "where",
    "worst_by",
    "per",
    "resets",
    "if",
    "streak",
    "sequence",
    "ratio",
)
_FEATURE: Final = ("used", "refused")
_FEATURE_LATER: Final = ("page", "screen", "label", "if")
_DISTINCT: Final = ("day", "person", "feature")


def measure_types(node: Node | None, report: Report) -> dict[str, Type]:
    """The names that conditions can use, before any measure is read."""
    return {name: _type(entry.value) for name, entry in shapes.entries(node, "measures", report).items()}


def _type(node: Node) -> Type:
    """A `last` is whatever the property is, an `absent` holds or does not, others count."""
    keys = node.entries.keys() if isinstance(node, Fields) else ()
    if "last" in keys:
        return Type.ANY
    return Type.BOOL if "absent" in keys else Type.NUMBER


def measures(node: Node | None, context: Context) -> dict[str, Measure]:
    found = shapes.bounded(shapes.entries(node, "measures", context.report), "measures", MEASURES_MAX, context.report)
    built = {name: _measure(name, entry, context) for name, entry in found.items()}
    return {name: measure for name, measure in built.items() if measure is not None}


def _measure(name: str, entry: Entry, context: Context) -> Measure | None:
    what, report = f"measure '{name}'", context.report
    shapes.name_ok(entry.key, "a measure", report, word=True)
    values = shapes.fields(entry.value, what, _MEASURE, _MEASURE_LATER, report)
    if values is None:
        return None
    kinds = [kind for kind in _KINDS if kind in values]
    if len(kinds) != 1:
        if not shapes.waits(entry.value, _MEASURE_LATER):
            remedy = "Write: {count: Your Event, window: 7d}"
            report.refuse(entry.value.at, "missing", f"{what} needs one of {', '.join(_KINDS)}", remedy)
        return None
    absence.check_keys(values, entry.value, what, report)
    if kinds == ["absent"]:
        return absence.measure(name, values, what, context)
    window = shapes.duration(values["window"], f"the window of {what}", report) if "window" in values else None
    if kinds == ["count"]:
        if "of" in values:
            report.refuse(values["of"].at, "unknown_key", f"{what} has `count` and `of`", "Name the events in `count` alone")
        return Measure(name, "count", selector(values["count"], what, context, builtins=True), None, window)
    of = _of(values.get("of"), entry.value, what, context, builtins=True)
    if kinds == ["last"]:
        if of.builtin == "premium":
            remedy = "Write: of: Your Event Name"
            report.refuse(values["of"].at, "not_supported_yet", "not supported yet: last of premium", remedy)
        return Measure(name, "last", of, property_path(values["last"], f"`last` of {what}", report), window)
    return Measure(name, "distinct", of, _distinct(values["distinct"], of, what, report), window)


def _of(node: Node | None, parent: Node, what: str, context: Context, *, builtins: bool = False) -> Selector:
    if node is None:
        context.report.refuse(parent.at, "missing", f"{what} has no `of`", "Add: of: Your Event Name")
        return Selector()
    return selector(node, what, context, builtins=builtins)


def _distinct(node: Node, of: Selector, what: str, report: Report) -> str | None:
    if not isinstance(node, Scalar) or node.text not in _DISTINCT:
        if isinstance(node, Scalar) and not node.text.startswith("properties."):
            remedy = report.guess(node.text, [*_DISTINCT, "properties.…"])
            report.refuse(node.at, "value", f"`distinct` of {what} cannot be {kind_of(node)}", remedy)
            return None
        if of.builtin == "premium":
            report.refuse(
                node.at, "not_supported_yet", "not supported yet: distinct properties of premium", "Write: of: Your Event Name"
            )
            return None
        return property_path(node, f"`distinct` of {what}", report)
    if node.text == "feature" and of.builtin != "premium":
        report.refuse(
            node.at, "not_supported_yet", "not supported yet: distinct: feature of anything but premium", "Write: of: premium"
        )
    return node.text


def features(node: Node | None, context: Context) -> dict[str, Feature]:
    found = shapes.bounded(shapes.entries(node, "features", context.report), "features", FEATURES_MAX, context.report)
    built = {}
    for name, entry in found.items():
        what = f"feature '{name}'"
        shapes.name_ok(entry.key, "a feature", context.report)
        values = shapes.fields(entry.value, what, _FEATURE, _FEATURE_LATER, context.report)
        if values is None:
            continue
        if not values and not shapes.waits(entry.value, _FEATURE_LATER):
            context.report.refuse(entry.value.at, "missing", f"{what} names no event", "Write: {used: Your Event}")
        used, refused = (selector(values[key], what, context) if key in values else Selector() for key in _FEATURE)
        built[name] = Feature(name, used, refused)
    return built
