"""The section `measures`: numbers, values and truths that are kept of each account.

A measure is of one kind, which is the key that it begins with. To add a kind: its entry in KINDS, its keys in KEYS, its class in
model.py, its reader in detector/core/measures and its line in readers.py there.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from detector.core.rulebook import absence, counting, firsts, forms, shapes
from detector.core.rulebook.measured import Measure
from detector.core.rulebook.model import Type
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.tree import Entry, Fields, Node, Scalar
from detector.core.rulebook.windows import DURING_FORM, WINDOW_FORM, WINDOWS

MEASURES_MAX: Final = 100


class Kind(NamedTuple):
    """`keys`: what may stand beside the kind's own. `has`: that in words, for whoever wrote something else."""

    keys: tuple[str, ...]
    type: Type
    read: Callable[[str, Mapping[str, Node], Node, Context], Measure | None]
    has: str


_OVER: Final = "It has `of`, and `window` or `during`"
KINDS: Final[Mapping[str, Kind]] = {
    "count": Kind(
        WINDOWS, Type.NUMBER, counting.count, "Name the events in `count` alone; beside it stands `window` or `during`"
    ),
    "distinct": Kind(("of", "most_by", *WINDOWS), Type.NUMBER, counting.distinct, _OVER),
    "last": Kind(("of", *WINDOWS), Type.ANY, counting.last, _OVER),
    "sum": Kind(("of", *WINDOWS), Type.NUMBER, counting.calculated("sum"), _OVER),
    "min": Kind(("of", *WINDOWS), Type.NUMBER, counting.calculated("min"), _OVER),
    "max": Kind(("of", *WINDOWS), Type.NUMBER, counting.calculated("max"), _OVER),
    "streak": Kind(("of",), Type.NUMBER, counting.streak, "It has `of`"),
    "since": Kind((), Type.DURATION, firsts.since, "Name the events in `since` alone"),
    "elapsed": Kind(("after",), Type.DURATION, firsts.elapsed, "It has `after`"),
    "sequence": Kind(("within",), Type.BOOL, firsts.steps("sequence"), "It has `within`"),
    "all": Kind(("within",), Type.BOOL, firsts.steps("all"), "It has `within`"),
    "absent": Kind(("after", "within"), Type.BOOL, absence.read, "It has `after` and `within`; `within` is how far it looks"),
}
_TRAIT: Final = forms.matching(counting.TRAIT_PATTERN, forms.TEXT_MAX, "person.department")
_DISTINCT: Final = forms.either(forms.words(counting.DISTINCT), forms.PROPERTY, _TRAIT)
_ORDER: Final = {**forms.listed(forms.EVENTS, firsts.STEPS_MAX), "minItems": 2}
KEYS: Final[forms.Keys] = {
    "count": forms.said(forms.EVENTS, "How many of these events"),
    "distinct": forms.said(_DISTINCT, "How many different ones, of the events of `of`"),
    "last": forms.said(forms.PROPERTY, "The newest value of a property, of the events of `of`"),
    "sum": forms.said(forms.PROPERTY, "All values of a property added up, of the events of `of`"),
    "min": forms.said(forms.PROPERTY, "The smallest value of a property, of the events of `of`"),
    "max": forms.said(forms.PROPERTY, "The largest value of a property, of the events of `of`"),
    "streak": forms.said(forms.words(counting.STREAKS), "How many days, or weeks, in a row had an event of `of`"),
    "since": forms.said(forms.EVENTS, "How long ago the first of these was"),
    "elapsed": forms.said(forms.EVENTS, "How long it took from the first event of `after` to the first of these"),
    "sequence": forms.said(_ORDER, "True once these came in this order"),
    "all": forms.said(_ORDER, "True once all of these came, in any order"),
    "absent": forms.said(forms.EVENTS, "True once none of these came in time after something else"),
    "window": forms.said(WINDOW_FORM, "How far back it looks; without it, to the beginning"),
    "during": forms.said(DURING_FORM, "Only a stretch of time after the account's first event of some name"),
    "of": forms.said(forms.EVENTS, "Which events; or `active`, any of a person; or `premium`, of features that the plan lacks"),
    "most_by": forms.said(_TRAIT, "Of the different ones only those of one value of this trait: the most frequent"),
    "after": forms.said(forms.EVENTS, "What begins the wait"),
    "within": forms.said(forms.DURATION, "How long it waits, or how long all of it may take"),
}
FORM: Final = forms.either(
    *(forms.record({key: KEYS[key] for key in (name, *kind.keys)}, needs=(name,)) for name, kind in KINDS.items())
)
"""A measure as an editor sees it: one of the kinds, with what may stand beside it."""
_LATER: Final = ("grain", "where", "worst_by", "per", "resets", "if", "ratio")


def measure_types(node: Node | None, report: Report) -> dict[str, Type]:
    """The names that conditions can use, before any measure is read."""
    found = shapes.entries(node, "measures", report)
    types = {name: _type(entry.value) for name, entry in found.items()}
    for name, entry in found.items():
        keys = entry.value.entries.keys() if isinstance(entry.value, Fields) else set()
        if "window" in keys:
            types[f"{name}.earlier"] = types[name]
        if keys & {"count", "distinct", "sum", "min", "max"}:
            types[f"{name}.rising_weeks"] = Type.NUMBER
    return types


def several(node: Node | None) -> frozenset[str]:
    """The names of those that count different values, and so have these values. Days are none."""
    entries = node.entries.items() if isinstance(node, Fields) else ()
    fields = {name: entry.value.entries for name, entry in entries if isinstance(entry.value, Fields)}
    of = {name: each["distinct"].value for name, each in fields.items() if "distinct" in each}
    return frozenset(name for name, told_apart in of.items() if not (isinstance(told_apart, Scalar) and told_apart.text == "day"))


def _type(node: Node) -> Type:
    keys = node.entries.keys() if isinstance(node, Fields) else ()
    return next((kind.type for key, kind in KINDS.items() if key in keys), Type.NUMBER)


def moving(node: Node | None) -> frozenset[str]:
    """The names of measures that are another at every millisecond."""
    found = shapes.entries(node, "measures", Report()).items()
    return frozenset(name for name, entry in found if isinstance(entry.value, Fields) and "since" in entry.value.entries)


def measures(node: Node | None, context: Context) -> dict[str, Measure]:
    found = shapes.bounded(shapes.entries(node, "measures", context.report), "measures", MEASURES_MAX, context.report)
    built = {name: _measure(name, entry, context) for name, entry in found.items()}
    return {name: measure for name, measure in built.items() if measure is not None}


def _measure(name: str, entry: Entry, context: Context) -> Measure | None:
    what, report = f"measure '{name}'", context.report
    shapes.name_ok(entry.key, "a measure", report, word=True)
    values = shapes.fields(entry.value, what, KEYS, _LATER, report)
    if values is None:
        return None
    kinds = [kind for kind in KINDS if kind in values]
    if len(kinds) != 1:
        if not shapes.waits(entry.value, _LATER):
            remedy = "Write: {count: Your Event, window: 7d}"
            report.refuse(entry.value.at, "missing", f"{what} needs one of {', '.join(KINDS)}", remedy)
        return None
    kind = KINDS[kinds[0]]
    for key in values:
        if key not in (kinds[0], *kind.keys):
            others = " or ".join(f"`{name}`" for name, other in KINDS.items() if key in other.keys)
            message = f"{what} has `{kinds[0]}` and `{key}`, which belongs to {others}"
            report.refuse(values[key].at, "unknown_key", message, kind.has)
    return kind.read(name, values, entry.value, context)
