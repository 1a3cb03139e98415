"""A trait over time: (timestamp, id, value) in, the value in force at t out.

The same value said again and again (every `group` of every session) is thinned: of a long run of equal values only its ends
stay. Only runs that ended two days before the newest are thinned, so an event within lateness still splits a run exactly.
"""

from bisect import bisect_right, insort
from typing import Any

from detector.core.facts.series import DAY_MS

THINNED_OVER = 16
KEPT_MAX = 256
_THINNED_AFTER_MS = 2 * DAY_MS

Entry = tuple[int, str, Any]


def _order(entry: Entry) -> tuple[int, str]:
    return entry[0], entry[1]


class History:
    """The newest KEPT_MAX changes. Before the oldest of them nothing is known, unless nothing was dropped."""

    __slots__ = ("entries",)

    def __init__(self, entries: list[Entry] | None = None) -> None:
        self.entries: list[Entry] = entries if entries is not None else []

    def add(self, timestamp: int, message_id: str, value: object) -> None:
        insort(self.entries, (timestamp, message_id, value), key=_order)
        if len(self.entries) > THINNED_OVER:
            self._thin()

    def _thin(self) -> None:
        self.entries = _without_inside(self.entries, self.entries[-1][0] - _THINNED_AFTER_MS)
        if len(self.entries) > KEPT_MAX:
            self.entries = _without_inside(self.entries, self.entries[-1][0])
        if len(self.entries) > KEPT_MAX:
            # The first entry stays: the first known plan counts from there, however long ago.
            del self.entries[1 : -KEPT_MAX + 1]

    def at(self, t: int) -> Entry | None:
        """The entry in force at t: the newest until then."""
        entries = self.entries
        if entries and entries[-1][0] <= t:
            return entries[-1]
        index = bisect_right(entries, t, key=lambda entry: entry[0])
        return entries[index - 1] if index else None

    def until(self, t: int) -> list[Entry]:
        """Every kept entry until t, oldest first."""
        return self.entries[: bisect_right(self.entries, t, key=lambda entry: entry[0])]


def _without_inside(entries: list[Entry], horizon: int) -> list[Entry]:
    """Without those between two of the same value, as far as these lie before `horizon`."""
    kept = [entries[0]]
    for before, entry, after in zip(entries, entries[1:], entries[2:], strict=False):
        if after[0] > horizon or not (before[2] == entry[2] == after[2]):
            kept.append(entry)
    kept.append(entries[-1])
    return kept
