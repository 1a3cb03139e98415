"""Names of events that arrive against those that a rulebook maps: which it knows, and what an unknown one probably is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final

from detector.core.rulebook.model import Rulebook, Term

NEAR: Final = 0.6
"""Of the words of two names, the share that both have."""
ALIKE: Final = 0.88
"""Of two names without blanks, how alike their letters are."""
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENDINGS: Final = re.compile(r"(ations?|ings?|ed|e?s|e)$")
_SAME: Final = {
    **dict.fromkeys(("upload", "load", "ingest"), "import"),
    **dict.fromkeys(("signup", "regist", "registr"), "sign up"),
    **dict.fromkeys(("press", "tap", "hit"), "click"),
    **dict.fromkeys(("ask", "inquir"), "request"),
    **dict.fromkeys(("deliver", "dispatch"), "sent"),
    **dict.fromkeys(("view", "visit", "seen"), "open"),
}
"""Stems of words that products use for the same thing."""
_NOISE: Final = frozenset(["success", "successfully", "complet", "finish", "done", "the", "a", "event", "user"])


def known_names(rulebook: Rulebook) -> frozenset[str]:
    """The product's own names of every event that something in the rulebook waits for."""
    return frozenset(term.name for term in _terms(rulebook))


def suggestion(name: str, rulebook: Rulebook) -> str | None:
    """The name in `events` that this event could be mapped to, if one is near."""
    best, found = 0.0, None
    for alias, selector in rulebook.events.items():
        score = max(_nearness(name, other) for other in (alias, *(term.name for term in selector.terms)))
        if score > best:
            best, found = score, alias
    return found


def _terms(part: Any) -> Iterator[Term]:
    """Every term in a part of the rulebook, wherever it may stand."""
    if isinstance(part, Term):
        yield part
    elif is_dataclass(part):
        for each in fields(part):
            yield from _terms(getattr(part, each.name))
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _terms(value)
    elif isinstance(part, tuple):
        for item in part:
            yield from _terms(item)


def _nearness(one: str, other: str) -> float:
    """0: they have nothing in common that would make them the same thing."""
    first, second = _stems(one), _stems(other)
    shared = len(first & second) / len(first | second) if first and second else 0.0
    if shared >= NEAR:
        return shared
    letters = SequenceMatcher(None, "".join(sorted(first)), "".join(sorted(second)))
    if letters.real_quick_ratio() < ALIKE or letters.quick_ratio() < ALIKE:
        return 0.0
    return ratio if (ratio := letters.ratio()) >= ALIKE else 0.0


@lru_cache(maxsize=4_096)
def _stems(name: str) -> frozenset[str]:
    """`contact_list_uploaded` and `Contacts Imported` share `contact` and `import`."""
    stems = (_stem(word.lower()) for word in _WORDS.findall(name))
    return frozenset(word for stem in stems if stem not in _NOISE for word in _SAME.get(stem, stem).split())


def _stem(word: str) -> str:
    cut = _ENDINGS.sub("", word)
    return cut if len(cut) > 2 else word
