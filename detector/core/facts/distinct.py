"""Which values were seen: (value, timestamp, id) in, how many distinct ones in a window ending at t out.

With a window, each value has a cell per UTC day with its first and last timestamp: exact at both edges of any window of two
days or more. Shorter windows keep every timestamp in the cell. Without a window a value has one cell, its first sight.
"""

from bisect import bisect_left
from collections.abc import Mapping
from heapq import nlargest
from typing import Any

from detector.core.facts.series import DAY_MS, Count
from detector.core.instants import NEVER

CELLS_MAX = 4_000
"""With a window: the newest cells by (day, value) stay. Without: VALUES_MAX values, first seen first."""
VALUES_MAX = 1_000
TIMES_MAX = 1_000
"""Timestamps kept in one cell of a window shorter than two days."""
CHUNK_DAYS = 8
_FOREVER = 0
ADD = (
    "cell = store.cells.get(utc_day, NONE).get(v)",
    "if cell is None or len(cell) != 3 or ts <= cell[2]: store.add(v, ts, mid); is_known = False",
    "else: cell[2] = ts; store.changed.add(utc_day // CHUNK_DAYS); store.dirty = True",
)
"""Source of `store.add(v, ts, mid)` where the store has a window, `utc_day` being that of ts: nearly always one more of a day.
`cell` is what it was added to, as long as `is_known`."""
ADD_NAMES: Mapping[str, object] = {"NONE": {}, "CHUNK_DAYS": CHUNK_DAYS}
"""What it refers to."""


