"""Ids already seen, per partition and hour: recent hours in memory, older ones loaded when an event needs them."""

import sys
from array import array
from collections.abc import Iterable

from contracts.messages import UsageEvent
from detector.cache import Cache
from detector.changes import Changes, SeenRow
from detector.core.seen import DAY_MS, WINDOW_DAYS, hash_of, hour_of, hours_around
from detector.partition import Partition
from detector.store.accounts import Seen
from eventlog.port import TopicPartition

BYTES_PER_ID = 90
"""In a dictionary with Python integers as keys: 36 for the number, the rest for the table."""
BYTES_MAX = 128 * 1024 * 1024

_Hour = tuple[TopicPartition, int]
_Ids = dict[int, int]
"""Hash -> the day of partition time on which it came first."""


class SeenIds:
    def __init__(self, store: Seen, key: bytes, bytes_max: int = BYTES_MAX) -> None:
        self._store = store
        self._key = key
        self._hours: Cache[_Hour, _Ids] = Cache(bytes_max, lambda ids: 200 + BYTES_PER_ID * len(ids))
        self._fresh: dict[tuple[TopicPartition, int, int], tuple[_Ids, bytearray, int]] = {}
        """(partition, hour, day) that the open batch adds to: the hour's ids, the new ones, the day."""

    def prepare(self, at: TopicPartition, events: Iterable[UsageEvent]) -> None:
        """Load the hours of all of them at once: old events may be spread over thousands."""
        hours: set[int] = set()
        for event in events:
            hour = hour_of(event)
            hours.add(hour)
            if event.original_timestamp is None:
                hours.update(hours_around(hour))
        self._load(at, hours)

    def first(self, partition: Partition, event: UsageEvent) -> bool:
        """Is this the first of its copies in the partition, as far as is remembered? It is remembered."""
        digest = hash_of(event, self._key)
        number = int.from_bytes(digest, "little")
        hour = hour_of(event)
        ids, fresh, today = self._home(partition.at, hour, partition.time // DAY_MS)
        since = today - WINDOW_DAYS
        if ids.get(number, -1) >= since:
            return False
        if event.original_timestamp is None and any(
            self._ids(partition.at, near).get(number, -1) >= since for near in hours_around(hour)
        ):
            return False
        ids[number] = today
        fresh += digest
        return True

    def _home(self, at: TopicPartition, hour: int, today: int) -> tuple[_Ids, bytearray, int]:
        home = self._fresh.get((at, hour, today))
        if home is None:
            ids = self._ids(at, hour)
            self._hours.touch((at, hour), ids)
            home = self._fresh[at, hour, today] = (ids, bytearray(), today)
        return home

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        """Put the open batch's new ids into `changes`, one row per hour, day and partition."""
        self._hours.close()
        for (at, hour, day), (_, ids, _) in self._fresh.items():
            if not ids:
                continue
            partition = partitions[at]
            changes.seen.append(SeenRow(at.topic, at.partition, hour, partition.next_offset, day * DAY_MS, bytes(ids)))
            since = partition.time // DAY_MS - WINDOW_DAYS
            if partition.ids_since < since:
                partition.ids_since = since
                changes.forget_seen.append((at, since * DAY_MS))
        self._fresh = {}

    def settled(self) -> None:
        self._hours.settled()

    def clear(self) -> None:
        self._hours.clear()
        self._fresh = {}

    def _ids(self, at: TopicPartition, hour: int) -> _Ids:
        ids = self._hours.get((at, hour))
        return self._load(at, [hour])[hour] if ids is None else ids

    def _load(self, at: TopicPartition, hours: Iterable[int]) -> dict[int, _Ids]:
        """What is not in memory of `hours`."""
        loaded: dict[int, _Ids] = {hour: {} for _, hour in self._hours.missing((at, hour) for hour in hours)}
        if not loaded:
            return loaded
        for hour, time, row in self._store.load(at, loaded):
            numbers = array("Q", row)
            if sys.byteorder == "big":
                numbers.byteswap()
            loaded[hour].update(dict.fromkeys(numbers, time // DAY_MS))
        for hour, ids in loaded.items():
            self._hours.put((at, hour), ids)
        return loaded
