"""The stores of limits: sums, the values of a month, gauges of parts; bounded, stored, and the same in any order."""

from fractions import Fraction
from random import Random
from typing import Any

import pytest

from detector.core.facts import monthly, parts, series
from detector.core.facts.monthly import Monthly
from detector.core.facts.parts import Parts
from detector.core.facts.store import Store, pack, unpack
from detector.core.facts.sums import Sums
from detector.core.zones import month_of
from tests.detector.core.sample import DAY, T0

HOUR = DAY // 24
JUNE = T0 - T0 % DAY + 10 * DAY


def stored(store: Store, kind: type[Any]) -> Any:
    """What is read again after it was written."""
    again = kind()
    again.load({number: unpack(pack(part)) for number, part in store.chunks(everything=True).items() if part is not None})
    return again


def appended(store: Store, kind: type[Any], adds: list[tuple[Any, ...]], every: int) -> Any:
    """Written in between, only what changed, as chunks outside of the row are."""
    kept: dict[int, bytes | None] = {}
    for number, add in enumerate(adds):
        store.add(*add)  # type: ignore[attr-defined]
        if number % every == 0:
            kept |= {at: None if part is None else pack(part) for at, part in store.chunks(everything=False).items()}
    kept |= {at: None if part is None else pack(part) for at, part in store.chunks(everything=False).items()}
    again = kind()
    again.load({number: unpack(part) for number, part in kept.items() if part is not None})
    return again


