"""Ids already seen, per partition and hour: recent hours in memory, older ones loaded when an event needs them."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from contracts.messages import UsageEvent
from detector.cache import Cache
from detector.changes import Changes, SeenRow
from detector.core.hashes import CompactHashes, Hashes
from detector.core.seen import DAY_MS, HOUR_MS, KEY_BYTES, WINDOW_DAYS, hash_of, hour_of, hours_around
from detector.partition import Partition
from detector.store.accounts import Seen
from eventlog.port import TopicPartition

BYTES_MAX = 128 * 1024 * 1024
BYTES_PER_HOUR = 320
"""Of an hour without any id: its key and its places in the cache."""

_Hour = tuple[TopicPartition, int]
_Days = dict[int, Hashes]
"""The day of partition time -> the ids of the hour that came first on it."""
_Home: TypeAlias = "tuple[Hashes, list[Hashes], array[int]]"
"""Where the open batch's ids of an hour go: those of today, those of earlier days that still count, and the new ones."""


class SeenIds:
    def __init__(
        self, store: Seen, key: bytes, bytes_max: int = BYTES_MAX, hashes: Callable[[Sequence[bytes]], Hashes] = CompactHashes
    ) -> None:
        self._store = store
        self._hashes = hashes
        self._key = key[:KEY_BYTES]
        self._hours: Cache[_Hour, _Days] = Cache(bytes_max, _size)
        self._fresh: dict[tuple[TopicPartition, int, int], _Home] = {}
        """(partition, hour, day) that the open batch adds to."""

    @property
    def bytes(self) -> int:
        """What the hours in memory take, without what the open batch has added."""
        return self._hours.bytes

    def prepare(self, at: TopicPartition, events: Sequence[UsageEvent]) -> None:
        """Load the hours of all of them at once: old events may be spread over thousands."""
        if (only := _only_hour(events)) is not None:
            self._load(at, [only])
            return
        hours = {hour_of(event) for event in events}
        hours.update(near for event in events if event.original_timestamp is None for near in hours_around(hour_of(event)))
        self._load(at, hours)

    def without_copies(self, partition: Partition, events: Sequence[UsageEvent]) -> list[UsageEvent]:
        """Those that are the first of their copies in the partition, as far as is remembered. They are remembered."""
        if (only := _only_hour(events)) is not None:
            return self._first(partition, only, events, is_timed=True)
        found: list[UsageEvent] = []
        for (hour, is_timed), run in groupby(events, _hour_and_whether_timed):
            found += self._first(partition, hour, list(run), is_timed=is_timed)
        return found

    def _first(self, partition: Partition, hour: int, events: Sequence[UsageEvent], *, is_timed: bool) -> list[UsageEvent]:
        """The same, of events of one hour."""
        at, today, key = partition.at, partition.time // DAY_MS, self._key
        ids, earlier, fresh = self._fresh.get((at, hour, today)) or self._home(at, hour, today)
        first, hashes = list(events), [hash_of(event, key) for event in events]
        elsewhere = earlier if is_timed else [*earlier, *self._around(at, hour, today)]
        if elsewhere:
            news = [n for n, hashed in enumerate(hashes) if not any(hashed in each for each in elsewhere)]
            first, hashes = [first[n] for n in news], [hashes[n] for n in news]
        known = ids.add(hashes)
        for n in reversed(known):
            del first[n], hashes[n]
        fresh.extend(hashes)
        return first

    def _around(self, at: TopicPartition, hour: int, today: int) -> Iterable[Hashes]:
        return (ids for near in hours_around(hour) for ids in _counting(self._days(at, near), today))

    def _home(self, at: TopicPartition, hour: int, today: int) -> _Home:
        days = self._days(at, hour)
        self._hours.touch((at, hour), days)
        ids = days.setdefault(today, self._hashes(()))
        earlier = [each for each in _counting(days, today) if each is not ids]
        home = self._fresh[at, hour, today] = (ids, earlier, array("Q"))
        return home

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        """Put the open batch's new ids into `changes`, one row per hour, day and partition."""
        self._hours.close()
        for (at, hour, day), (_, _, ids) in self._fresh.items():
            if not ids:
                continue
            partition = partitions[at]
            changes.seen.append(SeenRow(at.topic, at.partition, hour, partition.next_offset, day * DAY_MS, ids.tobytes()))
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

    def _days(self, at: TopicPartition, hour: int) -> _Days:
        days = self._hours.get((at, hour))
        return self._load(at, [hour])[hour] if days is None else days

    def _load(self, at: TopicPartition, hours: Iterable[int]) -> dict[int, _Days]:
        """What is not in memory of `hours`."""
        loaded: dict[int, _Days] = {hour: {} for _, hour in self._hours.missing((at, hour) for hour in hours)}
        if not loaded:
            return loaded
        rows: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        for hour, time, row in self._store.load(at, loaded):
            rows[hour, time // DAY_MS].append(row)
        for (hour, day), each in rows.items():
            loaded[hour][day] = self._hashes(each)
        for hour, days in loaded.items():
            self._hours.put((at, hour), days)
        return loaded


def _only_hour(events: Sequence[UsageEvent]) -> int | None:
    """The hour of all of them, if all have a time of their own and one hour: nearly always."""
    times = list(map(_ORIGINAL, events))
    if not times or None in times:
        return None
    first: int = min(times) // HOUR_MS
    return first if first == max(times) // HOUR_MS else None


_ORIGINAL = attrgetter("original_timestamp")


def _hour_and_whether_timed(event: UsageEvent) -> tuple[int, bool]:
    """A copy of an event without any time of its own comes to another hour."""
    return hour_of(event), event.original_timestamp is not None


def _counting(days: _Days, today: int) -> Iterable[Hashes]:
    """Those that came within the window."""
    return (ids for day, ids in days.items() if day >= today - WINDOW_DAYS)


def _size(days: _Days) -> int:
    return BYTES_PER_HOUR + sum(ids.size for ids in days.values())
