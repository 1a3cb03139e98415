"""What is in memory is bounded, and nothing that is still to be written leaves it; copies meet their hour."""

from typing import Any

from detector.cache import Cache
from detector.changes import Changes
from detector.partition import Partition
from detector.seen import SeenIds
from detector.store import DetectorStore
from tests.detector.shell.samples import EVENTS_0, HOUR, NOON, usage_event

KEY = b"k" * 32


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
    assert seen.first(EVENTS_0, event)
    assert not seen.first(EVENTS_0, event)
    changes = Changes()
    seen.close(changes, {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})
    store.commit(changes, NOON)

    again = SeenIds(store.seen, KEY)

    assert not again.first(EVENTS_0, usage_event("m1", account="acme", at=NOON + HOUR, original_timestamp=NOON))
    assert again.first(EVENTS_0, usage_event("m1", account="bolt"))
    assert again.first(EVENTS_0, usage_event("m2", account="acme"))


def test_one_row_an_hour_however_many_ids(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    for n in range(100):
        seen.first(EVENTS_0, usage_event(f"m{n}", account="acme", at=NOON + HOUR * (n % 2)))
    changes = Changes()
    seen.close(changes, {EVENTS_0: Partition(EVENTS_0, 1, 5, NOON)})

    assert [len(row.ids) for row in changes.seen] == [400, 400]
    assert changes.forget_seen == [(EVENTS_0, NOON - 7 * 24 * HOUR)]
    seen.close(changes, {})
    assert len(changes.seen) == 2


def test_a_copy_without_any_time_is_recognised_within_two_hours_of_receipt(store: DetectorStore) -> None:
    seen = SeenIds(store.seen, KEY)
    untimed: dict[str, Any] = {"account": "acme", "original_timestamp": None}
    assert seen.first(EVENTS_0, usage_event("m1", **untimed))

    assert not seen.first(EVENTS_0, usage_event("m1", at=NOON + 2 * HOUR, **untimed))
    assert not seen.first(EVENTS_0, usage_event("m1", at=NOON - 2 * HOUR, **untimed))
    assert seen.first(EVENTS_0, usage_event("m1", at=NOON + 4 * HOUR, **untimed))