@pytest.mark.parametrize("seed", range(3))
def test_a_sum_is_exact_beyond_what_is_kept_whole_and_in_any_order(seed: int) -> None:
    adds = [(JUNE + number * HOUR // 4, f"m{number:05}", number % 7 / 10 + 1e9 * (number % 3)) for number in range(1_400)]
    exact = float(sum(Fraction(add[2]) for add in adds))
    shuffled = Random(seed).sample(adds, len(adds))
    store = Sums()
    for add in shuffled:
        store.add(*add)
    t = JUNE + 14 * DAY + 20 * HOUR
    assert store.sum_in_month(t) == (exact, False)
    assert stored(store, Sums).sum_in_month(t) == (exact, False)
    assert appended(Sums(), Sums, shuffled, 97).sum_in_month(t) == (exact, False)


def test_a_sum_before_what_is_kept_whole_is_at_least_that_of_whole_days() -> None:
    store = Sums()
    for number in range(series.KEPT_MAX + 48):
        store.add(JUNE + number * HOUR, f"m{number:05}", 1)
    assert store.sum_in_month(JUNE + DAY + 5 * HOUR) == (24, True)
    assert store.sum_in_month(JUNE + 3 * DAY) == (73, False)


@pytest.mark.parametrize("seed", range(5))
def test_a_sum_that_is_asked_for_again_and_again_is_always_the_one_of_what_came(seed: int) -> None:
    random, store, came = Random(seed), Sums(), []
    for number in range(300):
        t = JUNE + 20 * DAY + number * 2 * HOUR - random.choice([0, 0, 0, 0, 30 * HOUR])
        came.append((t, f"m{number:03}", random.choice([0.1, 0.7, 3])))
        store.add(*came[-1])
        for asked in (t, t + random.choice([0, 5 * DAY]), t - HOUR):
            month = month_of(asked // DAY)
            values = [Fraction(value) for at, _, value in came if at <= asked and month_of(at // DAY) == month]
            assert store.sum_in_month(asked) == (float(sum(values)), False)


def test_what_negates_itself_leaves_nothing_of_a_sum() -> None:
    """Floats that are added one after the other would."""
    store = Sums()
    for number in range(series.KEPT_MAX + 3):
        store.add(JUNE + number, f"m{number:05}", (0.1, 0.2, 1e15)[number % 3])
    values = [Fraction((0.1, 0.2, 1e15)[number % 3]) for number in range(series.KEPT_MAX + 3)]
    assert store.sum_in_month(JUNE + DAY) == (float(sum(values)), False)


@pytest.mark.parametrize("seed", range(3))
def test_the_values_of_a_month_are_bounded_and_do_not_depend_on_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monthly, "VALUES_MAX", 20)
    adds = [(f"u{number * 7 % 30}", JUNE + number * HOUR, f"m{number:03}") for number in range(90)]
    adds += [("old", JUNE - 40 * DAY, "m900"), ("new", JUNE + 31 * DAY, "m901")]
    shuffled = Random(seed).sample(adds, len(adds))
    found = [Monthly(), appended(Monthly(), Monthly, shuffled, 5)]
    for add in shuffled:
        found[0].add(*add)
    for store in (*found, stored(found[0], Monthly)):
        assert store.count(JUNE + 20 * HOUR - 1) == (20, True)
        assert store.count(JUNE + 3 * HOUR) == (4, True)
        assert store.count(JUNE + 31 * DAY) == (1, False)
        assert store.count(JUNE - 40 * DAY) == (1, False)
        assert store.newest_ids(JUNE + 4 * DAY, 2) == ["m019", "m018"]
        assert store.next(JUNE + 5 * HOUR) == JUNE + 6 * HOUR


def test_the_oldest_months_go_when_there_are_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monthly, "VALUES_MAX", 20)
    store = Monthly()
    for month in range(3):
        for number in range(15):
            store.add(number, JUNE + 31 * DAY * month + number, f"m{month}{number:02}")
    store.add("late", JUNE + 50, "m9")
    for each in (store, stored(store, Monthly)):
        assert each.count(JUNE + DAY) == (0, True)
        assert each.count(JUNE + 32 * DAY) == (15, False)


@pytest.mark.parametrize("seed", range(3))
def test_the_worst_part_does_not_depend_on_order_beyond_the_bounds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS_MAX", 10)
    monkeypatch.setattr(parts, "VALUES_MAX", 4)
    adds = [(f"c{number % 25}", JUNE + number * HOUR, f"m{number:03}", number * 37 % 101) for number in range(200)]
    orders = [Random(seed + more).sample(adds, len(adds)) for more in (0, 100)]
    found = [appended(Parts(), Parts, orders[0], 11), Parts()]
    for add in orders[1]:
        found[1].add(*add)
    found.append(stored(found[1], Parts))
    for t in range(JUNE, JUNE + 9 * DAY, HOUR):
        answers = {(store.worst(t), store.at_least(t), store.next(t)) for store in found}
        assert len(answers) == 1
    assert found[0].at_least(JUNE + 9 * DAY)
    assert sorted(found[0].gauges) == sorted(found[1].gauges)


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_part_that_is_asked_for_again_and_again_is_always_the_one_of_what_came(seed: int) -> None:
    random, store, came = Random(seed), Parts(), []
    for number in range(300):
        t = JUNE + number * HOUR - random.choice([0, 0, 0, 0, 30 * HOUR])
        came.append((random.choice("abcd"), t, f"m{number:03}", random.randrange(6)))
        store.add(*came[-1])
        for asked in (t, t + random.choice([0, DAY]), t - HOUR):
            newest: dict[str, int] = {}
            for part, at, _, value in sorted(came, key=lambda each: each[1:3]):
                newest |= {part: value} if at <= asked else {}
            worst = store.worst(asked)
            expected = min(newest.items(), key=lambda each: (-each[1], each[0]), default=None)
            assert (worst and (worst.part, worst.value)) == expected


def test_of_equally_full_parts_the_first_by_name_counts_and_a_part_is_as_full_as_it_was_told_last() -> None:
    store = Parts()
    for part, day, value in (("b", 1, 5), ("a", 2, 5), ("b", 3, 9), ("b", 4, 2)):
        store.add(part, JUNE + day * DAY, f"m{day}", value)
    days = [store.worst(JUNE + day * DAY) for day in range(5)]
    assert [each and (each.part, each.value, each.message_id) for each in days] == [
        None,
        ("b", 5, "m1"),
        ("a", 5, "m2"),
        ("b", 9, "m3"),
        ("a", 5, "m2"),
    ]
    assert not store.at_least(JUNE + 5 * DAY)
