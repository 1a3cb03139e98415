"""Input that is too large, too deep or odd: refused at once, or it works."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from detector.core.rulebook.parse import Problem, RulebookError, parse
from detector.rulebooks import bases
from detector.scenarios.reading import read
from detector.scenarios.trying import wrong
from handraiser.rulebook_file import text_of

BASES = bases()
AT_ONCE_S = 0.1
SOON_S = 2.0
"""Of processor time: a machine with other things to do may take longer."""


def refused(text: str) -> tuple[str, float]:
    """(code of the first problem, seconds)."""
    began = time.process_time()
    with pytest.raises(RulebookError) as error:
        parse(text, BASES)
    return error.value.problems[0].code, time.process_time() - began


@pytest.mark.parametrize(
    "text", ["# nothing\n" * 1_000_000, "a" * 10_000_000, "ä" * 5_000_000], ids=["lines", "letters", "umlauts"]
)
def test_ten_megabytes_are_refused_before_they_are_read(text: str, tmp_path: Path) -> None:
    code, took = refused(text)
    assert (code, took < AT_ONCE_S) == ("too_long", True)
    (tmp_path / "big.yaml").write_text(text, encoding="utf-8")
    assert refused(text_of(tmp_path / "big.yaml"))[0] == "too_long"


@pytest.mark.parametrize(
    "text",
    [
        "project: p\nlists: " + "[" * 1_000 + "]" * 1_000,
        "project: p\nlists: " + "[ \t" * 1_000,
        "[" * 200_000,
        "project: p\nlists: " + "{a: " * 1_000 + "}" * 1_000,
        "project: p\nlists: " + "[{" * 1_000,
        "project: p\nlists:\n" + "\n".join(" " * n + "a:" for n in range(1, 700)),
        "project: p\nlists:\n  " + "- " * 1_000 + "a",
        "? " * 1_000 + "a",
    ],
)
def test_a_thousand_levels_are_refused_before_they_are_built(text: str) -> None:
    code, took = refused(text)
    assert (code, took < AT_ONCE_S) == ("too_deep", True)


def test_brackets_in_a_row_say_where_they_begin() -> None:
    with pytest.raises(RulebookError) as error:
        parse("project: p\nlists: " + "[" * 40, {})
    assert (error.value.problems[0].line, error.value.problems[0].column) == (2, 8)


@pytest.mark.parametrize(
    ("rule", "code"), [("{}", "too_many"), ("", "too_many"), ("{lead: pql, when: [a >= 1], say: x}", "too_long")]
)
def test_ten_thousand_rules_are_refused_soon(rule: str, code: str) -> None:
    found, took = refused("project: p\nrules:\n" + "".join(f" r{n}: {rule}\n" for n in range(10_000)))
    assert (found, took < SOON_S) == (code, True)


@pytest.fixture(scope="module")
def naughty(test_data: Path) -> list[str]:
    """The big list of naughty strings."""
    strings: list[str] = json.loads((test_data / "blns" / "blns.json").read_text(encoding="utf-8"))
    assert len(strings) > 400
    return strings


def answer(tree: dict[str, Any]) -> tuple[str, ...]:
    """The codes of what is wrong with it, each said with its place, and harmless to a terminal; none: it is good."""
    problems: tuple[Problem, ...] = ()
    try:
        book = parse(json.dumps({"project": "p", **tree}, ensure_ascii=False), BASES)
    except RulebookError as error:
        problems = error.problems
    else:
        assert parse(book.resolved, {}).rulebook == book.rulebook
    assert all(each.line >= 1 and each.column >= 1 and each.message.isprintable() for each in problems)
    return tuple(each.code for each in problems)


def test_naughty_strings_as_names_are_refused_or_are_names(naughty: list[str]) -> None:
    accepted = [
        text
        for text in naughty
        for tree in (
            {"project": text},
            {"measures": {text: {"count": "A"}}},
            {"events": {text: "A"}},
            {"rules": {text: {"lead": "pql", "when": ["stage == free"], "say": "x"}}, "use": "b2b-saas@1"},
        )
        if not answer(tree)
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) for text in accepted)
    assert len(accepted) > 20


def test_naughty_strings_as_conditions_and_texts_are_refused_with_a_place(naughty: list[str]) -> None:
    for text in naughty:
        answer({"use": "b2b-saas@1", "rules": {"r": {"lead": "pql", "when": [text], "say": text}}})


def test_naughty_strings_as_events_and_values_work(naughty: list[str], tmp_path: Path) -> None:
    """Every one that a rulebook takes as an event's name is recognised when it comes, and as a value it equals itself."""
    taken = [text for text in naughty if not answer({"lists": {"l": [text]}, "events": {"a": [text]}})]
    assert len(taken) > 380
    for n in range(0, len(taken), 100):
        strings = taken[n : n + 100]
        quoted = [text for text in strings if '"' not in text]
        book = {
            "project": "p",
            "use": "b2b-saas@1",
            "events": {"came": strings},
            "lists": {"listed": quoted},
            "measures": {
                "number": {"count": "came"},
                "like": {"count": {"of": "Said", "where": "properties.text in listed"}},
            },
            "rules": {
                "all": {"lead": "pql", "when": [f"number >= {len(strings)}"], "say": "x"},
                "equal": {"lead": "mql", "when": [f"like >= {len(quoted)}"], "say": "x"},
            },
        }
        given: list[dict[str, Any]] = [{"at": "day 1 10:00", "track": text} for text in strings]
        given += [{"at": "day 2 10:00", "track": "Said", "properties": {"text": text}} for text in quoted]
        expect = {"signals": [{"rule": "all", "at": "day 1 10:00"}, {"rule": "equal", "at": "day 2 10:00"}]}
        (tmp_path / "rulebook.yaml").write_text(json.dumps(book, ensure_ascii=False), encoding="utf-8")
        file = tmp_path / "naughty.yaml"
        scenarios = {"All of them": {"given": given, "expect": expect}}
        file.write_text(json.dumps({"rulebook": "rulebook.yaml", "scenarios": scenarios}, ensure_ascii=False), encoding="utf-8")
        [scenario] = read(file)
        assert wrong(scenario) is None
