"""Which values were seen in each UTC calendar month: (value, timestamp, id) in, how many in the month of t until t out."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from detector.core.facts.series import Count, month_of
from detector.core.instants import NEVER

VALUES_MAX = 4_000
"""Of one month: those seen first stay. Of all months together twice as many: the oldest months go."""
_CHUNKS = 16
"""A month is stored in so many, so that one more value rewrites a sixteenth of it."""


class Monthly:
    """month -> value -> (first timestamp, its id)."""

    __slots__ = ("_ceilings", "_changed", "_forgot", "dirty", "months")

    def __init__(self) -> None:
        self.months: dict[int, dict[Any, tuple[int, str]]] = {}
        self._ceilings: dict[int, tuple[int, str]] = {}  # of months at their bound: a first sight above it is dropped
        self._forgot = -1  # the newest month that was dropped
        self._changed: set[int] = set()
        self.dirty = False

    def add(self, value: object, timestamp: int, message_id: str) -> None:
        month = month_of(timestamp)
        if month <= self._forgot:
            return
        values = self.months.setdefault(month, {})
        known = values.get(value)
        if known is not None and known <= (timestamp, message_id):
            return
        ceiling = self._ceilings.get(month)
        if known is None and ceiling is not None and (timestamp, repr(value)) > ceiling:
            return
        values[value] = (timestamp, message_id)
        self._touch(month, value)
        self._bound(month, values)

    def _touch(self, month: int, value: object) -> None:
        self._changed.add(_chunk(month, value))
        self.dirty = True

    def _bound(self, month: int, values: dict[Any, tuple[int, str]]) -> None:
        if len(values) > VALUES_MAX:
            last = max(values, key=lambda value: (values[value][0], repr(value)))
            self._touch(month, last)
            del values[last]
            self._ceilings[month] = max((seen[0], repr(value)) for value, seen in values.items())
        if len(self.months) > 1 and sum(map(len, self.months.values())) > 2 * VALUES_MAX:
            oldest = min(self.months)
            for value in self.months.pop(oldest):
                self._touch(oldest, value)
            self._ceilings.pop(oldest, None)
            self._forgot = max(self._forgot, oldest)
            newest = max(self.months)
            self._touch(newest, next(iter(self.months[newest])))  # it is stored with what remains

    def count(self, t: int) -> Count:
        """Distinct values of the calendar month of t, until t."""
        month = month_of(t)
        seen = self.months.get(month, {}).values()
        at_least = month <= self._forgot or month in self._ceilings
        return Count(sum(1 for first, _ in seen if first <= t), at_least)

    def next(self, t: int) -> int:
        """The first instant after t at which a value is seen for the first time in its month."""
        months = sorted(month for month in self.months if month >= month_of(t))
        for month in months:
            firsts = [first for first, _ in self.months[month].values() if first > t]
            if firsts:
                return min(firsts)
        return NEVER

    @property
    def newest(self) -> int:
        """When a value was seen first, the latest such time; -1: never."""
        return max((first for first, _ in self.months[max(self.months)].values()), default=-1) if self.months else -1

    def newest_ids(self, t: int, number: int) -> list[str]:
        """Message ids of first sights in the month of t, newest first."""
        seen = sorted((each for each in self.months.get(month_of(t), {}).values() if each[0] <= t), reverse=True)
        return [message_id for _, message_id in seen[:number]]

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        wanted = {_chunk(month, value) for month, values in self.months.items() for value in values}
        wanted = wanted if everything else self._changed
        content: dict[int, Any] = {number: [self._forgot, self._ceilings.get(number // _CHUNKS), []] for number in wanted}
        for month in {number // _CHUNKS for number in wanted} & self.months.keys():
            for value, seen in self.months[month].items():
                number = _chunk(month, value)
                if number in content:
                    content[number][2].append((value, *seen))
        self._changed = set()
        self.dirty = False
        return {number: part if part[2] else None for number, part in content.items()}

    def load(self, chunks: Mapping[int, Any]) -> None:
        for number, (forgot, ceiling, seen) in chunks.items():
            month = number // _CHUNKS
            self._forgot = max(self._forgot, forgot)
            if ceiling is not None:
                self._ceilings[month] = min(tuple(ceiling), self._ceilings.get(month, tuple(ceiling)))
            self.months.setdefault(month, {}).update({value: (first, message_id) for value, first, message_id in seen})


def _chunk(month: int, value: object) -> int:
    return month * _CHUNKS + crc32(repr(value).encode(errors="surrogatepass")) % _CHUNKS
