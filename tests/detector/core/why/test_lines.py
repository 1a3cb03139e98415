"""What is said of a line of `when`: value, distance in its own unit, until when, and in words what would have to happen."""

import pytest

from detector.core.why.account import Asked
from tests.detector.core.sample import DAY, T0
from tests.detector.core.story import Story
from tests.detector.core.why.asking import compiled, only, when, why


def imported(story: Story, *days: float) -> Story:
    for day in days:
        story.happens("Imported", day, person="ada")
    return story


def test_a_count_is_missing_until_the_very_last_one_has_come() -> None:
    story = imported(Story(when("ever >= 3")), 1, 2)
    part = only(why(story, 2))
    assert (part.holds, part.missing, part.value, part.threshold, part.distance) == (False, True, 2, 3, 1)
    assert part.needs.startswith("ever 2 of 3: 1 more")
    assert part.message_ids == ["m2", "m1"]
    found = why(imported(story, 2), 2)
    assert (found.stand, found.holds, found.needs, found.nearness) == ("holds", True, "", (0, 0, 0.0))
    assert only(found).needs == ""


@pytest.mark.parametrize(
    ("line", "distance", "needs"),
    [
        ("ever > 3", 2, "ever 2 of 4: 2 more"),
        ("ever >= 2.5", 1, "ever 2 of 3: 1 more"),
        ("ever <= 1", 1, "ever is 2, must be at most 1: 1 less"),
        ("ever < 2", 1, "ever is 2, must be at most 1: 1 less"),
        ("ever between 4 and 9", 2, "ever 2 of 4: 2 more"),
        ("ever between 0 and 1", 1, "ever is 2, must be at most 1: 1 less"),
        ("not ever between 1 and 8", 1, "ever is 2, must be under 1: 1 less"),
        ("not ever >= 2", 1, "ever is 2, must be at most 1: 1 less"),
        ("ever == 5", 3, "ever is 2, not 5"),
        ("ever != 2", None, "ever is 2"),
        ("ever * 2 >= 7", 3, "ever * 2 4 of 7: 3 more"),
        ("account.seats > 4", 1.5, "account.seats is 2.5, must be over 4: 1.5 more"),
        ("account.seats in [3, 4]", None, "account.seats is 2.5, not 3 or 4"),
        ('account.name contains "labs"', None, "account.name is Acme, needed is: account.name contains labs"),
        ("account.owner is known", None, "account.owner was never said"),
        ("account.name is missing", None, "account.name is known, and must be missing"),
        ("plan == premium", None, "plan is free, not premium"),
        ("onboarding.done", None, "onboarding 1 of 3, missing: Signed Up and Sent"),
        ("not account.beta", None, "account.beta is yes"),
        ('topics covers ["price", "team"]', None, "topics lacks price and team"),
        ("since(account.since) <= 3d", "7 days", "since(account.since) is 10 days, must be at most 3 days, and only grows"),
    ],
)
def test_what_does_not_hold_says_by_how_much_in_words(line: str, distance: object, needs: str) -> None:
    story = imported(Story(when(line)), 1, 2)
    story.happens(None, 2, kind="group", traits={"seats": 2.5, "name": "Acme", "beta": True, "since": "2026-05-19"})
    part = only(why(story, 2))
    assert (part.holds, part.distance) == (False, distance)
    assert part.needs.split(", about")[0] == needs
    assert 0 < part.share <= 1


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("account.seats >= 4", "account.seats was never said"),
        ('person.title == "CEO"', "person.title is unknown: nobody is at hand"),
        ("since_signed >= 3d", "since signed is unknown: it never happened"),
        ("paying.for >= 3d", "paying.for is unknown: it does not pay"),
        ("onboarding.took <= 3d", "onboarding.took is unknown: onboarding is not finished"),
        ("limits.contacts.percent >= 50%", "no Counted has come yet, so its contacts are unknown"),
        ("limits.emails.full_in <= 9d", "emails: no forecast, for its use did not grow"),
        ("since(account.begins) >= 3d", "since(account.begins) is unknown: it lies ahead, on 4 January 2030 by itself"),
        ("since(account.size) >= 3d", "since(account.size) is unknown: many is no date"),
        ("account.size > 3", "account.size is many, which cannot be compared: account.size > 3"),
    ],
)
def test_what_is_unknown_is_not_false_and_says_what_is_missing(line: str, needs: str) -> None:
    story = Story(when(line))
    story.happens(None, 1, kind="group", traits={"size": "many", "begins": "2030-01-01"})
    found = why(story, 1)
    assert (found.holds, found.stand) == (None, "misses")
    assert (only(found).holds, only(found).missing, found.needs) == (None, True, needs)


def test_what_somebody_sent_does_not_break_a_line() -> None:
    story = Story(when('account.name == "x"'))
    story.happens(None, 1, kind="group", traits={"name": "a\x1b[2J\n" + "b" * 999})
    assert only(why(story, 1)).needs == f"account.name is a�[2J�{'b' * 74}…, not x"


