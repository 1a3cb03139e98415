"""Which values were seen in each UTC calendar month: (value, timestamp, id) in, how many in the month of t until t out."""

from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

from detector.core.facts.series import DAY_MS, Count
from detector.core.instants import NEVER
from detector.core.zones import month_of

VALUES_MAX = 4_000
"""Of one month: those seen first stay. Of all months together twice as many: the oldest months go."""
_CHUNKS = 16
"""A month is stored in so many, so that one more value rewrites a sixteenth of it."""

_Sight = tuple[int, str]


class Monthly:
    """Chunk of a month -> value -> (first timestamp, its id)."""

    __slots__ = ("_ceilings", "_changed", "_forgot", "_last", "_seen", "_sizes", "dirty")

    def __init__(self) -> None:
        self._seen: dict[int, dict[Any, _Sight]] = {}
        self._sizes: dict[int, int] = {}  # month -> how many values
        self._last: dict[int, int] = {}  # month -> a time after which no value is seen for the first time
        self._ceilings: dict[int, _Sight] = {}  # of months at their bound: a first sight above it is dropped
        self._forgot = -1  # the newest month that was dropped
        self._changed: set[int] = set()
        self.dirty = False

    def add(self, value: object, timestamp: int, message_id: str) -> None:
        month = month_of(timestamp // DAY_MS)
        if month <= self._forgot:
            return
        number = month * _CHUNKS + crc32(repr(value).encode(errors="surrogatepass")) % _CHUNKS
        seen = self._seen.setdefault(number, {})
        known = seen.get(value)
        if known is not None and known <= (timestamp, message_id):
            return
        if known is None:
            ceiling = self._ceilings.get(month)
            if ceiling is not None and (timestamp, repr(value)) > ceiling:
                return
            self._sizes[month] = self._sizes.get(month, 0) + 1
        seen[value] = (timestamp, message_id)
        self._last[month] = max(timestamp, self._last.get(month, timestamp))
        self._touch(number)
        if self._sizes[month] > VALUES_MAX:
            self._drop_last(month)
        if len(self._sizes) > 1 and sum(self._sizes.values()) > 2 * VALUES_MAX:
            self._drop_oldest_month()

    def _touch(self, number: int) -> None:
        self._changed.add(number)
        self.dirty = True

    def _of(self, month: int) -> Iterator[tuple[int, Any, _Sight]]:
        """(chunk, value, first sight) of all values of a month."""
        for number in range(month * _CHUNKS, (month + 1) * _CHUNKS):
            for value, sight in self._seen.get(number, _NONE).items():
                yield number, value, sight

    def _drop_last(self, month: int) -> None:
        """Whose first sight is the latest."""
        number, value, _ = max(self._of(month), key=lambda each: (each[2][0], repr(each[1])))
        self._touch(number)
        del self._seen[number][value]
        self._sizes[month] -= 1
        self._ceilings[month] = max((sight[0], repr(each)) for _, each, sight in self._of(month))

    def _drop_oldest_month(self) -> None:
        oldest = min(self._sizes)
        for number in range(oldest * _CHUNKS, (oldest + 1) * _CHUNKS):
            if self._seen.pop(number, None) is not None:
                self._touch(number)
        for of_month in (self._sizes, self._last, self._ceilings):
            of_month.pop(oldest, None)
        self._forgot = max(self._forgot, oldest)
        self._touch(max(number for number, seen in self._seen.items() if seen))  # it is stored with what remains

    def count(self, t: int) -> Count:
        """Distinct values of the calendar month of t, until t."""
        month = month_of(t // DAY_MS)
        number = self._sizes.get(month, 0)
        if number and t < self._last[month]:
            number = sum(1 for _, _, (first, _) in self._of(month) if first <= t)
        return Count(number, month <= self._forgot or month in self._ceilings)

    def next(self, t: int) -> int:
        """The first instant after t at which a value is seen for the first time in its month."""
        for month in sorted(month for month, last in self._last.items() if last > t):
            later = [first for _, _, (first, _) in self._of(month) if first > t]
            if later:
                return min(later)
        return NEVER

    @property
    def newest(self) -> int:
        """When a value was seen first, the latest such time; -1: never."""
        return max((first for _, _, (first, _) in self._of(max(self._sizes))), default=-1) if self._sizes else -1

    def newest_ids(self, t: int, number: int) -> list[str]:
        """Message ids of first sights in the month of t, newest first."""
        seen = sorted((sight for _, _, sight in self._of(month_of(t // DAY_MS)) if sight[0] <= t), reverse=True)
        return [message_id for _, message_id in seen[:number]]

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        content: dict[int, Any] = {}
        for number in list(self._seen) if everything else self._changed:
            seen = self._seen.get(number)
            sights = [(value, *sight) for value, sight in seen.items()] if seen else None
            content[number] = sights and (self._forgot, self._ceilings.get(number // _CHUNKS), sights)
        self._changed = set()
        self.dirty = False
        return content

    def load(self, chunks: Mapping[int, Any]) -> None:
        for number, (forgot, ceiling, sights) in chunks.items():
            month = number // _CHUNKS
            self._forgot = max(self._forgot, forgot)
            if ceiling is not None:
                self._ceilings[month] = min(tuple(ceiling), self._ceilings.get(month, tuple(ceiling)))
            self._seen[number] = {value: (first, message_id) for value, first, message_id in sights}
            self._sizes[month] = self._sizes.get(month, 0) + len(sights)
            self._last[month] = max(self._last.get(month, 0), *(first for _, first, _ in sights))


_NONE: dict[Any, _Sight] = {}
