"""Patterns of `matches`: what they find, and that none takes long."""

from time import process_time

import pytest

from detector.core.rulebook.decode import TEXT_MAX
from detector.core.rulebook.patterns import CHARACTERS_MAX, PatternError, compiled, finder


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("vp|head", "Senior VP", True),
        ("^vp", "Senior VP", False),
        ("(?-i)vp", "Senior VP", False),
        (r"\bvp\b", "MVP of the year", False),
        ("ä", "ÄRA", True),
        ("$", "", True),
        ("a.c", "a\nc", False),
        ("x", "\ud800x", True),
        ("1", 1, None),
        ("true", True, None),
        ("x", None, None),
        ("x", ["x"], None),
    ],
)
def test_a_pattern_is_looked_for_anywhere_whatever_the_case(pattern: str, text: object, found: bool | None) -> None:
    assert finder(pattern)(text) is found


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){15}$", "(a?){60}a{60}b", "((a?){9}){9}b", "(a{1,15}){1,15}b"]
)
def test_a_pattern_that_is_made_to_explode_does_not(pattern: str) -> None:
    """Python's own engine needs years for some of these."""
    find = finder(pattern)
    begun = process_time()
    for _ in range(10):
        find("a" * (TEXT_MAX - 1) + "!")
    assert process_time() - begun < 1


@pytest.mark.parametrize(
    "pattern", ["(", "[z-a]", r"(a)\1", "(?=a)", "a{1001}", "(a{30}){30}", r"\pL\pN", "*", "x" * (CHARACTERS_MAX + 1)]
)
def test_what_is_no_pattern_or_too_large_a_one_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError) as refused:
        compiled(pattern)
    assert str(refused.value)
