"""Properties of the parser: whatever the text, an answer; what is accepted comes out of its resolved text again."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.core.rulebook.parse import Problem, RulebookError, parse
from detector.rulebooks import bases, trial

calm = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])

BASES = bases()
WORDS = [
    *("project", "use", "currency", "account", "person", "lists", "events", "measures", "limits", "features", "plans", "no_plan"),
    *(
        "onboarding",
        "lead_types",
        "close",
        "rules",
        "timezone",
        "score",
        "steps",
        "within",
        "by",
        "won",
        "lost",
        "to",
        "do",
        "answer_in",
    ),
    *(
        "family",
        "lead",
        "each",
        "at",
        "when",
        "event",
        "say",
        "cooldown",
        "count",
        "distinct",
        "last",
        "of",
        "where",
        "window",
        "resets",
    ),
    *(
        "used",
        "refused",
        "stage",
        "price",
        "allows",
        "has",
        "label",
        "a",
        "b",
        "b2b-saas@1",
        "EUR",
        "group",
        "limit",
        "free",
        "paying",
    ),
    *(
        "usage_growth",
        "upgrade_intent",
        "active",
        "premium",
        "day",
        "month",
        "none",
        "pql",
        "{account}",
        "{limit.used}",
        "80%",
        "14d",
    ),
    *(
        *("timezone", "Europe/Berlin", "billing_day", "account.a", "by", "person", "during", "first 1d of a", "week 4 of a"),
        *("sum", "min", "max", "streak", "since", "elapsed", "sequence", "all", "most_by", "page", "/a*", "billing period"),
        *("a.earlier >= 1", "a.rising_weeks >= 1", "a >= 3d", "never", "week", "{a.earlier}"),
        *("like", "days", "then", "trial", "absent", "after", "lateness", "30m", "trial.left <= 3d", "not a"),
        *("unit", "bytes", "5 GB", "worst_by", "sum", "max", "if", "addons", "adds", "gives", "tolerance", "per", "from", "10%"),
        *("2024-08-26", "plan", "since", "account.x", "product", "limit.full_in <= 3d", "stage.for >= 90d", "seats", "s", "5m"),
        "active_days >= 3",
        "plan == a",
        "properties.x in a",
        "stage == free",
        "plan.change == up",
        *(
            "until(account.x) <= 3d",
            "rules.a",
            "not rules.b",
            "a covers b",
            "account.x is missing",
            "properties.x matches '(a+)+$'",
        ),
        "properties.total",
        "",
        "1",
        "0.5",
    ),
]
PUNCTUATION = [
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "- ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    " #",
    "'",
    '"',
    "&a ",
    "*a",
    "!b ",
    "|",
    ">",
    "\t",
    "---\n",
    "?",
    "%",
]

words = st.sampled_from(WORDS)
values: st.SearchStrategy[Any] = st.recursive(
    words | st.booleans() | st.none() | st.integers(-5, 10**18) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=30,
)


def answer(text: str) -> None:
    """A refusal with its reasons, or a rulebook that its resolved text gives again; any other exception fails the test."""
    problems: tuple[Problem, ...] = ()
    try:
        book = parse(text, BASES)
    except RulebookError as error:
        problems = error.problems
        str(error).encode()
    if problems:
        assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)
        return
    again = parse(book.resolved, {})
    assert again.rulebook == book.rulebook
    assert again.resolved == book.resolved


@calm
@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    answer(text)


@calm
@given(st.lists(words | st.sampled_from(PUNCTUATION), max_size=60).map("".join))
def test_any_yaml_like_text_gets_an_answer(text: str) -> None:
    answer(f"project: p\n{text}")


@calm
@given(st.dictionaries(words, values, max_size=6))
def test_any_tree_of_known_words_gets_an_answer(tree: dict[str, Any]) -> None:
    answer(json.dumps({**tree, "project": "p"}, ensure_ascii=False))


@settings(calm, max_examples=60)
@given(st.data())
def test_any_damage_to_a_good_rulebook_gets_an_answer(data: st.DataObject) -> None:
    text = trial()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(words | st.sampled_from(PUNCTUATION) | st.text(max_size=3)) + text[end:]
    answer(text)


names = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(
    lambda name: name not in {"and", "or", "not", "in", "true", "false", "event", "plan"}
)
texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12).filter(
    lambda text: text.strip() != ""
)


@settings(calm, max_examples=40)
@given(
    st.dictionaries(names, st.lists(texts, min_size=1, max_size=3), max_size=4),
    st.dictionaries(names, st.lists(texts, max_size=3), max_size=3),
    st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True),
    st.integers(1, 90),
    st.sampled_from(["free", "paying", "churned"]),
)
def test_a_well_formed_rulebook_is_accepted(
    events: dict[str, list[str]], lists: dict[str, list[str]], steps: list[int], days: int, stage: str
) -> None:
    tree = {
        "project": "p",
        "use": "b2b-saas@1",
        "lists": {f"list_{name}": found for name, found in lists.items()},
        "events": {f"e_{name}": found for name, found in events.items()},
        "measures": {f"m_{name}": {"count": f"e_{name}", "window": f"{days}d"} for name in events},
        "rules": {
            "limit": {"at": [f"{step}%" for step in steps], "cooldown": f"{days}d", "lateness": f"{days}h"},
            **{
                f"r-{name}": {"lead": "pql", "when": [f"m_{name} >= {days}", f"stage == {stage}"], "say": f"{{m_{name}}}"}
                for name in events
            },
        },
    }
    text = json.dumps(tree, ensure_ascii=False)
    rulebook = parse(text, BASES).rulebook
    assert {
        name: [term.name for term in selector.terms] for name, selector in rulebook.events.items() if name.startswith("e_")
    } == {f"e_{name}": list(dict.fromkeys(found)) for name, found in events.items()}
    answer(text)