def test_one_side_of_an_or_is_enough_and_the_nearer_one_counts() -> None:
    story = imported(Story(when("ever >= 3 or people >= 9 and plan == free")), 1, 2)
    part = only(why(story, 2))
    assert (part.how, part.lacking, [side.missing for side in part.parts]) == ("any", 1, [True, True])
    assert [side.text for side in part.parts] == ["ever >= 3", "(people >= 9) and (plan == free)"]
    assert [side.missing for side in part.parts[1].parts] == [True, False]
    assert part.needs.startswith("ever 2 of 3: 1 more")
    assert " or people 1 of 9: 8 more" in part.needs
    assert part.share == pytest.approx(1 / 3)
    imported(story, 2)
    part = only(why(story, 2))
    assert (part.holds, [side.missing for side in part.parts]) == (True, [False, False])


def test_of_an_and_every_side_that_fails_is_missing_and_a_not_turns_it_round() -> None:
    story = imported(Story(when("not (ever >= 1 or plan == free)")), 1)
    part = only(why(story, 1))
    assert (part.how, part.lacking) == ("all", 2)
    assert [side.text for side in part.parts] == ["not (ever >= 1)", "not (plan == free)"]
    assert part.needs == "ever is 1, must be at most 0: 1 less; plan is free"


def test_a_rule_that_looks_at_another_shows_the_lines_of_that() -> None:
    more = '  other: {lead: pql, when: ["ever >= 2", "plan == free"], say: x}\n  r: {lead: pql, when: [rules.other], say: x}'
    story = imported(Story(compiled(more)), 1)
    part = only(why(story, 1))
    assert (part.text, part.how, part.needs.split(",")[0]) == ("rules.other", "all", "ever 1 of 2: 1 more")


def test_what_time_alone_brings_has_its_very_instant() -> None:
    story = Story(when("since_signed >= 5d", "silent"))
    story.happens("Signed Up", 1)
    elapsed, silent = why(story, 2).parts
    assert (elapsed.by, elapsed.expected_at) == ("time", T0 + 6 * DAY)
    assert elapsed.needs == "since signed 1 day of 5 days: 4 days more, on 2 June by itself"
    assert (silent.by, silent.expected_at) == ("time", T0 + 4 * DAY)
    found = why(story, 2)
    assert found.expected_at == T0 + 6 * DAY
    assert [part.holds for part in why(story, 6 - 1e-8).parts] == [False, True]
    assert why(story, 6).stand == "holds"


def test_the_pace_is_that_of_the_week_before_the_last_midnight() -> None:
    story = imported(Story(when("ever >= 10")), 1, 9, 10, 11, 13.5)
    part = only(why(story, 14.5))  # 1 at day 7, 5 at day 14: 4 in seven days, 5 more are missing
    assert (part.by, part.expected_at) == ("pace", T0 + int(14 * DAY) + 5 * 7 * DAY // 4 + (1 if 5 * 7 * DAY % 4 else 0))
    assert part.needs == "ever 5 of 10: 5 more, about 18 June at this pace"
    assert only(why(story, 21.5)).by is None, "nothing has come since"


def test_of_a_window_nothing_is_said_beyond_the_days_that_the_pace_is_of() -> None:
    story = imported(Story(when("imports >= 8")), *(8 + n * 0.9 for n in range(6)))
    part = only(why(story, 14.1))
    assert (part.value, part.by) == (6, "pace"), "the window keeps the week that it grew in"
    story = imported(Story(when("imports >= 30")), *(8 + n * 0.9 for n in range(6)))
    assert only(why(story, 14.1)).by is None, "at this pace the window never holds 30"


@pytest.mark.parametrize(
    ("lines", "nearness"),
    [
        (("ever >= 3", "plan == free"), (0, 1, 1 / 3)),
        (("ever >= 2", "onboarding.done"), (0, 1, 1 / 3)),
        (("ever >= 1", "silent"), (0, 1, 1.0)),
        (("ever >= 1", "plan == premium or people >= 2"), (0, 1, 1 / 2)),
        (("ever >= 1", "plan == premium"), None),
        (("ever >= 3", "plan == premium"), None),
        (("ever >= 1", "plan == premium and people >= 2"), None),
        (("ever >= 1", 'account.industry == "mail"'), None),
        (("ever >= 1", "account.seats >= 4"), None),
        (("ever >= 1", "since(account.since) <= 3d"), None),
        (("people >= 4", "ever >= 2"), (0, 1, 3 / 4)),
        (("topics >= 4", "people >= 2"), (0, 2, 3 / 4)),
        (("topics >= 4",), None),
        (("ever >= 2",), None),
    ],
    ids=lambda of: " & ".join(of) if of and isinstance(of[0], str) else "",
)
def test_near_is_who_can_get_there_by_more_of_something_or_by_time(
    lines: tuple[str, ...], nearness: tuple[int, int, float] | None
) -> None:
    """A plan, a trait that nobody said, an age that is past: of these nobody is near, however much else holds."""
    program = when(*lines)
    story = imported(Story(program), 1, 2)
    story.happens(None, 2, kind="group", traits={"since": "2026-05-19"})
    story.happens("Signed Up", 2, person="ada")
    asked = Asked(program)
    assert asked.rule("r").nearness(asked.moment(story.account, T0 + 2 * DAY)) == pytest.approx(nearness)
