"""Amounts by time: (timestamp, id, amount) in, their sum in a calendar month out, to the last bit the same in any order."""

from collections.abc import Mapping
from math import fsum
from typing import Any

from detector.core.facts.series import DAY_MS, DAYS_MAX, Series
from detector.core.zones import period

_SUMS = -2
"""The number of the chunk that holds the sums of what was dropped."""


class Sums(Series):
    """A series that knows, of what it dropped, the sum of each UTC day (the newest 400 of them).

    A day's sum is a list of floats that add up to it exactly, so it does not matter in which order they came.
    """

    __slots__ = ("_now", "_sums")

    def __init__(self) -> None:
        super().__init__()
        self._sums: dict[int, list[float]] = {}
        self._now: tuple[int, list[float]] | None = None
        """Of the newest event's month: when it began, and what adds up to its sum; None: not known."""

    def add(self, timestamp: int, message_id: str, value: Any = None) -> None:
        now, in_order = self._now, not self.times or timestamp > self.times[-1]
        same = now is not None and in_order and _month_begun(timestamp) == now[0]
        self._now = (now[0], _exactly(now[1], value)) if now is not None and same else None
        super().add(timestamp, message_id, value)

    def _forget(self, timestamp: int, value: Any) -> None:
        super()._forget(timestamp, value)
        day = timestamp // DAY_MS
        self._sums[day] = _exactly(self._sums.get(day, []), value)
        if len(self._sums) > DAYS_MAX:
            del self._sums[min(self._sums)]

    def sum_in_month(self, t: int) -> tuple[float, bool]:
        """(The sum of the UTC calendar month of t until t, whether it may be more)."""
        start = _month_begun(t)
        if not self.times or t < self.times[-1]:
            parts, exact = self._parts(start, t)
            return _plain(fsum(parts)), not exact
        if self._now is None or self._now[0] != start:
            parts, _ = self._parts(start, t)
            self._now = (start, _added(parts))
        return _plain(fsum(self._now[1])), False

    def _parts(self, start: int, t: int) -> tuple[list[float], bool]:
        """(What adds up to the sum from `start` until t, whether nothing is missing)."""
        inside = self.between(start, t + 1)
        kept = self.values[inside.start : inside.stop]
        if not self._sums or start > self.times[0]:
            return kept, True
        # Nothing that was dropped is newer than what was kept; of a day that t cuts in two only the whole is known.
        every = t >= self.times[0]
        last = t // DAY_MS if every else t // DAY_MS - 1
        dropped = [part for day, parts in self._sums.items() if start // DAY_MS <= day <= last for part in parts]
        return [*dropped, *kept], every

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        content = super().chunks(everything=everything)
        if self._sums:
            content[_SUMS] = self._sums
        return content

    def load(self, chunks: Mapping[int, Any]) -> None:
        super().load({number: content for number, content in chunks.items() if number != _SUMS})
        self._sums = chunks.get(_SUMS, {})


def _month_begun(t: int) -> int:
    return period("month", t // DAY_MS)[0] * DAY_MS


def _plain(total: float) -> float:
    return int(total) if total.is_integer() else total


def _added(values: list[float]) -> list[float]:
    parts: list[float] = []
    for value in values:
        parts = _exactly(parts, value)
    return parts


def _exactly(parts: list[float], value: float) -> list[float]:
    """Floats that add up to `parts` and `value` without any rounding (Shewchuk's)."""
    kept = []
    for part in parts:
        large, small = (value, part) if abs(value) >= abs(part) else (part, value)
        value = large + small
        rest = small - (value - large)
        if rest:
            kept.append(rest)
    return [*kept, value]