class Distinct:
    """A cell is [first, id of the first, last] or, for short windows, [first, id, last, every timestamp in order]."""

    __slots__ = ("_ceilings", "_forgot", "cells", "changed", "dirty", "window_ms")

    def __init__(self, window_ms: int | None) -> None:
        self.window_ms = window_ms
        self.cells: dict[int, dict[Any, list[Any]]] = {}
        self._forgot: int | None = None  # the newest day of which a cell was dropped
        self._ceilings: dict[int, tuple[int, str]] = {}  # of days at their bound: a first sight above it is dropped
        self.changed: set[int] = set()
        """Chunks."""
        self.dirty = False

    def add(self, value: object, timestamp: int, message_id: str) -> None:
        window = self.window_ms
        day = _FOREVER if window is None else timestamp // DAY_MS
        cells = self.cells.get(day)
        if cells is not None and (cell := cells.get(value)) is not None and len(cell) == 3 and timestamp > cell[2]:
            if window is not None:  # nearly always: one more of a day
                cell[2] = timestamp
                self.dirty = True
                self.changed.add(day // CHUNK_DAYS)
            return
        if cells is None:
            if self._forgot is not None and day <= self._forgot:
                return
            cells = self.cells[day] = {}
        cell = cells.get(value)
        if cell is None:
            ceiling = self._ceilings.get(day)
            if ceiling is not None and (timestamp, repr(value)) > ceiling:
                return
            cells[value] = [timestamp, message_id, timestamp] if self._long() else [timestamp, message_id, timestamp, [timestamp]]
            self._bound(day)
        elif not self._merge(cell, timestamp, message_id):
            return
        self.dirty = True
        self.changed.add(day // CHUNK_DAYS)

    def _long(self) -> bool:
        return self.window_ms is None or self.window_ms >= 2 * DAY_MS

    def _merge(self, cell: list[Any], timestamp: int, message_id: str) -> bool:
        changed = False
        if timestamp <= cell[0] and (timestamp, message_id) < (cell[0], cell[1]):
            cell[0], cell[1] = timestamp, message_id
            changed = True
        if timestamp > cell[2] and self.window_ms is not None:
            cell[2] = timestamp
            changed = True
        return changed if self._long() else _into(cell[3], timestamp) or changed

    def _bound(self, day: int) -> None:
        cells = self.cells[day]
        if len(cells) > (VALUES_MAX if self.window_ms is None else CELLS_MAX):
            last, last_but_one = nlargest(2, ((cell[0], repr(value), value) for value, cell in cells.items()), key=_first_sight)
            del cells[last[2]]
            self._ceilings[day] = _first_sight(last_but_one)
            self._forgot = max(self._forgot or 0, day)
        elif len(self.cells) > 1 and sum(map(len, self.cells.values())) > CELLS_MAX:
            oldest = min(self.cells)
            del self.cells[oldest]
            self._ceilings.pop(oldest, None)
            self._forgot = max(self._forgot or 0, oldest)
            self.changed.add(oldest // CHUNK_DAYS)

    def count(self, t: int) -> Count:
        """Distinct values in (t - window, t]."""
        return Count(len(self.values(t)), at_least=self._may_be_more(t))

    def _may_be_more(self, t: int) -> bool:
        if self._forgot is None:
            return False
        return self.window_ms is None or (t - self.window_ms) // DAY_MS <= self._forgot

    def values(self, t: int) -> set[Any]:
        """The distinct values themselves."""
        if self.window_ms is None:
            return {value for value, cell in self.cells.get(_FOREVER, {}).items() if cell[0] <= t}
        start = t - self.window_ms
        low, high = start // DAY_MS, t // DAY_MS
        found: set[Any] = set()
        for day in range(max(low, min(self.cells, default=high)), high + 1):
            cells = self.cells.get(day)
            if not cells:
                continue
            if low < day < high:
                found.update(cells)
            else:
                found.update(value for value, cell in cells.items() if _inside(cell, start, t))
        return found

    def firsts(self) -> list[tuple[Any, int, str]]:
        """(value, when it was seen first, the message), in any order; only without a window."""
        return [(value, cell[0], cell[1]) for value, cell in self.cells.get(_FOREVER, {}).items()]

    def next(self, t: int) -> int:
        """The first instant after t at which a value comes into the window that ends then, or leaves it."""
        window = self.window_ms
        if window is None:
            return min((cell[0] for cell in self.cells.get(_FOREVER, {}).values() if cell[0] > t), default=NEVER)
        days = sorted(self.cells)
        comes = self._first_after(t, days[bisect_left(days, t // DAY_MS) :], into=True)
        leaves = self._first_after(t - window, days[bisect_left(days, (t - window) // DAY_MS) :], into=False)
        return min(comes, leaves + window)

    def _first_after(self, t: int, days: list[int], *, into: bool) -> int:
        """Of the first of `days` that has one: the first time after t at which a cell begins (or, not `into`, ends)."""
        for day in days:
            times = [time for cell in self.cells[day].values() for time in _edges(cell, into=into) if time > t]
            if times:
                return min(times)
        return NEVER

    def newest_ids(self, t: int, number: int) -> list[str]:
        """Message ids that opened a cell in the window, newest first."""
        start = -1 if self.window_ms is None else t - self.window_ms
        opened = [
            (cell[0], cell[1])
            for day, cells in self.cells.items()
            if self.window_ms is None or start // DAY_MS <= day <= t // DAY_MS
            for cell in cells.values()
            if start < cell[0] <= t
        ]
        return [message_id for _, message_id in sorted(opened, reverse=True)[:number]]

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        numbers = {day // CHUNK_DAYS for day in self.cells} if everything else set(self.changed)
        content: dict[int, Any] = {}
        for number in numbers:
            days = {day: cells for day, cells in self.cells.items() if day // CHUNK_DAYS == number}
            content[number] = [self._forgot, [(day, list(cells.items())) for day, cells in days.items()]] if days else None
        self.changed.clear()
        self.dirty = False
        return content

    def load(self, chunks: Mapping[int, Any]) -> None:
        for forgot, days in chunks.values():
            if forgot is not None:
                self._forgot = max(self._forgot or 0, forgot)
            for day, cells in days:
                self.cells[day] = dict(cells)


def _inside(cell: list[Any], start: int, t: int) -> bool:
    """Whether a cell has a timestamp in (start, t]. `first` and `last` decide it unless both edges fall on one day."""
    if len(cell) == 3:
        return bool(cell[2] > start and cell[0] <= t)
    return any(start < timestamp <= t for timestamp in cell[3])


def _edges(cell: list[Any], *, into: bool) -> list[int]:
    """When a cell's value can come into a window, or leave it."""
    return [cell[0] if into else cell[2]] if len(cell) == 3 else cell[3]


def _first_sight(of: tuple[int, str, Any]) -> tuple[int, str]:
    return of[0], of[1]


def _into(times: list[int], timestamp: int) -> bool:
    """Keeps the newest TIMES_MAX different times in order; whether anything changed."""
    at = bisect_left(times, timestamp)
    if at < len(times) and times[at] == timestamp:
        return False
    times.insert(at, timestamp)
    if len(times) > TIMES_MAX:
        del times[0]
    return True
