"""Ids already seen, per partition and hour: recent hours in memory, older ones loaded when an event needs them."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from contracts.columns import Columns
from detector.cache import Cache
from detector.changes import Changes, SeenRow
from detector.core.hashes import CompactHashes, Hashes
from detector.core.seen import DAY_MS, HOUR_MS, KEY_BYTES, WINDOW_DAYS, hashes_of, hour_of, hours_around
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

    def prepare(self, at: TopicPartition, frames: Iterable[Columns]) -> None:
        """Load the hours of all their events at once: old events may be spread over thousands."""
        hours: set[int] = set()
        for columns in frames:
            if (only := _only_hour(columns)) is not None:
                hours.add(only)
                continue
            for hour, is_timed in _hours(columns):
                hours.add(hour)
                if not is_timed:
                    hours.update(hours_around(hour))
        self._load(at, hours)

    def without_copies(self, partition: Partition, columns: Columns) -> Columns | None:
        """Those that are the first of their copies in the partition, as far as is remembered. They are remembered."""
        hashes = hashes_of(columns, self._key)
        if (only := _only_hour(columns)) is not None:
            return columns.only(self._first(partition, only, hashes, is_timed=True))
        found: list[int] = []
        begin = 0
        for (hour, is_timed), run in groupby(_hours(columns)):
            end = begin + len(list(run))
            found += [begin + place for place in self._first(partition, hour, hashes[begin:end], is_timed=is_timed)]
            begin = end
        return columns.only(found)

    def _first(self, partition: Partition, hour: int, hashes: list[int], *, is_timed: bool) -> Sequence[int]:
        """The places of the same, of one hour."""
        at, today = partition.at, partition.time // DAY_MS
        ids, earlier, fresh = self._fresh.get((at, hour, today)) or self._home(at, hour, today)
        elsewhere = earlier if is_timed else [*earlier, *self._around(at, hour, today)]
        first: Sequence[int] = range(len(hashes))
        if elsewhere:
            first = [n for n in first if not any(hashes[n] in each for each in elsewhere)]
            hashes = [hashes[n] for n in first]
        if known := set(ids.add(hashes)):
            first = [place for n, place in enumerate(first) if n not in known]
            hashes = [hashed for n, hashed in enumerate(hashes) if n not in known]
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


def _only_hour(columns: Columns) -> int | None:
    """The hour of all events, if all have a time of their own and one hour: nearly always."""
    times = columns.original_timestamp
    if None in times:
        return None
    hours = {time // HOUR_MS for time in (min(times), max(times))}  # type: ignore[type-var, operator]
    return hours.pop() if len(hours) == 1 else None


def _hours(columns: Columns) -> Iterator[tuple[int, bool]]:
    """Of each event its hour, and whether it has a time of its own: a copy of one that has none comes to another hour."""
    for original, received in zip(columns.each(columns.original_timestamp), columns.each(columns.received_at), strict=True):
        yield hour_of(original, received), original is not None


def _counting(days: _Days, today: int) -> Iterable[Hashes]:
    """Those that came within the window."""
    return (ids for day, ids in days.items() if day >= today - WINDOW_DAYS)


def _size(days: _Days) -> int:
    return BYTES_PER_HOUR + sum(ids.size for ids in days.values())
