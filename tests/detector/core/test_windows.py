"""Local days and periods, and the stores that count in them beyond their bounds."""

import random
from datetime import UTC, datetime

import pytest

from detector.core.facts import sights
from detector.core.facts.earliest import Earliest
from detector.core.facts.series import Count, ZonedSeries
from detector.core.facts.sights import Sights
from detector.core.zones import Unit, period, zone

DAY = 86_400_000
HOUR = DAY // 24


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def day(text: str) -> int:
    return ms(text) // DAY


@pytest.mark.parametrize(
    ("name", "at", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T12:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00", 25),
        ("Europe/Berlin", "2026-05-01T12:00", 24),
        ("America/Santiago", "2025-09-07T12:00", 23),  # the clocks skip midnight
        ("America/St_Johns", "2006-10-29T12:00", 25),  # and here it comes twice, a minute after the first time
        ("Pacific/Apia", "2011-12-31T12:00", 24),  # the day before was left out
        ("Asia/Kathmandu", "2026-05-01T12:00", 24),
    ],
)
def test_days_follow_one_another_whatever_the_clocks_do(name: str, at: str, hours: int) -> None:
    of = zone(name)
    number = day(at)
    begins, ends = of.begins(number), of.begins(number + 1)
    assert ends - begins == hours * HOUR
    assert (of.day(begins - 1) < number, of.day(begins), of.day(ends - 1), of.day(ends) > number) == (True, number, number, True)


def test_a_zone_that_nobody_knows_is_no_file_to_open() -> None:
    for name in ("../../etc/passwd", "Europe", "", "Europe/Berln"):
        with pytest.raises(KeyError):
            zone(name)


@pytest.mark.parametrize(
    ("unit", "billed_on", "on", "begins", "next_begins"),
    [
        ("week", 1, "2026-05-03", "2026-04-27", "2026-05-04"),
        ("week", 1, "2026-05-04", "2026-05-04", "2026-05-11"),
        ("month", 1, "2024-02-29", "2024-02-01", "2024-03-01"),
        ("year", 1, "2026-12-31", "2026-01-01", "2027-01-01"),
        ("billing period", 15, "2026-05-14", "2026-04-15", "2026-05-15"),
        ("billing period", 15, "2026-05-15", "2026-05-15", "2026-06-15"),
        ("billing period", 31, "2026-02-27", "2026-01-31", "2026-02-28"),
        ("billing period", 31, "2026-02-28", "2026-02-28", "2026-03-31"),
        ("billing period", 31, "2024-02-28", "2024-01-31", "2024-02-29"),
        ("billing period", 30, "2026-03-01", "2026-02-28", "2026-03-30"),
        ("billing period", 1, "2026-01-01", "2026-01-01", "2026-02-01"),
    ],
)
def test_periods(unit: Unit, billed_on: int, on: str, begins: str, next_begins: str) -> None:
    assert period(unit, day(on), billed_on) == (day(begins), day(next_begins))


def test_a_local_month_is_counted_exactly_beyond_what_is_kept() -> None:
    """Of 1,500 events in May in New York the first 500 are known only by their day there."""
    of = zone("America/New_York")
    begins, ends = of.begins(day("2026-05-01")), of.begins(day("2026-06-01"))
    times = [begins - 1, *(begins + number * 29 * 60_000 for number in range(1_500))]
    made = ZonedSeries(of)
    for t in random.Random(1).sample(times, len(times)):
        made.add(t, f"m{t}")
    assert times[-1] < ends
    assert made.count_in(begins, times[-1] + 1) == Count(1_500)
    assert made.count_in(begins + 1, times[-1] + 1).at_least, "the first event of all is of that day, and of no known time"


def test_sights_keep_what_may_be_first_in_any_order_and_across_a_restart() -> None:
    """The time from which on they count becomes known, and then turns out to be earlier."""
    seen = [(value, t) for value in "abc" for t in range(10, 60, 7)]
    for seed in range(5):
        dice = random.Random(seed)
        store = Sights()
        for number, (value, t) in enumerate(dice.sample(seen, len(seen))):
            store.add(value, t, f"m{value}{t}", 0, None if number < 5 else 40 if number < 12 else 24)
            if number % 6 == 0:
                again = Sights()
                again.load(store.chunks(everything=True))
                store = again
        assert store.values(range(1), 24, 25) == {"a", "b", "c"}
        assert store.values(range(1), 25, 31) == set(), "what comes after the first that counts is not kept"
        assert store.values(range(1), 17, 24) == {"a", "b", "c"}, "what comes before is: it may yet count"


def test_the_earliest_are_the_same_in_any_order_and_no_more_than_are_asked_for() -> None:
    for seed in range(3):
        store = Earliest(3)
        for t in random.Random(seed).sample(range(20), 20):
            store.add(t, f"m{t}")
        again = Earliest(3)
        again.load(store.chunks(everything=True))
        assert again.events == [(0, "m0"), (1, "m1"), (2, "m2")]
        store.add(9, "late")
        assert not store.dirty


def test_of_what_happens_all_the_time_little_is_written_while_nobody_knows_from_when_on_it_counts() -> None:
    store = Sights()
    for minute in range(sights.TIMES_MAX):
        store.add("ada", minute * 60_000, f"m{minute}", start=None)
    store.chunks(everything=True)
    store.add("ada", 2 * HOUR, "again", start=None)
    assert store.chunks(everything=False) == {}
    store.add("ada", DAY, "tomorrow", start=None)
    assert store.chunks(everything=False).keys() == {0}
    assert store.values(range(1), DAY, DAY + 1) == {"ada"}


def test_sights_are_bounded_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sights, "CELLS_MAX", 4)
    for seed in range(3):
        store = Sights()
        for number in random.Random(seed).sample(range(10), 10):
            store.add(f"v{number}", number, f"m{number}", group=0)
        assert store.values(range(1), 0, 100) == {"v0", "v1", "v2", "v3"}, "those that were seen first"
        assert store.forgot(range(1))
    store = Sights()
    for group in range(6):
        store.add("v", group, f"m{group}", group)
    assert sorted(store.groups) == [2, 3, 4, 5], "and the newest periods"
    assert not store.forgot(range(2, 6))
    assert store.forgot(range(1, 6))
