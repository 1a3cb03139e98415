"""The bounds of facts, and what is written when an account changes."""

import random
from heapq import nlargest
from typing import Any

import msgspec
import pytest

from detector.core.account import HOT_BYTES_MAX, Account
from detector.core.facts import distinct, history, series
from detector.core.facts.distinct import Distinct
from detector.core.facts.history import History
from detector.core.facts.people import OWNER_BYTES_MAX, PEOPLE_MAX
from detector.core.facts.series import Count, Series
from detector.core.facts.store import SCHEMA, unpack
from detector.core.fold import fold
from detector.core.measures.moment import Moment
from detector.core.rulebook.compile import compile_rulebook
from detector.core.zones import period
from tests.detector.core.sample import DAY, RULEBOOK, T0, usage

PROGRAM = compile_rulebook(RULEBOOK, 1)
HOUR = 3_600_000


def _series(times: list[int]) -> Series:
    made = Series()
    for t in times:
        made.add(t, f"m{t}", t)
    return made


def _in_month(of: Series, t: int) -> Count:
    return of.count_in(of.zone.begins(period("month", of.zone.day(t))[0]), t + 1)


def test_a_series_beyond_its_bound_counts_whole_days_and_months_exactly_and_says_at_least_otherwise() -> None:
    times = [T0 + hour * HOUR for hour in range(2_500)]
    full = _series(times)
    assert len(full.times) == series.KEPT_MAX
    assert full.count(times[-1]) == Count(2_500)
    assert full.count(times[-1], 10 * DAY) == Count(240)
    assert _in_month(full, times[-1]) == Count(2_500 - (5 + 30 + 31 + 31) * 24)
    end_of_july = T0 + (5 + 30 + 31) * DAY - 1
    assert _in_month(full, end_of_july) == Count(31 * 24)
    inside = full.count(times[-1], 80 * DAY + HOUR)
    assert inside.at_least
    assert inside.value <= 80 * 24 + 1


def test_the_days_of_a_series_beyond_its_bound_are_those_of_its_totals_too() -> None:
    full = _series([T0 + hour * HOUR for hour in range(2_500)])
    first, day = T0 // DAY, full.times[0] // DAY
    assert full.days(T0, T0 + 2_500 * HOUR) == set(range(first, first + 105))
    assert full.days(T0 + 1, T0 + 5 * DAY - 1) == set(range(first + 1, first + 4)), "parts of days that were dropped are unknown"
    assert full.days((day - 1) * DAY, full.times[0] + 1) == {day - 1, day}
    assert full.dropped(T0 + DAY, T0 + 3 * DAY) == 48


def test_a_series_is_the_same_in_any_order_beyond_its_bound_too() -> None:
    times = [T0 + hour * HOUR for hour in range(1_300)]
    calm = _series(times)
    for seed in range(3):
        shuffled = _series(random.Random(seed).sample(times, len(times)))
        assert (shuffled.times, shuffled.ids) == (calm.times, calm.ids)
        for t in times[::97]:
            assert shuffled.count(t) == calm.count(t)
            assert _in_month(shuffled, t) == _in_month(calm, t)


def test_an_append_rewrites_only_the_last_chunk_and_a_full_series_drops_its_first() -> None:
    growing = _series(list(range(130)))
    assert set(growing.chunks(everything=False)) == {0, 1, 2}
    growing.add(130, "m", 0)
    assert set(growing.chunks(everything=False)) == {2}
    stored = growing.chunks(everything=True)
    for t in range(131, 2_000):
        growing.add(t, f"m{t}", t)
        if t % 50 == 0:
            stored.update(growing.chunks(everything=False))
    stored.update(growing.chunks(everything=False))
    stored = {number: content for number, content in stored.items() if content is not None}
    assert len(stored) <= series.KEPT_MAX // series.CHUNK + 3
    again = Series()
    again.load(stored)
    assert (again.times, again.ids, again.values) == (growing.times, growing.ids, growing.values)
    assert again.count(5_000) == growing.count(5_000) == Count(2_000)
    again.add(3_000, "m3000")
    assert again.count(5_000) == Count(2_001)


