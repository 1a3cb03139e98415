"""The kept fuzzer of the loader, the checker and the condition language: damaged rulebooks get refusals, and soon; nothing else.

Some seconds in `make test`, always the same inputs; an hour of others in `make soak`.
"""

import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from detector.core.rulebook.changing import changes
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.conditions import typed
from detector.core.rulebook.model import Type
from detector.core.rulebook.names import Names, Place
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.rulebook.problems import Refusal
from detector.rulebooks import bases, trial

ROOT = Path(__file__).parents[3]
BASES = bases()
SOAK = os.environ.get("HANDRAISER_SOAK") == "1"
RULEBOOKS, CONDITIONS = (300_000, 3_000_000) if SOAK else (1_200, 6_000)
SEED = random.SystemRandom().randrange(2**32) if SOAK else 20_261_126
SLOW_S = 2.0
NAMES = Names(
    measures={"imports": Type.NUMBER, "people": Type.NUMBER, "tone": Type.ANY, "stuck": Type.BOOL},
    several=frozenset(["people"]),
    lists={"topics": ("a", "b")},
    plans=("free", "pro"),
    events=("sent",),
    limits=("contacts",),
    rules={"busy": "when", "limit": "each"},
)
PLACE = Place("`when`", rules=True, limit=True, event=True, properties=True)
_TOKENS = re.compile(r"\s+|\w+|[^\w\s]")
ODD = [
    *(
        "\t",
        "\0",
        "\x1b",
        "\u2028",
        "\ufeff",
        "\ud800",
        "é",
        "💩",
        "- ",
        "? ",
        ": ",
        " #",
        "&a ",
        "*a",
        "!t ",
        "|\n",
        ">\n",
        "---\n",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "\\",
        "%",
        "@",
        "`",
        "~",
        "null",
        "true",
        "NO",
        "1e308",
        "-1",
        "0",
        "9" * 40,
        "1e",
        "80%",
        "14d",
    ),
    *(
        "and",
        "or",
        "not",
        "in",
        "between",
        "(",
        ")",
        "==",
        "<=",
        "/",
        "*",
        "-",
        "properties.x",
        "limit.used",
        "trial.left",
        "imports",
    ),
]


def corpus() -> list[str]:
    files = [*ROOT.glob("examples/**/rulebook.yaml"), *ROOT.glob("tests/scenarios/rulebooks/*.yaml")]
    golden = (ROOT / "tests" / "detector" / "rulebook" / "refusals.txt").read_text(encoding="utf-8")
    wrong = [block.partition("\n")[2].partition("-----\n")[0] for block in golden.split("===== ")[1:]]
    return [trial(), *(file.read_text(encoding="utf-8") for file in sorted(files)), *wrong]


def damaged(text: str, others: list[str], dice: random.Random) -> str:
    """Mostly words that change places, which leaves YAML whole; else cuts, copies and odd things, at the edges of words."""
    tokens = _TOKENS.findall(text)
    other = _TOKENS.findall(dice.choice(others))
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        at = dice.randrange(len(tokens) + 1)
        words = [n for n, token in enumerate(tokens) if token[0].isalnum()]
        match dice.randrange(12):
            case 0:
                del tokens[at : at + dice.choice([1, 1, 2, 10])]
            case 1:
                tokens.insert(at, dice.choice(ODD))
            case 2 | 3 if words:
                tokens[dice.choice(words)] = dice.choice(ODD)
            case 4:
                start = dice.randrange(len(other) + 1)
                tokens[at:at] = other[start : start + dice.randrange(40)]
            case 5:
                tokens[at:at] = tokens[at : at + dice.randrange(60)] * dice.choice([1, 1, 2, 50])
            case _ if words:
                tokens[dice.choice(words)] = dice.choice([token for token in (*other, *tokens) if token[0].isalnum()])
            case _:
                pass
    return "".join(tokens)


def answered(text: str) -> str:
    """`good`, or the code of the first problem. Anything but an answer within SLOW_S fails."""
    began = time.process_time()
    try:
        book = parse(text, BASES)
    except RulebookError as refused:
        problems = refused.problems
    else:
        problems = ()
        compile_rulebook(book.rulebook, 1)
        assert changes(book.resolved, book.resolved) == []
    assert all(each.line >= 1 and each.column >= 1 and each.message.isprintable() for each in problems)
    assert time.process_time() - began < SLOW_S, "too slow"
    return problems[0].code if problems else "good"


@pytest.mark.timeout(7_200 if SOAK else 120)
def test_damaged_rulebooks_get_an_answer() -> None:
    dice, texts, seen = random.Random(SEED), corpus(), Counter[str]()
    for n in range(RULEBOOKS):
        text = damaged(dice.choice(texts), texts, dice)
        try:
            seen[answered(text)] += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}, input {n}: {text!r}") from error
    print(f"seed {SEED}: {dict(seen)}")
    assert seen["good"] > RULEBOOKS / 50, "damage that leaves something to look at"
    assert seen.keys() > {"yaml", "unknown_key", "unknown_name", "value", "missing", "syntax", "duplicate_key", "type"}


@pytest.mark.timeout(3_600 if SOAK else 120)
def test_conditions_of_any_tokens_get_an_answer() -> None:
    dice, seen = random.Random(SEED), Counter[str]()
    pieces = [
        *(
            "imports",
            "tone",
            "stuck",
            "stage",
            "plan",
            "plan.change",
            "limit.percent",
            "limit.used",
            "trial.left",
            "person.title",
        ),
        *(
            "account.x",
            "properties.y.z",
            "event",
            "topics",
            "5",
            "0",
            "2.5",
            "80%",
            "14d",
            '"x"',
            "'y'",
            "free",
            "true",
            "[1, 2]",
            "up",
        ),
        *("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "and", "or", "not", "in", "between", "(", ")", ",", "[", "]"),
        *("matches", "contains", "starts with", "ends with", "covers", "is known", "is missing", "since(", "until(", "account.x"),
        *("people", "rules.busy", "rules.limit", "limits.contacts.percent", "customer_since", "'(a+)+$'", "'(?=x)'"),
    ]
    for n in range(CONDITIONS):
        length = dice.choice([1, 3, 3, 5, 7, 12, 60])
        text = dice.choice([" ", " ", ""]).join(dice.choice(pieces if dice.random() < 0.97 else ODD) for _ in range(length))
        refusal = None
        try:
            typed(text, NAMES, PLACE)
        except Refusal as refused:
            refusal = refused
        except Exception as error:
            raise AssertionError(f"seed {SEED}, input {n}: {text!r}") from error
        assert refusal is None or (0 <= refusal.offset <= len(text) and str(refusal)), text
        seen["good" if refusal is None else refusal.code] += 1
    print(f"seed {SEED}: {dict(seen)}")
    assert seen["good"] > CONDITIONS / 200
    assert seen.keys() > {"syntax", "type", "unknown_name"}
