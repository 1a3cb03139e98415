"""Strict loading: bounds on bytes, depth and values; what YAML reads, and what it would bend."""

from time import perf_counter

import pytest

from detector.core.rulebook.loading import BYTES_MAX, DEPTH_MAX, NODES_MAX, load
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Items, Scalar
from detector.rulebooks import bases


def refused(text: str) -> str:
    with pytest.raises(RulebookError) as error:
        parse(text, bases())
    (problem,) = error.value.problems
    return problem.code


def nested(levels: int) -> str:
    """A map whose only value is a list of `levels - 1` levels."""
    return "a: " + "[" * (levels - 1) + "]" * (levels - 1)


def test_a_file_of_256_kib_is_read_and_one_byte_more_is_not() -> None:
    text = "project: p\n"
    text += "#" + "ä" * ((BYTES_MAX - len(text) - 2) // 2)
    text += "x" * (BYTES_MAX - len(text.encode()))
    assert len(text.encode()) == BYTES_MAX
    assert parse(text, {}).rulebook.project == "p"
    assert refused(text + "x") == "too_long"


def test_32_levels_are_read_and_33_are_not() -> None:
    assert "a" in load(nested(DEPTH_MAX), Report()).entries
    assert refused(nested(DEPTH_MAX + 1)) == "too_deep"


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "[{"])
def test_endless_nesting_is_refused_before_anything_is_built(opening: str) -> None:
    assert refused(opening * (BYTES_MAX // len(opening))) == "too_deep"


def test_a_huge_file_is_refused_without_reading_it() -> None:
    start = perf_counter()
    assert refused("a: b\n" * 2_000_000) == "too_long"
    assert perf_counter() - start < 1  # parsing it would take minutes


def test_more_values_than_any_rulebook_has_are_refused() -> None:
    assert refused(f"project: p\nlists: {{a: [{'x,' * NODES_MAX}]}}") == "too_many"


def test_more_than_200_rules_are_refused() -> None:
    rules = "".join(f"  r{n}: {{lead: pql, when: [active_days >= 1], say: x}}\n" for n in range(201))
    assert refused(f"project: p\nrules:\n{rules}") == "too_many"


@pytest.mark.parametrize(
    "text", ["NO", "no", "Yes", "on", "OFF", "y", "2024-08-26", "12:30:45", "0x1F", "1_000", "!important"[1:]]
)
def test_what_older_yaml_bends_stays_text(text: str) -> None:
    rulebook = parse(f"project: p\nlists: {{words: [{text}]}}", {}).rulebook
    assert rulebook.lists == {"words": (text,)}


def test_a_comment_behind_a_list_or_a_quoted_text_cuts_nothing() -> None:
    text = """
project: p
use: b2b-saas@1
rules:
  mine:                                # one
    family: usage_growth
    when: [active_days >= 3]           # two
    say: "{account} is our customer #1"    # three
"""
    (rule,) = [rule for rule in parse(text, bases()).rulebook.rules if rule.name == "mine"]
    assert rule.say[-1] == " is our customer #1"


def test_every_node_knows_its_place() -> None:
    tree = load('a: 1\nb:\n  - x\n  - "y z"\n', Report())
    items = tree.entries["b"].value
    assert isinstance(items, Items)
    second = items.items[1]
    assert isinstance(second, Scalar)
    assert (second.at.line, second.at.column, second.plain) == (4, 5, False)
    assert (tree.entries["b"].key.at.line, tree.entries["b"].key.at.column) == (2, 1)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse("\ufeffproject: p\n", {}).rulebook.project == "p"


def test_a_lone_surrogate_is_refused() -> None:
    assert refused("project: p\nlists: {a: ['\ud800']}\n") == "encoding"