def test_distinct_values_without_a_window_keep_the_first_thousand_in_any_order() -> None:
    values = [(f"v{number % 1_500}", number) for number in range(3_000)]
    for seed in range(2):
        found = Distinct(None)
        for value, t in random.Random(seed).sample(values, len(values)):
            found.add(value, t, f"m{t}")
        assert found.values(10_000) == {f"v{number}" for number in range(distinct.VALUES_MAX)}
        assert found.count(10_000) == Count(distinct.VALUES_MAX, at_least=True)


def test_a_day_with_too_many_values_keeps_those_seen_first_and_looks_at_all_of_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        searches.append(1)
        return nlargest(*arguments, **named)

    monkeypatch.setattr(distinct, "nlargest", counted)
    for window in (None, HOUR, 7 * DAY):
        most = distinct.VALUES_MAX if window is None else distinct.CELLS_MAX
        found = Distinct(window)
        searches.clear()
        for value in range(most + 500):
            found.add(f"v{value}", value, f"m{value}")
        assert found.values(most + 500) == {f"v{value}" for value in range(most)}
        assert found.count(most + 500).at_least
        assert len(searches) == 1


def test_a_value_seen_thousands_of_times_in_a_short_window_keeps_its_newest_times_in_any_order() -> None:
    times = [2 * at for at in range(2 * distinct.TIMES_MAX)]
    for seed in range(2):
        found = Distinct(HOUR)
        for t in random.Random(seed).sample(times * 2, 2 * len(times)):
            found.add("ada", t, f"m{t}")
        assert found.cells[0]["ada"][3] == times[-distinct.TIMES_MAX :]


def test_distinct_values_in_a_window_keep_the_newest_days_in_any_order() -> None:
    sights = [(f"v{value}", day * DAY + value) for day in range(50) for value in range(100)]
    for seed in range(3):
        found = Distinct(7 * DAY)
        for value, t in random.Random(seed).sample(sights, len(sights)):
            found.add(value, t, f"m{t}")
        assert sum(map(len, found.cells.values())) <= distinct.CELLS_MAX
        assert found.count(50 * DAY) == Count(100)
        assert found.count(8 * DAY).at_least


def test_a_trait_said_at_every_visit_is_thinned_and_still_answers() -> None:
    told = History(history.PLANS_KEPT_MAX)
    for hour in range(5_000):
        told.add(T0 + hour * HOUR, f"m{hour}", "free" if hour < 2_000 else "pro")
    assert len(told.entries) <= history.PLANS_KEPT_MAX
    assert told.at(T0 - 1) is None
    for hour, plan in ((0, "free"), (1_999, "free"), (2_000, "pro"), (4_999, "pro")):
        entry = told.at(T0 + hour * HOUR)
        assert entry is not None
        assert entry[2] == plan
    told.add(T0 + 4_999 * HOUR - 1, "late", "free")
    assert [entry[2] for entry in (told.at(T0 + 4_999 * HOUR - 1), told.at(T0 + 4_999 * HOUR)) if entry] == ["free", "pro"]


def test_the_person_at_hand_is_known_however_many_were_there_before() -> None:
    account, chunks = Account.new("acme-mail", "acc_9"), {}
    for number in range(3 * PEOPLE_MAX):
        person = f"p{number}"
        fold(PROGRAM, account.facts, usage(f"m{number}", T0 + number, kind="identify", person=person, traits={"email": person}))
        assert account.facts.people.value(person, "email", T0 + number) == person
        if number % 400 == 0:
            dump = account.dump()
            chunks.update(dump.chunks)
            account = Account.load("acme-mail", "acc_9", dump.hot, chunks)
    people = account.facts.activity.people
    assert len(people) <= PEOPLE_MAX
    assert len(account.facts.people.owners) <= PEOPLE_MAX
    assert account.facts.activity.somebody(T0), "that somebody was here stays known"
    assert f"p{2 * PEOPLE_MAX - 1}" not in people
    assert f"p{2 * PEOPLE_MAX + 50}" in people
    assert max(seen[3] for seen in people.values()) <= PEOPLE_MAX // 32
    known = set(people)
    dump = account.dump()
    again = Account.load("acme-mail", "acc_9", dump.hot, {**chunks, **dump.chunks})
    assert set(again.facts.activity.people) == known
    assert again.facts.people.owners.keys() == account.facts.people.owners.keys()


