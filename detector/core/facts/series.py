"""Events by time: (timestamp, id, value) in, counts, the newest value and message ids as of t out.

The newest 1,000 are kept whole; of older ones only how many there were per day, and per month before that: days and months of
UTC, or of the time zone that the store is for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from detector.core.instants import NEVER
from detector.core.zones import DAY_MS, UTC, Zone, first_of_month, month_of, zone

__all__ = ["DAY_MS", "Count", "Series", "ZonedSeries"]

KEPT_MAX = 1_000
DAYS_MAX = 400
CHUNK = 64
_TOTALS = -1
"""The number of the chunk that holds the totals of what was dropped."""


_NONE: dict[int, int] = {}


class Count(NamedTuple):
    value: int
    at_least: bool = False
    """A bound was reached: there may have been more."""


class Series:
    """Duplicates by id are dropped before they get here; equal timestamps are ordered by id."""

    __slots__ = ("_base", "_chunks_from", "_days", "_dirty_from", "_months", "dirty", "ids", "times", "values")
    zone: Zone = zone(UTC)
    """Whose days are counted."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.ids: list[str] = []
        self.values: list[Any] = []
        self._days = self._months = _NONE  # most accounts never need their own
        self._base = 0  # ordinal of the first kept event: an append never renumbers, so it rewrites only the last chunk
        self._dirty_from = 0
        self._chunks_from = 0  # the first chunk that is stored
        self.dirty = False

    def add(self, timestamp: int, message_id: str, value: object = None) -> None:
        times = self.times
        self.dirty = True
        if not times or (timestamp, message_id) > (times[-1], self.ids[-1]):
            times.append(timestamp)
            self.ids.append(message_id)
            self.values.append(value)
            self._dirty_from = min(self._dirty_from, self._base + len(times) - 1)
        else:
            self._insert(timestamp, message_id, value)
        if len(times) > KEPT_MAX:
            self._forget(times[0], self.values[0])
            del times[0], self.ids[0], self.values[0]
            self._base += 1

    def _insert(self, timestamp: int, message_id: str, value: object) -> None:
        at = bisect_left(self.times, timestamp)
        while at < len(self.times) and self.times[at] == timestamp and self.ids[at] < message_id:
            at += 1
        self.times.insert(at, timestamp)
        self.ids.insert(at, message_id)
        self.values.insert(at, value)
        self._dirty_from = min(self._dirty_from, self._base + at)

    def _forget(self, timestamp: int, value: Any) -> None:  # noqa: ARG002  of counts nothing more is kept
        if self._days is _NONE:
            self._days, self._months = {}, {}
        days, day = self._days, self.zone.day(timestamp)
        if day in days:
            days[day] += 1
            return
        days[day] = 1
        if len(days) > DAYS_MAX:
            oldest = min(days)
            month = month_of(oldest)
            self._months[month] = self._months.get(month, 0) + days.pop(oldest)

    def count(self, t: int, window_ms: int | None = None) -> Count:
        """Events in (t - window, t]: one exactly a window ago is out. Without a window: all until t."""
        return self._between(None if window_ms is None else t - window_ms + 1, t)

    def count_in(self, start: int | None, end: int) -> Count:
        """Events in [start, end); start None: since the beginning."""
        return self._between(start, end - 1)

    def _between(self, start: int | None, t: int) -> Count:
        times = self.times
        upper = bisect_right(times, t)
        lower = 0 if start is None else bisect_left(times, start)
        kept = max(0, upper - lower)
        if not self._days or (start is not None and start > times[0]):
            return Count(kept)
        dropped, exact = self._dropped_between(start, t)
        return Count(kept + dropped, at_least=not exact)

    def _dropped_between(self, start: int | None, t: int) -> tuple[int, bool]:
        """Dropped events on whole days (or months) inside, and whether nothing more of them can lie inside."""
        first = self._whole_from(start or 0)
        every = t >= self.times[0]  # nothing that was dropped is newer than what was kept
        last = self._last_whole(t + 1)
        total = sum(number for day, number in self._days.items() if first <= day <= last)
        exact = every and (start is None or start == self.zone.begins(first))
        for month, number in self._months.items():
            begins, ends = first_of_month(month), first_of_month(month + 1)
            if (start is None or begins >= first) and ends <= last + 1:
                total += number
            elif start is not None and ends > first:
                exact = False
        return total, exact

    def _whole_from(self, start: int) -> int:
        """The first day that begins at `start` or later."""
        day = self.zone.day(start)
        return day if self.zone.begins(day) >= start else day + 1

    def _last_whole(self, end: int) -> int:
        """The last day of which all that was dropped lies before `end`."""
        return self.zone.day(min(end, self.times[0])) - (end <= self.times[0])

    def last(self, t: int, window_ms: int | None = None) -> Any:
        """The value of the newest event in (t - window, t]; None: there is none, or it was forgotten."""
        at = bisect_right(self.times, t)
        return self.values[at - 1] if at and (window_ms is None or self.times[at - 1] > t - window_ms) else None

    def last_in(self, start: int, end: int) -> Any:
        """The value of the newest event in [start, end); None: there is none, or it was forgotten."""
        kept = self.between(start, end)
        return self.values[kept[-1]] if kept else None

    def at(self, t: int) -> int | None:
        """The index of the newest event whose timestamp is exactly t."""
        at = bisect_right(self.times, t)
        return at - 1 if at and self.times[at - 1] == t else None

    def newest_time(self, t: int) -> int | None:
        """When the newest event until t was."""
        at = bisect_right(self.times, t)
        return self.times[at - 1] if at else None

    def next(self, t: int, window_ms: int | None = None) -> int:
        """The first instant after t at which an event comes into the window that ends then, or leaves it."""
        times = self.times
        at = bisect_right(times, t)
        comes = times[at] if at < len(times) else NEVER
        if window_ms is None:
            return comes
        oldest = bisect_right(times, t - window_ms)
        return min(comes, times[oldest] + window_ms) if oldest < len(times) else comes

    def newest_ids(self, t: int, number: int, window_ms: int | None = None) -> list[str]:
        """Message ids in (t - window, t], newest first. Without a window: all until t."""
        upper = bisect_right(self.times, t)
        lower = 0 if window_ms is None else bisect_right(self.times, t - window_ms)
        return self.ids[max(lower, upper - number) : upper][::-1]

    def newest_ids_in(self, start: int, end: int, number: int) -> list[str]:
        """Message ids in [start, end), newest first."""
        kept = self.between(start, end)
        return self.ids[max(kept.start, kept.stop - number) : kept.stop][::-1]

    def days(self, start: int, end: int) -> set[int]:
        """Days with an event in [start, end), by jumps: as fast for a thousand events a day as for one.

        Of what was dropped, the days that lie inside as a whole.
        """
        times, days = self.times, set(self._dropped_days(start, end)) if self._days else set()
        at = bisect_left(times, start)
        while at < len(times) and times[at] < end:
            day = self.zone.day(times[at])
            days.add(day)
            at = bisect_left(times, self.zone.begins(day + 1), at)
        return days

    def _dropped_days(self, start: int, end: int) -> Iterator[int]:
        first, last = self._whole_from(start), self._last_whole(end)
        return (day for day in self._days if first <= day <= last)

    def dropped(self, start: int, end: int) -> int:
        """How many events were dropped of the whole days inside [start, end)."""
        return sum(self._days[day] for day in self._dropped_days(start, end)) if self._days else 0

    def between(self, start: int, end: int) -> range:
        """Indices of the kept events in [start, end)."""
        return range(bisect_left(self.times, start), bisect_left(self.times, end))

    def forgot_after(self, start: int) -> bool:
        """Whether events at or after `start` may have been dropped."""
        return bool(self._days) and start <= self.times[0]

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        first = self._base // CHUNK
        ends = self._base + len(self.times)
        start = self._base if everything else max(self._base, self._dirty_from)
        content: dict[int, Any] = {}
        for number in range(start // CHUNK, -(-ends // CHUNK)):
            low = max(number * CHUNK, self._base)
            part = slice(low - self._base, (number + 1) * CHUNK - self._base)
            content[number] = (low, self.times[part], self.ids[part], self.values[part])
        if self._base:
            content[_TOTALS] = (self._base, self._days, self._months)
            content |= dict.fromkeys(range(self._chunks_from, first))
        self._dirty_from, self._chunks_from = ends, first
        self.dirty = False
        return content

    def load(self, chunks: Mapping[int, Any]) -> None:
        totals = chunks.get(_TOTALS)
        if totals is not None:
            self._base, self._days, self._months = totals
        for number in sorted(chunks):
            if number == _TOTALS or (number + 1) * CHUNK <= self._base:
                continue
            low, times, ids, values = chunks[number]
            skip = max(0, self._base - low)
            self.times += times[skip:]
            self.ids += ids[skip:]
            self.values += values[skip:]
        self._dirty_from = self._base + len(self.times)
        self._chunks_from = min((number for number in chunks if number != _TOTALS), default=0)


class ZonedSeries(Series):
    """With the days of a time zone."""

    __slots__ = ("zone",)

    def __init__(self, of: Zone) -> None:
        super().__init__()
        self.zone = of
