"""Rules that time alone can move: nobody looks at an account before that could matter, and then somebody does."""

from detector.core.instants import NEVER
from detector.core.judge import advance
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place
from tests.detector.core.story import Story, types

BOOK = """
project: acme-mail
use: b2b-saas@1
events: {signed_up: Signed Up}
measures:
  here_for: {since: signed_up}
  notes: {count: Note Written, window: 7d}
  today: {count: Note Written, window: day}
rules:
  loyal: {lead: pql, when: [here_for >= 20d, notes >= 2], say: x}
  quiet: {lead: mql, when: [today < 1, notes >= 3], say: x}
"""
PROGRAM = compile_rulebook(parse(BOOK, bases()).rulebook, 1)
MONDAY = 26
"""Whole weeks begin on days 5, 12, 19 and 26."""


def grown(people: tuple[int, ...]) -> Story:
    """So many people were active in the week of day 0, and in those after it."""
    story = Story(PROGRAM)
    for week, number in enumerate(people):
        for person in range(number):
            assert story.happens("A", week * 7, ms=person, person=f"p{person}") == []
    return story


def due(story: Story, rule: str) -> int:
    state = story.account.ledger.rules.get(rule)
    return NEVER if state is None else state.due


def test_a_small_account_has_no_timer_though_it_grows() -> None:
    story = grown((1, 2, 3, 4))
    assert due(story, "growth") == NEVER
    assert "growth" in story.account.resting.rests


def test_only_somebody_new_can_make_it_a_large_one() -> None:
    story = grown((1, 2, 3, 4))
    story.happens("A", 21, ms=9, person="p3")
    resting = story.account.resting.rests["growth"]
    for n in range(20):
        story.happens("A", 22, ms=n, person=f"p{n % 4}")
    assert story.account.resting.rests["growth"] is resting
    story.happens("A", 23, person="p5")
    assert due(story, "growth") == T0 + MONDAY * DAY


def test_a_large_one_is_looked_at_when_the_week_is_over_and_not_at_each_event() -> None:
    story = grown((1, 2, 4, 6))
    assert due(story, "growth") == T0 + MONDAY * DAY
    story.happens("A", 22, person="p0")
    assert story.account.resting.rests["growth"].until == T0 + MONDAY * DAY
    resting = story.account.resting.rests["growth"]
    story.happens("A", 23, person="p1")
    assert story.account.resting.rests["growth"] is resting, "it was not looked at again"
    told = advance(PROGRAM, story.account, place(T0 + (MONDAY + 1) * DAY, 99))
    assert types(told) == [("lead.created", "pql")]
    assert told[0].data["qualified_at"].startswith("2026-06-22T00:00:00")


def test_an_event_in_the_new_week_comes_before_the_timer_and_hides_nothing() -> None:
    story = grown((1, 2, 4, 6))
    told = story.happens("A", MONDAY, ms=5, person="p9")
    assert types(told) == [("lead.created", "pql")]
    assert told[0].data["qualified_at"].startswith("2026-06-22T00:00:00")


def test_who_was_silent_all_week_has_no_timer_for_the_next() -> None:
    story = grown((1, 2, 6))
    advance(PROGRAM, story.account, place(T0 + 19 * DAY, 98))
    assert due(story, "growth") == T0 + MONDAY * DAY, "what grew until now falls then"
    advance(PROGRAM, story.account, place(T0 + MONDAY * DAY, 99))
    assert due(story, "growth") == NEVER


def test_an_anniversary_needs_a_timer_only_while_the_rest_holds() -> None:
    story = Story(PROGRAM)
    story.happens("Signed Up", 0)
    assert due(story, "loyal") == NEVER
    story.happens("Note Written", 14)
    assert due(story, "loyal") == NEVER
    story.happens("Note Written", 15)
    assert due(story, "loyal") == T0 + 20 * DAY
    assert types(advance(PROGRAM, story.account, place(T0 + 21 * DAY, 99))) == [("lead.created", "pql")]


def test_the_end_of_a_day_tells_what_only_it_makes_true() -> None:
    story = Story(PROGRAM)
    for n in range(3):
        assert story.happens("Note Written", 1, ms=n) == []
    assert due(story, "quiet") == T0 + 2 * DAY
    assert types(advance(PROGRAM, story.account, place(T0 + 2 * DAY, 99))) == [("lead.created", "mql")]
