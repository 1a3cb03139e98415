"""The section `limits`: what plans cap."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, cast

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.counting import path
from detector.core.rulebook.model import Limit, Selector
from detector.core.rulebook.names import IF
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.steps import STEP, steps
from detector.core.rulebook.tree import Entry, Node, Scalar, kind_of

LIMITS_MAX: Final = 100
_KINDS: Final[Mapping[str, Literal["gauge", "counter", "sum", "distinct"]]] = {
    "last": "gauge",
    "max": "gauge",
    "count": "counter",
    "sum": "sum",
    "distinct": "distinct",
}
_BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "last": ("of", "worst_by"),
    "max": ("of", "each"),
    "count": ("resets",),
    "sum": ("of", "resets"),
    "distinct": ("of", "resets"),
}
"""What belongs to each kind; every other key that is not for all is refused beside it."""
_FOR_ALL: Final = ("refused", "label", "unit", "if", "at")
_EXAMPLES: Final = {"of": "Your Event Name", "each": "recording", "resets": "month"}
_RESETS: Final = ("day", "week", "month", "year", "billing period", "never")
_RESETS_OF_VALUES: Final = ("month",)
"""Of sums and different values."""
LIMIT: Final[forms.Keys] = {
    "last": forms.said(forms.PROPERTY, "A gauge: the newest value of a property, of the events of `of`"),
    "max": forms.said(forms.PROPERTY, "A limit on each single event, with `of` and `each`"),
    "count": forms.said(forms.EVENTS, "A counter: how many of these events"),
    "sum": forms.said(forms.PROPERTY, "A counter: the sum of a property, of the events of `of`"),
    "distinct": forms.said(
        forms.either(forms.words(("person",)), forms.PROPERTY), "A counter: how many different ones, of the events of `of`"
    ),
    "of": forms.said(forms.EVENTS, "Which events carry what is looked at"),
    "each": forms.said(forms.TEXT, "With `max`: what a single event is, such as recording"),
    "worst_by": forms.said(forms.PROPERTY, "With `last`: what tells parts of the account apart; the fullest counts"),
    "resets": forms.said(forms.words(_RESETS), "When a counter begins again"),
    "refused": forms.said(forms.EVENTS, "What your product sends when it stops somebody at the cap"),
    "label": forms.said(forms.TEXT, "What texts call it; its name, if nothing is said"),
    "unit": forms.said(forms.TEXT, "What the numbers are: s m h d w, bytes, or a text that is shown"),
    "if": forms.said(forms.CONDITION, "It is there only while this holds"),
    "at": forms.said(forms.one_or_more(STEP), "Its steps, in place of the rule's"),
}
_LATER: Final = ("min", "window", "tolerance", "where")
_RESETS_LATER: Final = ("hour", "quarter")


def limits(node: Node | None, lead_types: Collection[str], context: Context) -> dict[str, Limit]:
    found = shapes.bounded(shapes.entries(node, "limits", context.report), "limits", LIMITS_MAX, context.report)
    built = {name: _limit(name, entry, lead_types, context) for name, entry in found.items()}
    return {name: limit for name, limit in built.items() if limit is not None}


def units_of(node: Node | None) -> dict[str, str | None]:
    """Limit -> its unit, before any limit is checked: plans give amounts in it."""
    found: dict[str, str | None] = {}
    for name, entry in shapes.entries(node, "limits", Report()).items():
        values = shapes.fields(entry.value, "", LIMIT, (), Report()) or {}
        unit = values.get("unit")
        found[name] = unit.text if isinstance(unit, Scalar) else None
    return found


def _limit(name: str, entry: Entry, lead_types: Collection[str], context: Context) -> Limit | None:
    what, report = f"limit '{name}'", context.report
    shapes.name_ok(entry.key, "a limit", report)
    values = shapes.fields(entry.value, what, LIMIT, _LATER, report)
    if values is None:
        return None
    kinds = [kind for kind in _KINDS if kind in values]
    if len(kinds) != 1:
        if not shapes.waits(entry.value, _LATER):
            example = "{last: properties.total, of: Your Event} or {count: Your Event, resets: month}"
            report.refuse(entry.value.at, "missing", f"{what} needs one of {', '.join(_KINDS)}", f"Write: {example}")
        return None
    kind = kinds[0]
    _check_beside(kind, values, entry, what, report)
    events = values["count"] if kind == "count" else values.get("of")
    each = shapes.text(values["each"], f"`each` of {what}", report) if "each" in values else None
    label = shapes.text(values["label"], f"the label of {what}", report) if "label" in values else None
    return Limit(
        name=name,
        label=label or _label(name, each),
        kind=_KINDS[kind],
        of=selector(events, what, context) if events is not None else Selector(),
        of_value=None if kind == "count" else _of_value(kind, values[kind], what, report),
        refused=selector(values["refused"], f"`refused` of {what}", context) if "refused" in values else Selector(),
        period=_period(kind, values["resets"], what, report) if "resets" in values else "month",
        unit=shapes.text(values["unit"], f"the unit of {what}", report) if "unit" in values else None,
        each=each,
        worst_by=path(values["worst_by"], f"`worst_by` of {what}", report) if "worst_by" in values else None,
        only_if=condition(values["if"], context.names, IF, report) if "if" in values else None,
        at=steps(values["at"], what, lead_types, report) if "at" in values else None,
    )


def _check_beside(kind: str, values: Mapping[str, Node], entry: Entry, what: str, report: Report) -> None:
    wanted = [key for key in _BESIDE[kind] if key in _EXAMPLES]
    shapes.require(values, entry.value, what, {key: _EXAMPLES[key] for key in wanted}, report)
    for key in values:
        if key not in (kind, *_BESIDE[kind], *_FOR_ALL):
            report.refuse(values[key].at, "unknown_key", f"{what} has `{kind}` and `{key}`", _instead(kind, key))


def _period(kind: str, node: Node, what: str, report: Report) -> Any:
    """None: it never resets."""
    of_values = kind in ("sum", "distinct")
    known = _RESETS_OF_VALUES if of_values else _RESETS
    later = [each for each in (*_RESETS, *_RESETS_LATER) if each not in known]
    resets = shapes.one_of(node, f"`resets` of {what}", known, later, report)
    return None if resets == "never" else cast("Any", resets or "month")


def _instead(kind: str, key: str) -> str:
    if key == "of":
        return "Name the events in `count` alone"
    if key == "resets":
        return "Only a `count`, `sum` or `distinct` resets"
    if key == "each":
        return "For a limit on each single event write: {max: properties.seconds, of: Your Event, each: recording}"
    return (
        f"`worst_by` stands beside `last`: {{last: properties.bytes, of: Your Event, worst_by: properties.channel}}, not {kind}"
    )


def _of_value(kind: str, node: Node, what: str, report: Report) -> str | None:
    if kind == "distinct" and isinstance(node, Scalar) and node.text == "person":
        return "person"
    if kind == "distinct" and isinstance(node, Scalar) and not node.text.startswith("properties."):
        remedy = report.guess(node.text, ["person", "properties.…"])
        report.refuse(node.at, "value", f"`distinct` of {what} cannot be {kind_of(node)}", remedy)
        return None
    return path(node, f"`{kind}` of {what}", report)


def _label(name: str, each: str | None) -> str:
    return name.replace("_", " ") if each is None else f"per {each}"
