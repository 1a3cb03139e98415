"""What the documentation and the trial's file show can be pasted as it stands, and shows all that the language has."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import pytest

from detector.core.rulebook import lexer, names, syntax
from detector.core.rulebook.leads import TYPES_OF_FAMILY
from detector.core.rulebook.measures import KINDS
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial
from tests.detector.rulebook.doc_examples import BLOCKS, PAGE, Key, Shown, every_key, rulebooks, shown


def test_the_first_example_is_a_whole_rulebook() -> None:
    book = parse(BLOCKS[0], bases())
    assert [rule.name for rule in book.rulebook.rules][-1] == "busy"
    assert {problem.code for problem in book.asleep} == {"asleep"}


@pytest.mark.parametrize("example", rulebooks())
def test_the_checker_takes_every_example(example: str) -> None:
    parse(rulebooks()[example], bases())


@cache
def _shown() -> tuple[Shown, ...]:
    return tuple(shown(text) for text in rulebooks().values())


def test_every_key_that_the_checker_knows_has_an_example() -> None:
    keys = every_key()
    assert {Key(f"measures with {kind}", kind) for kind in KINDS} <= keys
    assert Key("plans", "from") in keys
    assert keys == {key for each in _shown() for key in each.keys}


def _nodes(raw: Any) -> Iterator[Any]:
    """A condition's nodes."""
    if isinstance(raw, tuple):
        for each in raw:
            yield from _nodes(each)
    elif is_dataclass(raw):
        yield raw
        for each in fields(raw):
            yield from _nodes(getattr(raw, each.name))


def _operators(raw: Any) -> Iterator[str]:
    for node in _nodes(raw):
        match node:
            case syntax.Unary(operator="-"):
                yield "minus"
            case syntax.Presence(known=known):
                yield "is known" if known else "is missing"
            case syntax.Range():
                yield "between"
            case syntax.Call(function=function):
                yield function
            case syntax.Literal(value=bool() as value):
                yield str(value).lower()
            case syntax.Unary(operator=operator) | syntax.Pair(operator=operator) | syntax.Member(operator=operator):
                yield operator
            case syntax.Search(operator=operator):
                yield operator.removesuffix(" with")


def test_every_operator_has_an_example() -> None:
    known = {*lexer.KEYWORDS, *syntax.COMPARISONS, *syntax.SEARCHES, *syntax.CALLS, *"+-*/", "minus", "is known", "is missing"}
    found = {operator for each in _shown() for text in each.conditions for operator in _operators(syntax.read(text))}
    assert found == known


def test_every_name_has_an_example() -> None:
    conditions = [syntax.read(text) for each in _shown() for text in each.conditions]
    used = {node.path for raw in conditions for node in _nodes(raw) if isinstance(node, syntax.Word)}
    fixed = {*names.STATE_NAMES, *names.SCORE_NAMES, *names.PERSON_NAMES, *names.LIMIT_NAMES, "event"}
    assert fixed <= used, fixed - used
    roots = {path.partition(".")[0] for path in used if "." in path}
    assert {"account", "person", "properties", "segment", "limits", "rules"} <= roots
    assert {*names.OF_MEASURES} <= {path.rpartition(".")[2] for path in used}
    said = {name for each in _shown() for text in each.texts for name in re.findall(r"\{([^{}]*)\}", text)}
    assert {*names.TEXT_NAMES, "limit.full_on"} <= said


def test_the_table_of_lead_types_is_what_the_checker_knows() -> None:
    rows = re.findall(r"^\| `(\w+)` \|((?: \w+(?:, hot)? \|){4})$", PAGE, re.MULTILINE)
    table = {family: {cell.strip().removesuffix(", hot") for cell in cells.strip("|").split("|")} for family, cells in rows}
    assert table == {family: set(kinds) for family, kinds in TYPES_OF_FAMILY.items()}


def test_the_rule_that_the_trial_offers_works_once_its_hash_signs_are_gone() -> None:
    head, _, offered = trial().partition("(remove the #):\n")
    text = head.rpartition("\n")[0] + "\n" + "".join(line.removeprefix("# ") + "\n" for line in offered.splitlines())
    assert [rule.name for rule in parse(text, bases()).rulebook.rules][-1] == "busy-sender"
