"""A project's sections over those of the base that it uses: what the project says wins, name by name."""

from collections.abc import Mapping
from typing import Final

from detector.core.rulebook.tree import Entry, Fields, Node, Scalar

BY_NAME: Final = (
    *("lists", "events", "measures", "limits", "features", "plans", "addons", "close", "noise", "score", "segments"),
    *("owners", "payload"),
)
"""An entry of the project replaces the base's entry of that name."""
WHOLE: Final = ("suppress", "drop_events")
"""A list of the project replaces the base's."""
BY_KEY: Final = ("rules", "lead_types")
"""An entry of the project changes single keys of the base's entry of that name."""


def merged(base: Fields, own: Fields) -> Fields:
    """All sections of both, without `use`: the project's first, each with the base's entries before its own."""
    sections = {}
    for name, entry in own.entries.items():
        below = base.entries.get(name)
        sections[name] = entry if below is None else Entry(entry.key, _section(name, below.value, entry.value))
    sections |= {name: entry for name, entry in base.entries.items() if name not in sections}
    sections.pop("use", None)
    return Fields(sections, own.at)


def _section(name: str, base: Node, own: Node) -> Node:
    if name in WHOLE and isinstance(own, Scalar) and own.is_null:
        return base
    if name in (*BY_NAME, *BY_KEY) and isinstance(base, Fields):
        if isinstance(own, Scalar) and own.is_null:
            return base
        if isinstance(own, Fields):
            entries = _overlaid(base, own, deep=name in BY_KEY)
            return Fields(_in_own_order(entries, base, own) if name == "lead_types" else entries, own.at)
    return own


def _overlaid(base: Fields, own: Fields, *, deep: bool) -> dict[str, Entry]:
    entries = dict(base.entries)
    for name, entry in own.entries.items():
        below = entries.get(name)
        if deep and below is not None and isinstance(below.value, Fields) and isinstance(entry.value, Fields):
            inner = Fields(_overlaid(below.value, entry.value, deep=False), entry.value.at)
            entries[name] = Entry(entry.key, inner)
        else:
            entries[name] = entry
    return entries


def _in_own_order(entries: Mapping[str, Entry], base: Fields, own: Fields) -> Mapping[str, Entry]:
    """Lead types stand strongest first; a project that names all of them has said the order, otherwise new ones are weakest."""
    if not base.entries.keys() <= own.entries.keys():
        return entries
    return {name: entries[name] for name in own.entries}
