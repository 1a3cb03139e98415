"""Hypothesis's strategies, the same of the same made once: to make one takes several times as long as to draw from it.

What is drawn may be the very object that another case drew: copy what you change.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, booleans, builds, composite, dictionaries, integers, permutations

__all__ = [
    "DrawFn",
    "SearchStrategy",
    "any_of",
    "booleans",
    "builds",
    "composite",
    "dictionaries",
    "integers",
    "just",
    "lists",
    "one_of",
    "permutations",
    "sampled_from",
    "tuples",
]

MADE_MAX = 20_000
_made: dict[Any, SearchStrategy[Any]] = {}


def _once(key: Any, make: Callable[[], SearchStrategy[Any]]) -> SearchStrategy[Any]:
    found = _made.get(key)
    if found is None:
        if len(_made) >= MADE_MAX:
            _made.clear()
        found = _made[key] = make()
    return found


def just(value: Any) -> SearchStrategy[Any]:
    return _once(("just", repr(value)), lambda: st.just(value))


def sampled_from(values: Sequence[Any]) -> SearchStrategy[Any]:
    return _once(("sampled_from", repr(values)), lambda: st.sampled_from(values))


def tuples(*of: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return _once(("tuples", of), lambda: st.tuples(*of))


def one_of(*of: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return _once(("one_of", of), lambda: st.one_of(*of))


def any_of(strategies: Sequence[SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """One of them, the more often the more often it is named: `one_of` looks into those that are choices themselves."""
    return _once(("any_of", tuple(strategies)), lambda: st.sampled_from(strategies).flatmap(lambda of: of))


def lists(of: SearchStrategy[Any], **how: Any) -> SearchStrategy[Any]:
    return _once(("lists", of, repr(how)), lambda: st.lists(of, **how))
