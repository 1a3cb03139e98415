"""What the oracle knows of measures, against answers that were worked out by hand."""

from datetime import UTC, datetime
from typing import Any

from tests.oracle.account import Account
from tests.oracle.calendar import began, during
from tests.oracle.events import selects
from tests.oracle.test_oracle import DAY, HOUR, T0, Story

EMPTY: dict[str, Any] = {"plans": {}, "events": {"signed": "Signed Up", "seen": {"page": "/pricing*"}}}


def account(story: Story, **book: Any) -> Account:
    return Account({**EMPTY, **book}, story.events)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_when_a_period_began() -> None:
    for period, at, zone, billed_on, expected in (
        ("day", "2026-05-01T21:59:59", "Europe/Berlin", 1, "2026-04-30T22:00"),
        ("day", "2026-05-01T22:00", "Europe/Berlin", 1, "2026-05-01T22:00"),
        ("week", "2026-05-03T12:00", "UTC", 1, "2026-04-27T00:00"),
        ("month", "2026-05-31T23:00", "America/New_York", 1, "2026-05-01T04:00"),
        ("year", "2026-05-31T23:00", "UTC", 1, "2026-01-01T00:00"),
        ("billing period", "2026-02-28T12:00", "UTC", 31, "2026-02-28T00:00"),
        ("billing period", "2026-03-30T12:00", "UTC", 31, "2026-02-28T00:00"),
    ):
        assert began(period, ms(at), zone, billed_on) == ms(expected), (period, at, zone)


def test_the_time_after_something_first() -> None:
    assert during("first 10d of signed") == (0, 10 * DAY, "signed")
    assert during("week 4 of signed") == (21 * DAY, 28 * DAY, "signed")
    found = account(Story().add("A", 0).add("Signed Up", 1).add("A", 1).add("A", 2).add("A", 3))
    measure = {"count": "A", "during": "day 2 of signed"}
    assert [found.measure(measure, T0 + day * DAY) for day in (0, 1, 2, 3, 9)] == [None, None, 1, 1, 1]


def test_sums_and_extremes() -> None:
    story = Story()
    for day, amount in enumerate((3, -4, "9", 0.5)):
        story.add("A", day, properties={"n": amount})
    of = {"of": "A", "window": "2d"}
    found = account(story)
    assert [found.measure({"sum": "properties.n", **of}, T0 + day * DAY) for day in range(6)] == [3, 3, 0, 0.5, 0.5, 0]
    assert [found.measure({"min": "properties.n", **of}, T0 + day * DAY) for day in range(6)] == [3, -4, -4, 0.5, 0.5, None]


def test_departments_are_those_of_now() -> None:
    story = Story().add("A", 0).add("A", 0, person="bo").add(None, 1, type="identify", traits={"team": "x"})
    story.add(None, 2, type="identify", person="bo", traits={"team": "x"}).add(None, 3, type="identify", traits={"team": "y"})
    measure = {"distinct": "person.team", "of": "active"}
    assert [account(story).measure(measure, T0 + day * DAY) for day in range(4)] == [0, 1, 1, 2]


def test_a_streak_lives_through_today() -> None:
    story = Story().add("A", 0).add("A", 1.5).add("A", 2).add("A", 5)
    measure = {"streak": "day", "of": "A"}
    assert [account(story).measure(measure, T0 + day * DAY) for day in range(7)] == [1, 1, 3, 3, 0, 1, 1]
    assert account(story).measure({"streak": "week", "of": "A"}, T0 + 12 * DAY) == 2, "days 0 and 5 are of two weeks"


def test_growth_and_what_was_earlier() -> None:
    story = Story()
    for day in (0, 5, 6, 12, 13, 14):  # Mondays are days 5, 12 and 19
        story.add("A", day)
    counted = {"count": "A", "window": "week"}
    assert [account(story).rising_weeks(counted, T0 + day * DAY) for day in (11, 12, 18, 19, 26)] == [0, 1, 1, 2, 0]
    assert account(story).earlier(counted, T0 + 19 * DAY) == 3
    assert account(story).earlier({"count": "A", "window": "2d"}, T0 + 14 * DAY) == 1


def test_first_times() -> None:
    story = Story().add("B", 0).add("A", 1).add("B", 2)
    found = account(story)
    assert [found.measure({"since": "A"}, T0 + day * DAY) for day in (0, 1, 3)] == [None, 0, 2 * DAY]
    assert found.measure({"elapsed": "B", "after": "A"}, T0 + 9 * DAY) is None
    assert found.measure({"elapsed": "A", "after": "B"}, T0 + 9 * DAY) == DAY


def test_steps_in_order_and_in_any() -> None:
    story = Story().add("A", 0).add("B", 1).add("A", 2)
    found = account(story)
    times = [T0, T0 + DAY, T0 + 2 * DAY - 1, T0 + 2 * DAY, T0 + 3 * DAY]
    assert [found.measure({"sequence": ["A", "B"], "within": "2d"}, t) for t in times] == [False, True, True, False, False]
    assert [found.measure({"all": ["A", "B"], "within": "2d"}, t) for t in times] == [False, True, True, True, False]


def test_onboarding_of_one_person_and_by_numbers() -> None:
    story = Story().add("Signed Up", 0).add("A", 1, person="bo").add("Signed Up", 2, person="bo").add("A", 5)
    by_person = account(story, onboarding={"steps": ["signed", "A"], "within": "2d", "by": "person"})
    assert [by_person.value("onboarding.done", T0 + day * DAY) for day in (1, 2, 5)] == [False, True, True]
    assert by_person.value("onboarding.took", T0 + 5 * DAY) == DAY
    measures = {"members": {"distinct": "person", "of": "A"}}
    counted = account(story, onboarding={"steps": ["signed", {"members": 2}]}, measures=measures)
    assert [counted.value("onboarding.took", T0 + day * DAY) for day in (4, 5)] == [None, 5 * DAY]


def test_pages() -> None:
    def page(**properties: Any) -> bool:
        event = {"type": "page", "name": None, "person": "ada", "properties": properties}
        return selects("seen", event, EMPTY["events"])

    assert page(path="/pricing")
    assert page(path="/pricing/x")
    assert page(url="https://x.example/pricing?a")
    assert not page(path="/", url="https://x.example/pricing")
    assert not page()
    assert not page(url="http://[x")
    assert not page(url="https://x.example/a?b=/pricing")


def test_hours_are_counted_as_they_are() -> None:
    assert account(Story().add("A", 0, ms=HOUR)).measure({"count": "A", "window": "1h"}, T0 + 2 * HOUR - 1) == 1
