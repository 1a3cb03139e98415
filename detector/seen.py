"""Ids already seen, per partition and hour: recent hours in memory, older ones loaded when an event needs them."""

import sys
from array import array

from contracts.messages import UsageEvent
from detector.cache import Cache
from detector.changes import Changes, SeenRow
from detector.core.seen import WINDOW_MS, hash_of, hour_of, hours_around
from detector.partition import Partition
from detector.store.accounts import Seen
from eventlog.port import TopicPartition

BYTES_PER_ID = 72
"""In a set of Python integers: 36 for the number, the rest for the table."""
BYTES_MAX = 128 * 1024 * 1024

_Hour = tuple[TopicPartition, int]


class SeenIds:
    def __init__(self, store: Seen, key: bytes, bytes_max: int = BYTES_MAX) -> None:
        self._store = store
        self._key = key
        self._hours: Cache[_Hour, set[int]] = Cache(bytes_max, lambda ids: 200 + BYTES_PER_ID * len(ids))
        self._fresh: dict[_Hour, tuple[set[int], bytearray]] = {}
        """Hours that the open batch adds to: all their ids, and those that are new."""

    def first(self, partition: TopicPartition, event: UsageEvent) -> bool:
        """Is this the first of its copies in the partition? It is remembered."""
        digest = hash_of(event, self._key)
        number = int.from_bytes(digest, "little")
        hour = hour_of(event)
        ids, fresh = self._home((partition, hour))
        if number in ids:
            return False
        if event.original_timestamp is None and any(number in self._ids((partition, near)) for near in hours_around(hour)):
            return False
        ids.add(number)
        fresh += digest
        return True

    def _home(self, hour: _Hour) -> tuple[set[int], bytearray]:
        home = self._fresh.get(hour)
        if home is None:
            ids = self._ids(hour)
            self._hours.touch(hour, ids)
            home = self._fresh[hour] = (ids, bytearray())
        return home

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        """Put the open batch's new ids into `changes`, one row per hour and partition."""
        self._hours.close()
        for (at, hour), (_, ids) in self._fresh.items():
            if not ids:
                continue
            partition = partitions[at]
            changes.seen.append(SeenRow(at.topic, at.partition, hour, partition.next_offset, partition.time, bytes(ids)))
            if partition.ids_swept_at < partition.time - WINDOW_MS // 24:
                partition.ids_swept_at = partition.time
                changes.forget_seen.append((at, partition.time - WINDOW_MS))
        self._fresh = {}

    def settled(self) -> None:
        self._hours.settled()

    def clear(self) -> None:
        self._hours.clear()
        self._fresh = {}

    def _ids(self, hour: _Hour) -> set[int]:
        ids = self._hours.get(hour)
        if ids is None:
            ids = set()
            for row in self._store.load(*hour):
                numbers = array("Q", row)
                if sys.byteorder == "big":
                    numbers.byteswap()
                ids.update(numbers)
            self._hours.put(hour, ids)
        return ids
