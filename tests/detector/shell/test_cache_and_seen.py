"""What is in memory is bounded, and nothing that is still to be written leaves it; copies meet their hour."""

import gc
import tracemalloc
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.columns import columns_of
from contracts.messages import UsageEvent
from detector.cache import Cache
from detector.changes import Changes, Move
from detector.partition import Partition
from detector.seen import BYTES_MAX, SeenIds
from detector.store import DetectorStore
from tests.detector.shell.samples import EVENTS_0, HOUR, NOON, usage_event

KEY = b"k" * 32
DAY = 24 * HOUR
PARTITION = Partition(EVENTS_0, 1, 5, NOON)


def first(seen: SeenIds, partition: Partition, event: UsageEvent) -> bool:
    return seen.without_copies(partition, columns_of([event])) is not None


def test_the_oldest_go_first_and_dirty_values_stay() -> None:
    cache: Cache[str, str] = Cache(6, len)
    for key in "abc":
        cache.put(key, key * 3)
    cache.touch("a", "aaa")
    cache.settled()
    assert (cache.missing("abc"), cache.bytes) == ({"b"}, 6)

    assert cache.close() == {"a": "aaa"}
    cache.put("d", "ddd")
    cache.touch("c", "ccc")
    cache.settled()

    assert cache.missing("abcd") == {"a", "b"}  # `a` is written now, and used before `d`
    assert cache.bytes == 6


def test_a_copy_is_recognised_at_once_and_after_a_restart(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    event = usage_event("m1", account="acme")
    assert first(seen, PARTITION, event)
    assert not first(seen, PARTITION, event)
    changes = Changes()
    seen.close(changes, {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})
    store.commit(changes, NOON)

    again = SeenIds(store.seen, KEY)

    assert not first(again, PARTITION, usage_event("m1", account="acme", at=NOON + HOUR, original_timestamp=NOON))
    assert first(again, PARTITION, usage_event("m1", account="bolt"))
    assert first(again, PARTITION, usage_event("m2", account="acme"))


def test_one_row_an_hour_however_many_ids(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    for n in range(100):
        first(seen, PARTITION, usage_event(f"m{n}", account="acme", at=NOON + HOUR * (n % 2)))
    changes = Changes()
    seen.close(changes, {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})

    assert [len(row.ids) for row in changes.seen] == [400, 400]
    assert changes.forget_seen == [(EVENTS_0, NOON // DAY * DAY - 7 * DAY)]
    seen.close(changes, {})
    assert len(changes.seen) == 2


def test_a_copy_without_any_time_is_recognised_within_two_hours_of_receipt(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    untimed: dict[str, Any] = {"account": "acme", "original_timestamp": None}
    assert first(seen, PARTITION, usage_event("m1", **untimed))

    assert not first(seen, PARTITION, usage_event("m1", at=NOON + 2 * HOUR, **untimed))
    assert not first(seen, PARTITION, usage_event("m1", at=NOON - 2 * HOUR, **untimed))
    assert first(seen, PARTITION, usage_event("m1", at=NOON + 4 * HOUR, **untimed))


@pytest.mark.parametrize("restarts", [False, True])
def test_memory_forgets_an_id_when_the_database_does(store: DetectorStore, restarts: bool) -> None:
    """So that a replay, which loads what is left, takes the same events for copies."""
    seen, checkpoint = SeenIds(store.seen, KEY), store.checkpoints.acquire(EVENTS_0, "me", 0, NOON)
    firsts: list[bool] = []
    for n, days in enumerate((0, 7, 8, 15, 16)):
        now = Partition(EVENTS_0, checkpoint.version + n, 6 + n, NOON + days * DAY)
        seen = SeenIds(store.seen, KEY) if restarts else seen
        first(seen, now, usage_event(f"another {n}", account="acme", at=now.time))
        firsts.append(first(seen, now, usage_event("m1", account="acme")))
        changes = Changes(moves=[Move(EVENTS_0, now.version, now.next_offset, now.time)])
        seen.close(changes, {EVENTS_0: now})
        store.commit(changes, NOON)
        seen.settled()

    assert firsts == [True, False, True, False, True]


def test_a_batch_over_midnight_remembers_each_id_by_its_own_day(store: DetectorStore) -> None:
    midnight = NOON // DAY * DAY + DAY
    seen = SeenIds(store.seen, KEY)
    for n, time in enumerate((midnight - 1, midnight)):
        assert first(seen, Partition(EVENTS_0, 1, n, time), usage_event(f"m{n}", account="acme"))
    changes = Changes()
    seen.close(changes, {EVENTS_0: Partition(EVENTS_0, 1, 2, midnight)})
    store.commit(changes, NOON)

    assert sorted(time for _, time, _ in store.seen.load(EVENTS_0, [NOON // HOUR])) == [midnight - DAY, midnight]


def test_hours_are_loaded_together_however_far_they_are_apart(store: DetectorStore, engine: sa.Engine) -> None:
    queries: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    events = [usage_event(f"m{n}", account="acme", original_timestamp=NOON - n * 9 * HOUR) for n in range(1_000)]
    seen = SeenIds(store.seen, KEY)
    seen.prepare(EVENTS_0, [columns_of([*events, usage_event("untimed", account="acme", original_timestamp=None)])])

    assert all(first(seen, PARTITION, event) for event in events)
    assert sum("FROM seen" in query for query in queries) == 1


@pytest.mark.parametrize(("hours", "ids"), [(1, 20_000), (2_000, 1), (2_000, 0)])
def test_what_is_counted_of_the_hours_is_what_they_take(store: DetectorStore, hours: int, ids: int) -> None:
    seen = SeenIds(store.seen, KEY)
    first(seen, PARTITION, usage_event("warm", account="acme"))  # what is made once, on first use, is nobody's hour
    seen.clear()
    old = columns_of([usage_event("m", account="acme", original_timestamp=NOON - n * HOUR) for n in range(hours)])
    gc.collect()
    tracemalloc.start()
    try:
        seen.prepare(EVENTS_0, [old])
        for n in range(hours * ids):
            first(seen, PARTITION, usage_event(f"m{n}", account="acme", original_timestamp=NOON - n % hours * HOUR))
        seen.close(Changes(), {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})
        seen.settled()
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 0.8 * taken < seen.bytes < 1.3 * taken, (taken / hours, seen.bytes / hours)


def test_the_hour_at_hand_fits_the_bound_at_1000_events_a_second(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    for n in range(36_000):
        first(seen, PARTITION, usage_event(f"m{n}", account="acme"))
    seen.close(Changes(), {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})

    assert 100 * seen.bytes < BYTES_MAX / 2
