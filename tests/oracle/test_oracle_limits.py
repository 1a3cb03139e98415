"""The oracle's limits and plans, against answers that were worked out by hand."""

from typing import Any

from tests.oracle.account import Account
from tests.oracle.oracle import Signal, signals
from tests.oracle.test_oracle import DAY, HOUR, T0, Story

LIMITS: dict[str, Any] = {
    "storage": {"last": "properties.kb", "of": "Measured", "worst_by": "properties.part"},
    "tokens": {"sum": "properties.n", "of": "Called", "resets": "month", "at": [{"75%": "product"}, "150%"]},
    "people": {"distinct": "person", "of": "Called", "resets": "month"},
    "length": {"max": "properties.s", "of": "Recorded", "each": "recording", "unit": "s"},
    "guests": {"last": "properties.n", "of": "Invited", "if": ("compare", "members", ">=", 2)},
    "rows": {"last": "properties.n", "of": "Counted"},
}
PLANS: dict[str, Any] = {
    "free": [
        {"stage": "free", "allows": {"storage": 10, "rows": 10}},
        {"from": "2026-06-01", "stage": "free", "allows": {"storage": 5, "rows": 10}},
    ],
    "pro": {
        "stage": "paying",
        "allows": {"storage": 100, "tokens": 100, "length": "5m", "guests": 10, "rows": 100},
        "tolerance": {"rows": "10%"},
        "at": {"storage": ["50%"]},
    },
}
ADDONS: dict[str, Any] = {"pack": {"adds": {"storage": 50}, "gives": ["ai"]}}
STEPS = {"family": "usage_limit", "each": "limit", "at": ["80%", "100%"]}
JUNE = T0 + 5 * DAY


def book(**more: Any) -> dict[str, Any]:
    measures = {"members": {"distinct": "person", "of": "Joined"}}
    found = {"limits": LIMITS, "plans": PLANS, "addons": ADDONS, "measures": measures, "rules": {}}
    return {**found, "features": {"ai": {"used": "AI Used"}}, **more}


def account(story: Story, **more: Any) -> Account:
    return Account(book(**more), story.events)


def test_of_parts_the_fullest_counts_as_it_was_told_last() -> None:
    story = Story().plan("pro", 0)
    for day, part, kb in ((1, "b", 5), (2, "a", 9), (3, "a", 5), (4, None, 70)):
        story.add("Measured", day, properties={"part": part, "kb": kb})
    found = account(story)
    assert [found.used("storage", T0 + day * DAY) for day in (0, 1, 2, 3, 4)] == [None, 5, 9, 5, 5]
    assert [found.worst("storage", T0 + day * DAY) for day in (2, 3)] == ["a", "a"]


def test_sums_and_different_persons_are_of_the_month() -> None:
    story = Story().plan("pro", 0).add("Called", 1, person="bo", properties={"n": 40})
    story.add("Called", 5, properties={"n": 0.5}).add("Called", 6, person="bo", properties={"n": -3})
    found = account(story)
    assert [found.used("tokens", t) for t in (T0 + DAY, JUNE - 1, JUNE, T0 + 6 * DAY)] == [40, 40, 0.5, 0.5]
    assert [found.used("people", t) for t in (T0 + DAY, JUNE, T0 + 6 * DAY)] == [1, 1, 2]


def test_a_limit_is_there_only_while_its_condition_holds_and_amounts_have_a_unit() -> None:
    story = Story().plan("pro", 0).add("Invited", 1, properties={"n": 9}).add("Joined", 1).add("Joined", 2, person="bo")
    found = account(story)
    assert [found.percent("guests", T0 + day * DAY) for day in (1, 2)] == [None, 0.9]
    assert found.allowed("length", T0) == 300


def test_steps_of_the_limit_the_plan_and_with_tolerance() -> None:
    story = Story().plan("pro", 0)
    story.add("Called", 1, properties={"n": 75}).add("Called", 2, properties={"n": 75})
    story.add("Measured", 1, properties={"part": "a", "kb": 50})
    story.add("Counted", 1, properties={"n": 109}).add("Counted", 2, properties={"n": 110})
    found = signals(book(rules={"limit": STEPS}), story.events, T0 + 3 * DAY)
    assert found == {
        Signal("product", "limit/tokens/product", "75%", T0 + DAY),
        Signal("xql", "limit/tokens", "150%", T0 + 2 * DAY),
        Signal("xql", "limit/storage", "50%", T0 + DAY),
        Signal("xql", "limit/rows", "100%", T0 + DAY),
    }


def test_terms_change_on_their_day_and_add_ons_add_to_them() -> None:
    story = Story().plan("free", 0).add(None, 1, type="group", person=None, traits={"addons": ["pack", "pack"]})
    found = account(story, features={})
    assert [found.allowed("storage", t) for t in (T0, T0 + DAY, JUNE - 1, JUNE)] == [10, 110, 110, 105]
    assert found.standing(T0 + DAY).plan is not None
    assert "ai" in (found.standing(T0 + DAY).plan or {})["has"]


def test_a_plan_with_since_counts_in_place_of_all_that_was_said_of_later_times() -> None:
    story = Story().add(None, 2, type="group", person=None, traits={"tier": "free"})
    story.add(None, 4, type="group", person=None, traits={"tier": "pro", "since": T0 + DAY})
    found = account(story, plan={"from": "account.tier", "since": "account.since"}, no_plan="free")
    assert [found.standing(T0 + day * DAY).name for day in (0, 1, 2, 3, 4)] == ["free", "pro", "pro", "pro", "pro"]


def test_how_long_a_stage_a_plan_and_paying_have_lasted() -> None:
    story = Story().add("Called", 1).plan("pro", 2).plan("free", 4).plan("pro", 7)
    found = account(story, no_plan="free")
    lasted = {name: [found.value(name, T0 + day * DAY) for day in (0, 1, 2, 3, 8)] for name in ("stage.for", "paying.for")}
    assert lasted == {"stage.for": [None, 0, 0, DAY, DAY], "paying.for": [None, None, 0, DAY, 6 * DAY]}
    assert found.value("plan.for", T0 + 6 * DAY) == 2 * DAY


def test_a_line_through_two_midnights_says_when_it_is_full() -> None:
    story = Story().plan("free", 0).add("Counted", 0, ms=HOUR, properties={"n": 1}).add("Counted", 3, properties={"n": 8})
    found = account(story)
    assert found.full_in("rows", T0 + 8 * DAY - 1) is None
    assert found.full_in("rows", T0 + 8 * DAY) == found.full_in("rows", T0 + 9 * DAY - 1) == 2 * DAY
    assert found.full_in("rows", T0 + 10 * DAY) is None
