"""A rule that stands nowhere rests until an event could change that: not one event longer, and whatever it is."""

from dataclasses import replace

import pytest

from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Rulebook
from tests.detector.core.sample import RULEBOOK, at_least
from tests.detector.core.story import Story, types


def resting(emails: int) -> Story:
    """An account that may send 40 a month, and has sent so many: its limit rests."""
    story = Story()
    story.plan("standard", 0)
    for n in range(emails):
        assert story.happens("Email Sent", 1, ms=n) == []
    assert "limit/emails" in story.account.resting
    return story


def test_a_counter_rests_until_the_very_event_that_reaches_a_step() -> None:
    story = resting(31)
    [created] = story.happens("Email Sent", 2)
    assert created.data["signals"][0]["step"] == "80%"


def test_what_rests_is_not_looked_at() -> None:
    story = resting(1)
    left = story.account.resting["limit/emails"].events
    story.happens("Email Sent", 2)
    story.happens("Shared", 2, ms=1)
    assert story.account.resting["limit/emails"].events == left - 1 > 20


def test_a_refusal_wakes_a_limit() -> None:
    assert types(resting(2).happens("Send Refused", 2)) == [("lead.created", "xql")]


@pytest.mark.parametrize("late", [False, True])
def test_a_smaller_plan_wakes_a_limit(late: bool) -> None:
    story = resting(5)
    told = story.plan("free", 0.5 if late else 2)
    assert ("lead.created", "pql") in types(told)


def test_late_events_count() -> None:
    """So many that the next one in order is enough."""
    story = resting(29)
    assert story.happens("Email Sent", 0.5) == story.happens("Email Sent", 0.6) == []
    assert types(story.happens("Email Sent", 2)) == [("lead.created", "xql")]


def test_another_rulebook_begins_anew() -> None:
    story = resting(10)
    story.program = compile_rulebook(RULEBOOK, 4)
    assert story.happens("Email Sent", 2) == []
    assert story.account.resting["limit/emails"].events == 20


def test_days_of_premium_use_are_waited_for_one_by_one() -> None:
    """An event is on one day, however many features it uses."""
    story = Story(compile_rulebook(wanting_premium_days(4), 4))
    story.plan("free", 0)
    assert story.happens("Automation Opened", 1) == []
    rest = story.account.resting["premium"]
    assert (rest.part, rest.events) == (1, 3)
    assert story.happens("AB Opened", 2) == story.happens("Automation Opened", 3) == []
    assert types(story.happens("Automation Opened", 4)) == [("lead.created", "pql")]


def test_more_of_the_same_day_is_not_looked_at_and_the_next_day_is() -> None:
    story = Story()
    story.plan("free", 0)
    assert story.happens("Automation Opened", 1) == []
    rest = story.account.resting["premium"]
    assert all(story.happens("Automation Opened", 1, ms=n) == [] for n in range(1, 9))
    assert story.account.resting["premium"] is rest
    assert types(story.happens("Automation Opened", 2)) == [("lead.created", "pql")]


def test_a_gauge_rests_below_its_first_step_and_not_at_it() -> None:
    story = Story()
    story.plan("free", 0)
    assert story.contacts(3, 1) == []
    rest = story.account.resting["limit/contacts"]
    assert all(story.contacts(total, 2, ms=n) == [] for n, total in enumerate((7.99, 1, 7.999)))
    assert story.account.resting["limit/contacts"] is rest
    assert types(story.contacts(8, 3)) == [("lead.created", "pql")]


@pytest.mark.parametrize("plan", ["free", None])
def test_a_gauge_that_rests_is_woken_by_a_smaller_plan_and_by_a_refusal(plan: str | None) -> None:
    story = Story()
    story.plan("standard", 0)
    assert story.contacts(30, 1) == []
    assert story.account.resting["limit/contacts"].below > 0
    assert story.happens("Import Refused", 2) if plan is None else story.plan(plan, 2)


def wanting_premium_days(days: int) -> Rulebook:
    rules = [replace(rule, when=(at_least("premium_days", days),)) if rule.name == "premium" else rule for rule in RULEBOOK.rules]
    return replace(RULEBOOK, rules=tuple(rules))
