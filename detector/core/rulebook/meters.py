"""What plans cap and include: the sections `limits` and `features`."""

from typing import Any, Final, cast

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.counting import of_events, path
from detector.core.rulebook.model import Feature, Limit, Selector, Term
from detector.core.rulebook.selectors import PAGE_FORM, Context, page, selector
from detector.core.rulebook.tree import Entry, Node

LIMITS_MAX: Final = 100
FEATURES_MAX: Final = 500

_RESETS: Final = ("day", "week", "month", "year", "billing period", "never")
LIMIT: Final[forms.Keys] = {
    "last": forms.said(forms.PROPERTY, "A gauge: the newest value of a property, of the events of `of`"),
    "of": forms.said(forms.EVENTS, "Which events carry the property of `last`"),
    "count": forms.said(forms.EVENTS, "A counter: how many of these events"),
    "resets": forms.said(forms.words(_RESETS), "When a counter begins again"),
    "refused": forms.said(forms.EVENTS, "What your product sends when it stops somebody at the cap"),
    "label": forms.said(forms.TEXT, "What texts call it; its name, if nothing is said"),
}
_LIMIT_LATER: Final = ("max", "min", "sum", "distinct", "each", "unit", "worst_by", "if", "at", "window", "tolerance", "where")
FEATURE: Final[forms.Keys] = {
    "used": forms.said(forms.EVENTS, "Somebody used it"),
    "refused": forms.said(forms.EVENTS, "Your product said that the plan lacks it"),
    "page": forms.said(PAGE_FORM, "Somebody opened this page of it"),
}
_FEATURE_LATER: Final = ("screen", "label", "if")
_RESETS_LATER: Final = ("hour", "quarter")


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
        of = of_events(values.get("of"), entry.value, what, context)
        return Limit(name, label, "gauge", of, path(values["last"], f"`last` of {what}", report), refused)
    if "of" in values:
        report.refuse(values["of"].at, "unknown_key", f"{what} has `count` and `of`", "Name the events in `count` alone")
    shapes.require(values, entry.value, what, {"resets": "month"}, report)
    resets = (
        shapes.one_of(values["resets"], f"`resets` of {what}", _RESETS, _RESETS_LATER, report) if "resets" in values else None
    )
    period = None if resets == "never" else cast("Any", resets or "month")
    return Limit(name, label, "counter", selector(values["count"], what, context), None, refused, period)


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
        used, refused = (selector(values[key], what, context) if key in values else Selector() for key in ("used", "refused"))
        path = page(values["page"], f"`page` of {what}", context.report) if "page" in values else None
        pages = () if path is None else (Term("", None, path),)
        built[name] = Feature(name, Selector((*used.terms, *pages)), refused)
    return built
