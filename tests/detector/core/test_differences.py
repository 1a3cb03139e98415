"""Where two JSON values differ, as a path and both values."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.core.differences import ABSENT, differences

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


def found(stored: Any, recomputed: Any) -> list[tuple[str, Any, Any]]:
    return [tuple(each) for each in differences(stored, recomputed)]


def test_a_value_deep_inside_is_told_with_its_path() -> None:
    stored = {"data": {"evidence": [{"value": 1}, {"value": 488}], "plan": "free"}}
    recomputed = {"data": {"evidence": [{"value": 1}, {"value": 487}], "plan": "free"}}
    assert found(stored, recomputed) == [("data.evidence[1].value", 488, 487)]


def test_what_one_side_lacks_is_absent_which_is_not_null() -> None:
    assert found({"a": None, "c": [1]}, {"b": None, "c": [1, 2]}) == [
        ("b", ABSENT, None),
        ("c[1]", ABSENT, 2),
        ("a", None, ABSENT),
    ]
    assert str(ABSENT) == "nothing"


def test_values_that_python_takes_for_equal_and_json_does_not_differ() -> None:
    assert found({"a": 1, "b": True, "c": 0}, {"a": 1.0, "b": 1, "c": False}) == [("a", 1, 1.0), ("b", True, 1), ("c", 0, False)]


def test_another_kind_of_value_is_told_whole() -> None:
    assert found({"a": [1]}, {"a": {"b": 1}}) == [("a", [1], {"b": 1})]


@given(VALUES, VALUES)
def test_none_are_found_exactly_where_the_json_is_the_same(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (found(one, other) == []) is same
