"""Any line of `when` means, at any time, what the naive oracle says; and it stays so until the instant that was announced."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.core.measures.moment import Moment
from tests.oracle.account import Account
from tests.oracle.oracle import Rule
from tests.truth.books import conditions, rulebooks
from tests.truth.driver import program
from tests.truth.generate import CASES, SOAK, Case, cases
from tests.truth.test_facts import folded

pytestmark = pytest.mark.timeout(1_800 if SOAK else 600)
LINES = 8
"""Of one case: the facts are folded once, and asked for each."""


@st.composite
def books_of_lines(draw: st.DrawFn) -> dict[str, Any]:
    """The rules are one line each, and may look at those before. There is no score: it would count the rules that were there."""
    book = {key: value for key, value in draw(rulebooks()).items() if key != "score"}
    rules: dict[str, Any] = {}
    for number in range(LINES):
        line = draw(conditions(book, [], list(rules)))
        rules[f"c{number}"] = {"lead": "sales_sql", "when": [line], "say": "x"}
    return {**book, "rules": rules}


def _times(case: Case, oracle: list[Rule]) -> list[int]:
    """Where the oracle sees that an answer can change, and a millisecond before."""
    found = {t for rule in oracle for t in rule.instants(case.horizon)}
    return sorted(found | {t - 1 for t in found})


@settings(CASES, max_examples=3_000 if SOAK else 150)
@given(cases(most=14, books=books_of_lines()))
def test_a_line_means_what_the_oracle_says_until_its_next_instant(case: Case) -> None:
    book, rules = case.book, program(case.book)
    facts = folded(rules, case).account.facts
    account = Account(book, case.log)
    oracle = {name: Rule(account, name, rule, None, None, case.horizon) for name, rule in book["rules"].items()}
    times = _times(case, list(oracle.values()))
    for name, rule in oracle.items():
        judged, line = rules.judged[name], book["rules"][name]["when"][0]
        before, announced = object(), -1
        for t in times:
            moment = Moment(facts, rules.ladder, t)
            judged.look(moment)
            held = judged.guard(moment)
            assert held is rule.holds(line, t, None), (line, t)
            assert t >= announced or held is before, (line, t, "an instant too early")
            before, announced = held, judged.next(moment)
