"""Two resolved rulebooks in, what changed from one to the other out: entry by entry, and what begins to count anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from detector.core.measures.keys import events_key, feature_key, limit_key
from detector.core.measures.periods import Periods
from detector.core.measures.readers import reader_of
from detector.core.rulebook.loading import load
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry, Fields
from detector.core.rulebook.writing import on_one_line

NAMED: Final = ("lists", "events", "measures", "limits", "features", "plans", "addons", "lead_types", "rules")
"""Sections whose entries have names of their own."""
ORDERED: Final = ("plans", "lead_types")
"""Sections whose order says something."""
ANEW: Final = "starts anew: the log is read again for it, as far as it goes back"

_Counted = Mapping[tuple[str, str], frozenset[str]]
"""(section, name) -> the keys of the facts that it rests on."""


@dataclass(frozen=True, slots=True)
class Change:
    """`name` empty: the section itself. `lines`: `key: old → new`. `anew`: its facts begin when the new one is applied."""

    section: str
    name: str
    kind: Literal["added", "removed", "changed"]
    lines: tuple[str, ...] = ()
    anew: bool = False


def changes(old: str, new: str) -> list[Change]:
    """Of two resolved texts, in the order of the new one. Raises RulebookError if one is not understood."""
    before, after = load(old, Report()), load(new, Report())
    had, has = facts_of(parse(old, {}).rulebook), facts_of(parse(new, {}).rulebook)
    known = frozenset(chain.from_iterable(had.values()))
    anew = {entry for entry, keys in has.items() if not keys <= known}
    found: list[Change] = []
    for section in dict.fromkeys([*after.entries, *before.entries]):
        first, second = before.entries.get(section), after.entries.get(section)
        if section in NAMED:
            found += _named(section, _entries(first), _entries(second), anew)
        elif (change := _change(section, "", first, second, anew=False)) is not None:
            found.append(change)
    return found


def _entries(entry: Entry | None) -> Mapping[str, Entry]:
    return entry.value.entries if entry is not None and isinstance(entry.value, Fields) else {}


def _named(section: str, old: Mapping[str, Entry], new: Mapping[str, Entry], anew: set[tuple[str, str]]) -> Iterator[Change]:
    for name in dict.fromkeys([*new, *old]):
        change = _change(section, name, old.get(name), new.get(name), anew=(section, name) in anew)
        if change is not None:
            yield change
    if section in ORDERED:
        first, second = [name for name in old if name in new], [name for name in new if name in old]
        if first != second:
            yield Change(section, "", "changed", (f"order: {', '.join(first)} → {', '.join(second)}",))


def _change(section: str, name: str, old: Entry | None, new: Entry | None, *, anew: bool) -> Change | None:
    """None: nothing did."""
    if old is None or new is None:
        kind: Literal["added", "removed"] = "added" if old is None else "removed"
        entry = new or old
        return None if entry is None else Change(section, name, kind, (on_one_line(entry.value),), anew=anew)
    if isinstance(old.value, Fields) and isinstance(new.value, Fields):
        lines = tuple(_keys(old.value.entries, new.value.entries))
    else:
        first, second = on_one_line(old.value), on_one_line(new.value)
        lines = () if first == second else (f"{first} → {second}",)
    return Change(section, name, "changed", lines, anew=anew) if lines or anew else None


def _keys(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Iterator[str]:
    for key in dict.fromkeys([*new, *old]):
        first, second = (on_one_line(each[key].value) if key in each else "nothing" for each in (old, new))
        if first != second:
            yield f"{key}: {first} → {second}"


def facts_of(book: Rulebook) -> _Counted:
    """Of its measures, limits and features."""
    periods = Periods.of(book)
    zone = periods.zone
    features = {name: feature_key(feature, zone) for name, feature in book.features.items()}
    measures = {name: reader_of(measure, features, periods).sinks for name, measure in book.measures.items()}
    return {
        **{("measures", name): frozenset(sink.key for sink in sinks) for name, sinks in measures.items()},
        **{("limits", name): frozenset([limit_key(each, zone), events_key(each.refused)]) for name, each in book.limits.items()},
        **{("features", name): frozenset([key]) for name, key in features.items()},
    }
