"""A trait over time: (timestamp, id, value) in, the value in force at t out.

The same value said again and again (every `group` of every session) is thinned: of a long run of equal values only its ends
stay. First the runs that ended two days before the newest, so an event within lateness still splits a run exactly; the others
only where there are too many entries even so.
"""

from bisect import bisect_right, insort
from typing import Any

from detector.core.facts.series import DAY_MS
from detector.core.instants import NEVER

THINNED_OVER = 16
KEPT_MAX = 16
PLANS_KEPT_MAX = 256
"""Of the plan: measures look at it as of any time in their windows."""
_THINNED_AFTER_MS = 2 * DAY_MS

Entry = tuple[int, str, Any]


def _order(entry: Entry) -> tuple[int, str]:
    return entry[0], entry[1]


def _bytes(entry: Entry) -> int:
    """Roughly as stored; a text that is not plain ASCII at its worst."""
    said = entry[2] if isinstance(entry[2], list) else [entry[2]]
    texts = [entry[1], *(each for each in said if isinstance(each, str))]
    return 20 + 9 * (len(said) - 1) + sum(len(text) if text.isascii() else 4 * len(text) for text in texts)


class History:
    """The first entry and the newest, `most` in all. `bytes`: roughly as stored.

    What was dropped between the first and the newest leaves a gap, in which the first entry answers.
    """

    __slots__ = ("bytes", "entries", "most")

    def __init__(self, most: int, entries: list[Entry] | None = None) -> None:
        self.most = most
        self.entries: list[Entry] = entries if entries is not None else []
        self.bytes = sum(map(_bytes, self.entries))

    def add(self, timestamp: int, message_id: str, value: object) -> None:
        entry = (timestamp, message_id, value)
        insort(self.entries, entry, key=_order)
        self.bytes += _bytes(entry)
        if len(self.entries) > THINNED_OVER:
            self._thin()
            self.bytes = sum(map(_bytes, self.entries))

    def keep_newest(self) -> None:
        """What was said before is forgotten."""
        del self.entries[:-1]
        self.bytes = sum(map(_bytes, self.entries))

    def _thin(self) -> None:
        self.entries = _without_inside(self.entries, self.entries[-1][0] - _THINNED_AFTER_MS)
        if len(self.entries) > self.most:
            self.entries = _without_inside(self.entries, self.entries[-1][0])
        if len(self.entries) > self.most:
            # The first entry stays: the first known plan counts from there, however long ago.
            del self.entries[1 : -self.most + 1]

    def at(self, t: int) -> Entry | None:
        """The entry in force at t: the newest until then."""
        entries = self.entries
        if entries and entries[-1][0] <= t:
            return entries[-1]
        index = bisect_right(entries, t, key=lambda entry: entry[0])
        return entries[index - 1] if index else None

    def next(self, t: int) -> int:
        """When the first entry after t was said."""
        index = bisect_right(self.entries, t, key=lambda entry: entry[0])
        return self.entries[index][0] if index < len(self.entries) else NEVER

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
