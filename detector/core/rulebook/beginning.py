"""Two rulebooks in, what is said of the rules that the second switches on: whom they tell of."""

from collections.abc import Iterator

from detector.core import words
from detector.core.rulebook.definitions import definition
from detector.core.rulebook.model import OnEnable, Rulebook

_HOW = {
    "baseline": "who qualifies already is taken for told",
    "fire_all": "who qualifies already becomes a lead at once",
}


def beginning(old: Rulebook, new: Rulebook) -> Iterator[str]:
    """A line for each way in which rules begin."""
    known = {definition(rule, old) for rule in old.rules}
    by_way: dict[OnEnable, list[str]] = {}
    for rule in new.rules:
        if definition(rule, new) not in known:
            by_way.setdefault(rule.on_enable, []).append(rule.name)
    for way, names in by_way.items():
        how = _HOW.get(way.mode) or f"what qualified within {words.window(way.back_ms)} is found, as far as the log goes back"
        yield f"New or changed: {', '.join(names)}. On accounts that are there: {how} (on_enable)."
