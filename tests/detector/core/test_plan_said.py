"""Who may say an account's plan and add-ons, and from when on it counts."""

from typing import Any

import pytest

from detector.core.facts.facts import Facts
from detector.core.fold import fold
from detector.core.measures.addons import canonical, counts_in
from detector.core.measures.moment import Moment
from detector.core.offer import offer, offer_data
from detector.core.rulebook.compile import Program, compile_rulebook
from detector.core.rulebook.parse import parse
from tests.detector.core.sample import DAY, T0, usage

BOOK = """
project: huddle
limits: {{seats: {{last: properties.n, of: Seats Counted}}}}
features: {{sso: {{used: SSO Opened}}}}
plans:
  free: {{stage: free, price: 0, allows: {{seats: 5}}}}
  pro: {{stage: paying, price: 8, per: member, allows: {{seats: 10}}}}
  max: {{stage: paying, price: 20, allows: {{seats: 50}}, has: [sso]}}
addons:
  more: {{price: 5, adds: {{seats: 100}}}}
  keys: {{price: 5, gives: [sso]}}
no_plan: free
{more}
"""


def program(more: str = "") -> Program:
    return compile_rulebook(parse(BOOK.format(more=more), {}).rulebook, 1)


def standing(rules: Program, facts: Facts, t: int) -> tuple[str | None, float | None, bool]:
    found = Moment(facts, rules.ladder, t).standing
    assert found.plan is not None
    return found.name, found.plan.allows["seats"], "sso" in found.kept


def test_add_ons_count_as_often_as_they_are_had_and_give_what_they_give() -> None:
    rules, facts = program(), Facts()
    fold(rules, facts, usage("m1", T0, kind="group", traits={"plan": "pro", "addons": {"more": 2, "keys": True, "other": 1}}))
    fold(rules, facts, usage("m2", T0 + DAY, kind="group", traits={"addons": None}))
    assert [standing(rules, facts, t) for t in (T0 - 1, T0, T0 + DAY)] == [
        ("free", 5, False),
        ("pro", 210, True),
        ("pro", 10, False),
    ]


@pytest.mark.parametrize("more", ["", "plan: {from: account.tier}", "plan: {from: properties.tier, of: Changed}"])
def test_a_browser_neither_upgrades_an_account_nor_gives_it_add_ons(more: str) -> None:
    rules, facts = program(more), Facts()
    traits = {"plan": "max", "tier": "max", "addons": ["more"]}
    for event in (
        usage("m1", T0, kind="group", traits=traits, trust="browser"),
        usage("m2", T0, "Changed", properties={"tier": "max"}, trust="browser"),
    ):
        fold(rules, facts, event)
    assert standing(rules, facts, T0) == ("free", 5, False)


@pytest.mark.parametrize(
    ("said", "canonically"),
    [
        (["b", "a", "b"], "a:1,b:2"),
        ("b, a", "a:1,b:1"),
        ({"a": 2.0, "b": 0, "c": -1, "d": True, "e": "3", "f": 1e300}, "a:2,d:1,f:1000000"),
        ({"a,b": 1, "c:d": 1, "": 1, "x" * 65: 1}, ""),
        ([3, None, {"a": 1}, "a"], "a:1"),
        (None, ""),
        (7, ""),
        ([f"{number:064}" for number in range(50)], None),
    ],
)
def test_add_ons_are_kept_as_one_text(said: Any, canonically: str | None) -> None:
    assert canonical(said) == canonically
    if canonically:
        assert ",".join(f"{name}:{number}" for name, number in counts_in(canonically)) == canonically


def test_counts_of_a_text_that_is_none_of_ours_are_none() -> None:
    assert [counts_in(each) for each in (None, "", "a,b", 3, "a:x")] == [(), (), (), (), ()]


@pytest.mark.parametrize(
    ("since", "counts_from"),
    [
        (None, T0 + 3 * DAY),
        ("2026-05-28T12:00:00+02:00", T0 + DAY + 10 * 3_600_000),
        ("2026-05-28", T0 + DAY),
        (T0 + DAY, T0 + DAY),
        ((T0 + DAY) // 1000, T0 + DAY),
        ("2027-01-01", T0 + 3 * DAY),
        ("yesterday", T0 + 3 * DAY),
        (True, T0 + 3 * DAY),
        (-5, T0 + 3 * DAY),
        (1e300, T0 + 3 * DAY),
    ],
)
@pytest.mark.parametrize("of_event", [False, True])
def test_a_plan_counts_from_the_time_that_is_said_beside_it(since: Any, counts_from: int, *, of_event: bool) -> None:
    said = {"tier": "pro", "since": since}
    if of_event:
        rules = program("plan: {from: properties.tier, of: Changed, since: properties.since}")
        event = usage("m1", T0 + 3 * DAY, "Changed", properties=said)
    else:
        rules = program("plan: {from: account.tier, since: account.since}")
        event = usage("m1", T0 + 3 * DAY, kind="group", traits=said)
    facts = Facts()
    assert fold(rules, facts, event) == counts_from
    assert [standing(rules, facts, t)[0] for t in (counts_from - 1, counts_from)] == ["free", "pro"]


def test_an_offer_says_what_its_price_is_for_and_knows_the_add_ons_that_stay() -> None:
    rules, facts = program(), Facts()
    fold(rules, facts, usage("m1", T0, kind="group", traits={"plan": "free", "addons": ["more"]}))
    fold(rules, facts, usage("m2", T0, "Seats Counted", properties={"n": 104}))
    offered = offer(rules, Moment(facts, rules.ladder, T0))
    assert offered is not None
    assert (offered.plan.name, offered.covers) == ("pro", ("seats",))
    assert offer_data(offered, "EUR")["per"] == "member and month"