def test_people_who_say_long_things_of_themselves_again_and_again_stay_within_two_megabytes() -> None:
    account, names = Account.new("acme-mail", "acc_9"), ("email", "first_name", "last_name", "title", "role", "timezone")
    for number in range(256 * 8):
        said = dict.fromkeys(names, f"{number:04d}" + "x" * 1020)
        identify = usage(f"m{number}", T0 + number, kind="identify", person=f"p{number % 8}", traits=said)
        fold(PROGRAM, account.facts, identify)
    chunks = account.dump().chunks
    assert sum(map(len, chunks.values())) < 8 * OWNER_BYTES_MAX < account.size
    for number in range(1_000):
        person = f"q{number}"
        fold(PROGRAM, account.facts, usage(person, T0 + DAY + number, kind="identify", person=person, traits=said))
        chunks.update(account.dump().chunks)
        assert account.facts.people.value(person, "email", T0 + 2 * DAY) == said["email"]
    assert sum(map(len, chunks.values())) < 2_000_000
    assert max(map(len, chunks.values())) < 500_000


def test_the_hot_row_stays_small_and_quiet_stores_are_not_written_again() -> None:
    account = Account.new("acme-mail", "acc_9")
    chunks: dict[tuple[str, int], bytes] = {}
    names = ["Counted", "Email Sent", "Imported", "Shared", "Automation Opened", "Sent"]
    for number in range(3_000):
        event = usage(f"message-{number:032d}", T0 + number * HOUR, names[number % 6], person=f"p{number % 40}")
        fold(PROGRAM, account.facts, event)
        dump = account.dump()
        assert len(dump.hot) <= HOT_BYTES_MAX + 100
        chunks.update(dump.chunks)
    # One event touches its own series, who was active, and the distinct days and people: a handful of chunks.
    fold(PROGRAM, account.facts, usage("last", T0 + 3_001 * HOUR, "Email Sent", person="p1"))
    assert len(account.dump().chunks) <= 8
    assert account.dump().chunks == {}


def test_an_account_that_was_loaded_writes_nothing_until_it_changes() -> None:
    account = Account.new("acme-mail", "acc_9")
    fold(PROGRAM, account.facts, usage("m1", T0, "Counted", person="ada", properties={"total": 3}))
    first = account.dump()
    again = Account.load("acme-mail", "acc_9", first.hot, first.chunks)
    assert again.dump() == first


def test_facts_of_this_schema_and_of_the_one_before_are_read_and_no_others() -> None:
    for schema, read in ((SCHEMA, True), (SCHEMA - 1, True), (SCHEMA + 1, False), (SCHEMA - 2, False)):
        data = msgspec.msgpack.encode((schema, [1]))
        if read:
            assert unpack(data) == [1]
        else:
            with pytest.raises(ValueError, match=f"have schema {schema}"):
                unpack(data)


def test_long_texts_are_counted_apart_and_kept_short() -> None:
    account, long = Account.new("acme-mail", "acc_9"), "x" * 1_000
    for number, viewer in enumerate((long, long + "a", long, "short")):
        fold(PROGRAM, account.facts, usage(f"m{number}", T0 + number, "Shared", properties={"viewer": viewer}))
    assert PROGRAM.values["viewers"].read(Moment(account.facts, PROGRAM.ladder, T0 + DAY)) == 3
    assert len(account.dump().hot) < 800


def test_a_series_that_no_event_has_reached_is_everybodys_and_takes_none() -> None:
    with pytest.raises(TypeError, match="only be read"):
        Account.new("acme-mail", "acc_9").facts.series("snobody").add(T0, "m1")
    assert Account.new("acme-mail", "acc_8").facts.series("snobody").count(T0).value == 0
