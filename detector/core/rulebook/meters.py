"""What is counted: the sections `measures`, `limits` and `features`."""

import re
from typing import Final

from detector.core.rulebook import absence, kinds, shapes
from detector.core.rulebook.model import Feature, Limit, Measure, Selector, Type
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Entry, Fields, Node, Scalar, kind_of

MEASURES_MAX: Final = 100
LIMITS_MAX: Final = 100
FEATURES_MAX: Final = 500

_DISTINCT: Final = ("day", "person", "feature")
MEASURE: Final[kinds.Keys] = {
    "count": kinds.said(kinds.EVENTS, "How many of these events"),
    "distinct": kinds.said(
        kinds.either(kinds.words(_DISTINCT), kinds.PROPERTY), "How many different ones, of the events of `of`"
    ),
    "last": kinds.said(kinds.PROPERTY, "The newest value of a property, of the events of `of`"),
    "of": kinds.said(kinds.EVENTS, "Which events; or `active`, any of a person; or `premium`, of features that the plan lacks"),
    "window": kinds.said(kinds.DURATION, "How far back it looks; without it, to the beginning"),
    **absence.KEYS,
}
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
_RESETS: Final = ("month",)
LIMIT: Final[kinds.Keys] = {
    "last": kinds.said(kinds.PROPERTY, "A gauge: the newest value of a property, of the events of `of`"),
    "of": kinds.said(kinds.EVENTS, "Which events carry the property of `last`"),
    "count": kinds.said(kinds.EVENTS, "A counter: how many of these events"),
    "resets": kinds.said(kinds.words(_RESETS), "When a counter begins again"),
    "refused": kinds.said(kinds.EVENTS, "What your product sends when it stops somebody at the cap"),
    "label": kinds.said(kinds.TEXT, "What texts call it; its name, if nothing is said"),
}
_LIMIT_LATER: Final = ("max", "min", "sum", "distinct", "each", "unit", "worst_by", "if", "at", "window", "tolerance", "where")
FEATURE: Final[kinds.Keys] = {
    "used": kinds.said(kinds.EVENTS, "Somebody used it"),
    "refused": kinds.said(kinds.EVENTS, "Your product said that the plan lacks it"),
}
_FEATURE_LATER: Final = ("page", "screen", "label", "if")
_RESETS_LATER: Final = ("billing period", "day", "week", "hour", "year", "quarter", "never")
_PATH: Final = re.compile(kinds.PATH_PATTERN)


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
    values = shapes.fields(entry.value, what, MEASURE, _MEASURE_LATER, report)
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
        return Measure(name, "last", of, _path(values["last"], f"`last` of {what}", report), window)
    return Measure(name, "distinct", of, _distinct(values["distinct"], of, what, report), window)


def _of(node: Node | None, parent: Node, what: str, context: Context, *, builtins: bool = False) -> Selector:
    if node is None:
        context.report.refuse(parent.at, "missing", f"{what} has no `of`", "Add: of: Your Event Name")
        return Selector()
    return selector(node, what, context, builtins=builtins)


def _path(node: Node, what: str, report: Report) -> str | None:
    if isinstance(node, Scalar) and _PATH.fullmatch(node.text) and len(node.text) <= shapes.TEXT_MAX:
        return node.text
    report.refuse(node.at, "value", f"{what} is the path of a property, found {kind_of(node)}", "Write: properties.total")
    return None


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
        return _path(node, f"`distinct` of {what}", report)
    if node.text == "feature" and of.builtin != "premium":
        report.refuse(
            node.at, "not_supported_yet", "not supported yet: distinct: feature of anything but premium", "Write: of: premium"
        )
    return node.text


def limits(node: Node | None, context: Context) -> dict[str, Limit]:
    found = shapes.bounded(shapes.entries(node, "limits", context.report), "limits", LIMITS_MAX, context.report)
    built = {name: _limit(name, entry, context) for name, entry in found.items()}
    return {name: limit for name, limit in built.items() if limit is not None}


def _limit(name: str, entry: Entry, context: Context) -> Limit | None:
    what, report = f"limit '{name}'", context.report
    shapes.name_ok(entry.key, "a limit", report)
    values = shapes.fields(entry.value, what, LIMIT, _LIMIT_LATER, report)
    if values is None:
        return None
    if ("last" in values) == ("count" in values) and shapes.waits(entry.value, _LIMIT_LATER):
        return None
    if ("last" in values) == ("count" in values):
        example = "{last: properties.total, of: Your Event} or {count: Your Event, resets: month}"
        report.refuse(entry.value.at, "missing", f"{what} needs either `last` or `count`", f"Write: {example}")
        return None
    refused = selector(values["refused"], f"`refused` of {what}", context) if "refused" in values else Selector()
    label = (shapes.text(values["label"], f"the label of {what}", report) if "label" in values else None) or name.replace(
        "_", " "
    )
    if "last" in values:
        if "resets" in values:
            report.refuse(values["resets"].at, "unknown_key", f"{what} has `last` and `resets`", "Only a `count` resets")
        of = _of(values.get("of"), entry.value, what, context)
        return Limit(name, label, "gauge", of, _path(values["last"], f"`last` of {what}", report), refused)
    if "of" in values:
        report.refuse(values["of"].at, "unknown_key", f"{what} has `count` and `of`", "Name the events in `count` alone")
    shapes.require(values, entry.value, what, {"resets": "month"}, report)
    if "resets" in values:
        shapes.one_of(values["resets"], f"`resets` of {what}", _RESETS, _RESETS_LATER, report)
    return Limit(name, label, "counter", selector(values["count"], what, context), None, refused)


def features(node: Node | None, context: Context) -> dict[str, Feature]:
    found = shapes.bounded(shapes.entries(node, "features", context.report), "features", FEATURES_MAX, context.report)
    built = {}
    for name, entry in found.items():
        what = f"feature '{name}'"
        shapes.name_ok(entry.key, "a feature", context.report)
        values = shapes.fields(entry.value, what, FEATURE, _FEATURE_LATER, context.report)
        if values is None:
            continue
        if not values and not shapes.waits(entry.value, _FEATURE_LATER):
            context.report.refuse(entry.value.at, "missing", f"{what} names no event", "Write: {used: Your Event}")
        used, refused = (selector(values[key], what, context) if key in values else Selector() for key in FEATURE)
        built[name] = Feature(name, used, refused)
    return built
