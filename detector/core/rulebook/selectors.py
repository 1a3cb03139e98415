"""Which events are meant: the `events` section, and every place that names events, into Selectors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.model import Binary, Condition, Selector, Term, Type
from detector.core.rulebook.names import WHERE, Names
from detector.core.rulebook.problems import Report, closest
from detector.core.rulebook.tree import At, Fields, Items, Node, Scalar, kind_of

BUILTINS: Final = ("active", "premium")
_PAGE_PATTERN: Final = r"/[^\s*?#]{0,199}\*?"
PAGE_FORM: Final = forms.matching(_PAGE_PATTERN, 201, "/settings/sso*")
FILTERED: Final[forms.Keys] = {
    "of": forms.said(forms.some(forms.TEXT), "Which events"),
    "page": forms.said(PAGE_FORM, "Instead of `of`: a page by its path; a * at the end stands for anything"),
    "where": forms.said(forms.CONDITION, "Only those for which this holds; it may name their own properties.…"),
}
_SOME: Final = (forms.TEXT, forms.record(FILTERED))
EVENTS: Final = forms.either(*_SOME, forms.listed(forms.either(*_SOME)))
"""What `forms.EVENTS` refers to."""
_LATER: Final = ("screen", "if", "during", "after", "then", "within")
_PAGE: Final = re.compile(_PAGE_PATTERN)
ALIASES_MAX: Final = 500
COMPARED_MAX: Final = 500
"""So many names are looked at for misspelling: each is held against every alias, and time is bounded."""


@dataclass(slots=True)
class Context:
    """What the checker of one file knows so far."""

    report: Report
    names: Names = field(default_factory=Names)
    aliases: dict[str, Selector] = field(default_factory=dict)
    """The `events` section."""
    nearest: dict[str, str | None] = field(default_factory=dict)
    """Names of events that were held against the aliases -> the alias that each resembles."""
    own: frozenset[str] = frozenset()
    """The product's own event names that the `events` section mentions."""


def aliases(node: Node | None, context: Context) -> None:
    """Fills `context.aliases`. On the right stand the product's own names; an empty list: named, not mapped."""
    found = shapes.entries(node, "events", context.report)
    for name, entry in shapes.bounded(found, "events", ALIASES_MAX, context.report).items():
        if shapes.name_ok(entry.key, "an event", context.report, word=True):
            terms = _terms(entry.value, f"event '{name}'", context, known={})
            context.aliases[name] = Selector(tuple(dict.fromkeys(terms)))
    context.own = frozenset(term.name for selector in context.aliases.values() for term in selector.terms)


def selector(node: Node, what: str, context: Context, *, builtins: bool = False) -> Selector:
    """Names from `events`, or the product's own names. `builtins`: `active` and `premium` may stand there, alone."""
    if isinstance(node, Scalar) and node.plain and node.text in BUILTINS:
        if builtins:
            return Selector(builtin="active" if node.text == "active" else "premium")
        message = f"'{node.text}' is only known in the `of` or `count` of a measure"
        context.report.refuse(node.at, "value", message, "Name an event")
        return Selector()
    return Selector(tuple(dict.fromkeys(_terms(node, what, context, context.aliases))))


def _terms(node: Node, what: str, context: Context, known: Mapping[str, Selector]) -> list[Term]:
    if isinstance(node, Items):
        return [term for item in node.items for term in _terms(item, what, context, known)]
    if isinstance(node, Fields):
        return _filtered(node, what, context, known)
    if node.text in BUILTINS and node.plain:
        message = f"'{node.text}' stands alone in the `of` or `count` of a measure, not in a list, with `where` or elsewhere"
        context.report.refuse(
            node.at, "value", message, f'Name an event; if your product calls one so, write "{node.text}" in quotes'
        )
        return []
    if node.text in known:
        return list(known[node.text].terms)
    name = shapes.text(node, f"the name of an event ({what})", context.report)
    if name is None or (known and is_misspelt(name, node.at, context)):
        return []
    return [Term(name)]


def is_misspelt(name: str, at: At, context: Context) -> bool:
    """Refuses a name that looks like one of `events` and is none: taken as the product's own it would never arrive."""
    if not name.isidentifier() or name in context.own:
        return False
    if name not in context.nearest and len(context.nearest) < COMPARED_MAX:
        context.nearest[name] = closest(name, context.aliases, cutoff=0.8)
    near = context.nearest.get(name)
    if near is None:
        return False
    remedy = f"Did you mean '{near}'? If '{name}' is your product's own name for an event, add it to `events`"
    context.report.refuse(at, "unknown_name", f"unknown event '{name}'", remedy)
    return True


def _filtered(node: Fields, what: str, context: Context, known: Mapping[str, Selector]) -> list[Term]:
    values = shapes.fields(node, what, FILTERED, _LATER, context.report) or {}
    if "page" in values and "of" in values:
        context.report.refuse(values["page"].at, "value", f"{what} has `of` and `page`", "Make a list of two of it")
        return []
    where = condition(values["where"], context.names, WHERE, context.report) if "where" in values else None
    if "page" in values:
        path = page(values["page"], f"`page` of {what}", context.report)
        return [] if path is None else [Term("", where, path)]
    shapes.require(values, node, what, {"of": "Your Event Name"}, context.report)
    if "of" not in values:
        return []
    if isinstance(values["of"], Fields):
        context.report.refuse(
            values["of"].at, "value", f"`of` names events, found {kind_of(values['of'])}", "Write: of: Your Event Name"
        )
        return []
    terms = _terms(values["of"], what, context, known)
    return [replace(term, where=_both(term.where, where)) for term in terms]


def page(node: Node, what: str, report: Report) -> str | None:
    """The path of a page, with a * at its end for all that begin with it."""
    if isinstance(node, Scalar) and _PAGE.fullmatch(node.text):
        return node.text
    report.refuse(node.at, "value", f"{what} is a path, found {kind_of(node)}", "Write: /settings/sso, or /settings/*")
    return None


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    if first is None or second is None:
        return first or second
    return Condition(f"({first.text}) and ({second.text})", Binary("and", first.expr, second.expr, Type.BOOL), second.line)
