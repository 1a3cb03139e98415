"""`why` says of made-up rules what the naive oracle says: which hold, and of those that do not, which lines are missing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.core.account import Account as Stored
from detector.core.ledger import LedgerStore
from detector.core.verdict import holds
from detector.core.why.account import Asked
from detector.core.why.shape import Part, RuleWhy
from detector.core.why.sleeping import Arrivals
from tests.oracle.account import Account
from tests.oracle.oracle import Rule, every_rule
from tests.truth.books import rulebooks
from tests.truth.driver import ACCOUNT, PROJECT, program
from tests.truth.generate import CASES, SOAK, Case, cases
from tests.truth.test_facts import folded

pytestmark = pytest.mark.timeout(1_800 if SOAK else 600)
TIMES = 12
"""Of one case."""


@st.composite
def books(draw: st.DrawFn) -> dict[str, Any]:
    """Without a score, and the rule that looks at it: it would count signals, and nothing is judged here."""
    book = {key: value for key, value in draw(rulebooks()).items() if key != "score"}
    return {**book, "rules": {name: rule for name, rule in book["rules"].items() if name != "ready"}}


def _lines(why: RuleWhy, rule: Rule) -> list[Part]:
    """Of the rule's `when`: they stand behind what else it needs."""
    return list(why.parts[len(why.parts) - len(rule.conditions) :])


def _whole(part: Part) -> None:
    """Its sides explain it: what is missing is missing for a reason, and nothing else is."""
    assert part.missing or not part.needs
    assert not part.missing or (part.needs and part.lacking >= 1 and 0 <= part.share <= 1), part
    if part.how is not None:
        hold = [side.holds is True for side in part.parts]
        assert (part.holds is True) is (all(hold) if part.how == "all" else any(hold)), part
        assert [side.missing for side in part.parts] == [part.missing and not held for held in hold], part
    for side in part.parts:
        _whole(side)


def _times(case: Case, rules: list[Rule], data: st.DataObject) -> list[int]:
    """Some of those at which an answer can change, a millisecond before, and when requests were made."""
    found = {t for rule in rules for t in rule.instants(case.horizon)}
    every = sorted(found | {t - 1 for t in found} | {event["timestamp"] for event in case.log})
    return data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=TIMES, unique=True)) if every else []


@settings(CASES, max_examples=1_000 if SOAK else 100)
@given(cases(most=14, books=books()), st.data())
def test_why_says_what_the_oracle_says(case: Case, data: st.DataObject) -> None:
    compiled = program(case.book)
    stored = Stored(PROJECT, ACCOUNT, folded(compiled, case).account.facts, LedgerStore())
    asked, oracle = Asked(compiled), Account(case.book, case.log)
    rules = {rule.name: rule for name in case.book["rules"] for rule in every_rule(oracle, name, case.horizon)}
    arrivals = Arrivals({event["name"] for event in case.log if event["type"] == "track"})
    for t in _times(case, list(rules.values()), data):
        told = {why.rule: why for why in asked.why(stored, t, arrivals).rules}
        assert told.keys() == rules.keys()
        for name, rule in rules.items():
            judged = holds(compiled.judged[name], asked.moment(stored, t)).held
            _agrees(told[name], rule, t, judged)
            near = asked.rule(name).nearness(asked.moment(stored, t))
            assert near is None or near == told[name].nearness, (name, t)


def _agrees(why: RuleWhy, rule: Rule, t: int, judged: bool | None) -> None:
    expected, place = rule.rank(t) > 0, (rule.name, t)
    asking = rule.asked(t) if "event" in rule.rule else None
    assert (why.holds is True) is (why.stand == "holds") is (judged is True) is expected, place
    assert any(part.missing for part in why.parts) is not expected, place
    assert (why.nearness == (0, 0, 0)) is expected, place
    assert expected or why.needs, place
    for part in why.parts:
        _whole(part)
    if "event" in rule.rule and asking is None:
        return  # the oracle knows nothing of a request that nobody makes
    lines = [rule.holds(condition, t, asking) for condition in rule.conditions]
    assert [part.holds for part in _lines(why, rule)] == lines, place
    assert [part.missing for part in _lines(why, rule)] == [held is not True for held in lines], place
    for part, condition in zip(_lines(why, rule), rule.conditions, strict=True):
        at = part.expected_at if part.by == "time" and part.how is None else None
        if at is not None and asking is None:  # as it says when nothing happens; here later events are known
            assert at > t, place
            assert rule.holds(condition, at, None) is True, (place, condition)
            assert rule.holds(condition, at - 1, None) is not True, (place, condition)
