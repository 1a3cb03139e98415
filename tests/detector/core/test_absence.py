"""Absence: something was awaited after something else, and did not come in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.facts.facts import Facts
from detector.core.facts.series import KEPT_MAX
from detector.core.fold import fold
from detector.core.instants import NEVER
from detector.core.measures.absence import AbsenceReader
from detector.core.measures.moment import Moment
from detector.core.measures.plan import Ladder
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.measured import Absent
from detector.core.rulebook.model import Selector
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, of, usage

MEASURE = Absent("idle", of("Imported"), of("Signed Up"), 7)
READER = AbsenceReader(MEASURE)
LADDER = Ladder((), None)


def at(facts: Facts, t: int) -> Moment:
    return Moment(facts, LADDER, t)


def seen(imported: list[int], signed_up: list[int]) -> Facts:
    facts = Facts()
    for key, times in ((READER.awaited_key, imported), (READER.after_key, signed_up)):
        for time in times:
            facts.store(key).add(time, f"{key}{time}")
    return facts


def held(imported: list[int], signed_up: list[int], *times: int) -> list[bool | None]:
    facts = seen(imported, signed_up)
    return [READER.value(at(facts, t)) for t in times]


def test_it_holds_from_the_millisecond_on_at_which_the_time_is_up() -> None:
    assert held([], [10], 9, 10, 16, 17, 99) == [False, False, False, True, True]


def test_nothing_is_absent_before_anything_called_for_it() -> None:
    assert held([], [], 5, 99) == [False, False]
    assert held([3], [], 5, 99) == [False, False]


def test_an_answer_in_time_ends_the_wait() -> None:
    assert held([12], [10], 17, 99) == [False, False]


@pytest.mark.parametrize("answer", [10, 17])
def test_an_answer_at_the_same_millisecond_or_at_the_very_last_counts(answer: int) -> None:
    assert held([answer], [10], 17, 99) == [False, False]


def test_a_late_answer_ends_it() -> None:
    assert held([20], [10], 19, 20, 99) == [True, False, False]


def test_what_came_before_is_no_answer_and_the_wait_begins_with_the_first_call_after_it() -> None:
    assert held([9], [3, 10, 15], 16, 17) == [False, True]
    assert held([12], [10, 11, 14], 20, 21) == [False, True]


def test_what_is_later_than_the_moment_is_not_known_yet() -> None:
    assert held([18], [10], 17) == [True]
    assert held([], [50], 20) == [False]


def test_the_call_that_waits_is_the_evidence() -> None:
    facts = seen([12], [10, 14, 15])
    waiting = facts.series(READER.after_key).ids[1]
    assert [READER.ids(at(facts, t), 3) for t in (12, 13, 14, 30)] == [[], [], [waiting], [waiting]]
    assert READER.ids(at(facts, 30), 0) == []


def test_the_next_change_is_the_time_that_is_up_or_the_answer_that_ends_it() -> None:
    facts = seen([12, 30], [10, 14])
    assert [READER.next(at(facts, t)) for t in (0, 12, 20, 21, 29, 30)] == [21, 21, 21, 30, 30, NEVER]


def test_years_of_answers_in_time_hold_no_instant_to_judge_at() -> None:
    facts = seen(list(range(1, 900, 2)), list(range(0, 900, 2)))
    assert READER.next(at(facts, 0)) == NEVER


times = st.lists(st.integers(0, 60), max_size=8)


@given(times, times)
def test_by_brute_force_it_is_what_the_rulebook_says_and_changes_when_foretold(imported: list[int], signed_up: list[int]) -> None:
    def absent(t: int) -> bool:
        newest = max((b for b in imported if b <= t), default=-1)
        return any(a + 7 <= t for a in [min((a for a in signed_up if a > newest), default=NEVER)])

    facts = seen(imported, signed_up)
    for t in range(80):
        assert READER.value(at(facts, t)) is absent(t)
        changes = (later for later in range(t + 1, 80) if absent(later) is not absent(t))
        assert READER.next(at(facts, t)) == next(changes, NEVER)


def test_a_call_made_more_often_than_is_kept_still_waits() -> None:
    """A thousand e-mails a day and nobody logs in: the first e-mail is forgotten, its day is not."""
    measure = Absent("idle", of("Logged In"), of("Email Sent"), 3 * DAY)
    reader, facts = AbsenceReader(measure), Facts()
    facts.store(reader.awaited_key).add(T0, "login")
    for number in range(6 * KEPT_MAX):
        facts.store(reader.after_key).add(T0 + 1 + number * DAY // KEPT_MAX, f"e{number:05}")
    upper = T0 + 2 * DAY - 1 + 3 * DAY  # from the end of the first whole day on: two days late at the most
    assert [reader.value(at(facts, t)) for t in (upper - 1, upper, T0 + 6 * DAY)] == [False, True, True]
    assert reader.next(at(facts, T0 + 1)) == upper
    facts.store(reader.awaited_key).add(T0 + 5 * DAY, "login again")
    assert reader.value(at(facts, T0 + 5 * DAY)) is False


def test_it_is_unknown_whether_what_was_forgotten_was_absent() -> None:
    facts = seen(list(range(100, 100 + 2 * KEPT_MAX)), [10])
    assert [READER.value(at(facts, t)) for t in (50, 100 + KEPT_MAX)] == [None, False]
    assert READER.next(at(facts, 50)) == 100 + KEPT_MAX


@pytest.mark.parametrize(
    "measure",
    [
        Absent("idle", Selector(), of("Signed Up"), 7),
        Absent("idle", of("Imported"), Selector(), 7),
    ],
)
def test_an_event_that_is_not_mapped_is_not_absent(measure: Absent) -> None:
    reader, facts = AbsenceReader(measure), Facts()
    facts.store(reader.after_key).add(10, "m1")
    assert (reader.value(at(facts, 99)), reader.next(at(facts, 0))) == (None, NEVER)


def test_a_rule_can_wait_for_what_does_not_come_or_for_its_coming() -> None:
    text = """project: p
events: {signed_up: Signed Up, imported: {of: Imported, where: properties.rows >= 1}}
measures: {idle: {absent: imported, after: [signed_up, Invited], within: 7d}}
rules:
  stuck: {lead: pql, when: [idle], say: "stuck: {idle}"}
  busy:  {lead: pql, when: [not idle], say: x}
lead_types: {pql: {to: sales, answer_in: 9999h, do: Call.}}
"""
    program, facts = compile_rulebook(parse(text, bases()).rulebook, 1), Facts()
    for event in (usage("m1", T0, "Invited"), usage("m2", T0 + DAY, "Imported", properties={"rows": 0})):
        fold(program, facts, event)
        assert {judged.name for judged, _ in program.reactions.to(event).touches} == {"stuck", "busy"}
    guards = [[program.judged[rule].guard(at(facts, T0 + day * DAY)) for day in (6, 7)] for rule in ("stuck", "busy")]
    assert guards == [[False, True], [True, False]]
    line = program.judged["stuck"].lines[0]
    assert (line.value(at(facts, T0 + 7 * DAY)), line.source.ids(at(facts, T0 + 7 * DAY), 5)) == (True, ["m1"])
