"""Every refusal of the checker as golden text: refusals.txt holds a rulebook and what is said about it, case by case."""

from pathlib import Path

import pytest

from detector.core.rulebook.parse import RulebookError, parse
from detector.rulebooks import bases

GOLDEN = Path(__file__).with_name("refusals.txt")


def cases() -> list[tuple[str, str, str]]:
    """(title, rulebook, what is said about it)."""
    found = []
    for block in GOLDEN.read_text(encoding="utf-8").split("===== ")[1:]:
        title, _, rest = block.partition("\n")
        text, _, answer = rest.partition("-----\n")
        found.append((title, text, answer.strip()))
    return found


@pytest.mark.parametrize(("text", "answer"), [pytest.param(text, answer, id=title) for title, text, answer in cases()])
def test_a_wrong_rulebook_is_refused_with_place_and_remedy(text: str, answer: str) -> None:
    with pytest.raises(RulebookError) as refused:
        parse(text, bases())
    assert str(refused.value) == answer


def test_the_golden_file_has_every_case_that_the_language_promises() -> None:
    titles = {title for title, _, _ in cases()}
    assert {
        "a misspelt name",
        "a duplicate key",
        "NO as a country",
        "an unknown feature in has",
        "an unknown limit in allows",
    } <= titles
    assert {
        "an empty file",
        "a list instead of a map",
        "tabs",
        "a condition cut by a #",
        "an anchor",
        "an alias",
        "a tag",
    } <= titles


def test_a_problem_says_its_file_as_the_caller_calls_it() -> None:
    with pytest.raises(RulebookError) as refused:
        parse("project: p\nlimts: {}\n", {})
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.code) == (2, 1, "unknown_key")
    assert problem.located("acme/rules.yaml") == "acme/rules.yaml:2:1: unknown key 'limts' in a rulebook. Did you mean 'limits'?"


def test_more_problems_than_anybody_reads_are_counted() -> None:
    rules = "".join(f"  r{n}: {{family: wrong, when: [true], say: x}}\n" for n in range(150))
    with pytest.raises(RulebookError) as refused:
        parse(f"project: p\nrules:\n{rules}", {})
    assert len(refused.value.problems) == 101
    assert refused.value.problems[-1].message == "50 more problems"


def test_what_a_file_puts_into_a_message_cannot_steer_a_terminal() -> None:
    with pytest.raises(RulebookError) as refused:
        parse('project: p\n"\\e[31mred": 1\n', {})
    assert "\x1b" not in str(refused.value)
    assert "�[31mred" in str(refused.value)
