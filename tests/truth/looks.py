"""Lines of made-up rulebooks that look into texts and lists, at what was said, at dates, other rules and limits by name."""

from collections.abc import Sequence
from typing import Any

from tests.truth import strategies as st

SEVERAL: dict[str, list[Any]] = {"person": ["ada", "bo"], "feature": ["ai", "ab"], "properties.viewer": ["a", "b", 1, "true"]}
"""What there is of that which a measure counts different ones of."""
LENGTHS = st.sampled_from(["1h", "1d", "3d"]).map(lambda length: ("duration", length))

_looks = st.tuples(
    st.just("look"),
    st.just("person.title"),
    st.sampled_from(["matches", "matches", "contains", "starts with", "ends with"]),
    st.sampled_from(["c", "t", "IN"]),
)
_SAID: list[Any] = [
    *(("known", "person.title"), ("missing", "person.title"), ("missing", "account.size"), ("known", "account.ends")),
    *(("covers", "account.tags", ["a", 7]), ("look", "account.tags", "contains", "A"), ("look", "account.tags", "contains", "b")),
]
TEXTS: st.SearchStrategy[Any] = st.one_of(_looks, st.sampled_from(_SAID))

_sides = st.builds(
    lambda how, name: f"{how}({name})",
    st.sampled_from(["since", "until", "until"]),
    st.sampled_from(["account.ends", "account.ends", "account.ends", "customer_since", "person.born"]),
)
DATES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("compare"), _sides, st.sampled_from(["<=", "<=", "<", ">", ">="]), LENGTHS),
    st.tuples(st.just("between"), _sides, st.just(("duration", "1h")), st.just(("duration", "3d"))),
)

_percent = st.tuples(
    st.just("compare"),
    st.sampled_from(["limits.contacts.percent", "limits.emails.percent"]),
    st.sampled_from([">=", ">=", "<"]),
    st.sampled_from([("%", 50), ("%", 80)]),
)
_COUNTS: list[Any] = [("compare", "limits.emails.used", ">=", 2), ("compare", "limits.contacts.refused", ">=", 1)]
LIMITS_BY_NAME: st.SearchStrategy[Any] = st.one_of(_percent, st.sampled_from(_COUNTS))

OF_EVENT: list[Any] = [
    *(("look", "properties.topic", "contains", "PRI"), ("look", "properties.topic", "contains", "weather")),
    *(("missing", "properties.topic"), ("covers", "properties.topic", ["weather"])),
]


def values_of(name: str, told_apart: str) -> list[st.SearchStrategy[Any]]:
    """Of a measure that counts different ones of something."""
    some = st.lists(st.sampled_from(SEVERAL[told_apart]), min_size=1, max_size=2, unique=True)
    return [
        st.tuples(st.just("covers"), st.just(f"values({name})"), some),
        st.tuples(st.just("look"), st.just(f"values({name})"), st.just("contains"), st.sampled_from(SEVERAL[told_apart])),
    ]


def rules(names: Sequence[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from([("is", f"rules.{name}") for name in names])
