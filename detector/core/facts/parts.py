"""One gauge per part of an account: (part, timestamp, id, value) in, the highest of the newest values as of t out.

At most 500 parts are kept, those whose names hash lowest, so that it does not matter which of them came first; of each the
newest 32 values.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

from detector.core.instants import NEVER

PARTS_MAX = 500
VALUES_MAX = 32
_CHUNKS = 32


class Worst(NamedTuple):
    """The part with the highest value; of equals the one whose name comes first. `message_id` said so."""

    part: Any
    value: float
    message_id: str


class _Gauge:
    """Entries (timestamp, id, value) in order. `forgot`: older ones were dropped."""

    __slots__ = ("entries", "forgot", "number")

    def __init__(self, number: int) -> None:
        self.entries: list[tuple[int, str, float]] = []
        self.forgot = False
        self.number = number

    def at(self, t: int) -> tuple[int, str, float] | None:
        if self.entries[-1][0] <= t:
            return self.entries[-1]
        index = bisect_right(self.entries, t, key=lambda entry: entry[0])
        return self.entries[index - 1] if index else None


class Parts:
    __slots__ = ("_ceiling", "_changed", "_forgot", "_now", "dirty", "gauges", "newest")

    def __init__(self) -> None:
        self.gauges: dict[Any, _Gauge] = {}
        self._forgot = False  # some part is not kept
        self._ceiling: tuple[int, str] | None = None  # then: no part whose name ranks above this is
        self.newest = -1
        """When a part had a value last; -1: never."""
        self._now: Worst | None = None
        """The worst from `newest` on, if it is known."""
        self._changed: set[int] = set()
        self.dirty = False

    def add(self, part: object, timestamp: int, message_id: str, value: float) -> None:
        gauge = self.gauges.get(part)
        if gauge is None:
            if self._ceiling is not None and _rank(part) > self._ceiling:
                return
            gauge = self.gauges[part] = _Gauge(_rank(part)[0] % _CHUNKS)
            if len(self.gauges) > PARTS_MAX:
                self._drop(max(self.gauges, key=_rank))
                self._ceiling = max(map(_rank, self.gauges))
        self.dirty = True
        entries = gauge.entries
        entries.insert(bisect_left(entries, (timestamp, message_id)), (timestamp, message_id, value))
        if len(entries) > VALUES_MAX:
            del entries[0]
            gauge.forgot = True
        self._changed.add(gauge.number)
        self._now = self._still_worst(part, timestamp, message_id, value)
        if part in self.gauges:
            self.newest = max(self.newest, timestamp)

    def _still_worst(self, part: object, timestamp: int, message_id: str, value: float) -> Worst | None:
        """After one more value, if nothing has to be looked up for it; nearly always another part stays the worst."""
        now = self._now
        if now is None or timestamp <= self.newest or part not in self.gauges or value == now.value:
            return None
        if value > now.value:
            return Worst(part, value, message_id)
        return None if part == now.part else now

    def _drop(self, part: object) -> None:
        self._changed.add(self.gauges.pop(part).number)
        self._forgot, self._now = True, None
        self.newest = max((each.entries[-1][0] for each in self.gauges.values() if each.entries), default=-1)

    def worst(self, t: int) -> Worst | None:
        """None: no part had a value until t."""
        if t < self.newest:
            return self._worst(t)
        if self._now is None:
            self._now = self._worst(t)
        return self._now

    def worst_since(self, since: int, t: int) -> Worst | None:
        """The same of the parts of which the newest value until t is from after `since`."""
        return self._worst(t, since)

    def _worst(self, t: int, since: int = -1) -> Worst | None:
        found: Worst | None = None
        for part, gauge in self.gauges.items():
            entry = gauge.at(t)
            if entry is None or entry[0] <= since or (found is not None and entry[2] < found.value):
                continue
            if found is None or entry[2] > found.value or repr(part) < repr(found.part):
                found = Worst(part, entry[2], entry[1])
        return found

    def at_least(self, t: int) -> bool:
        """Whether a part that is not kept, or a value that was dropped, may have been higher at t."""
        return self._forgot or (t < self.newest and self._cut(t))

    def _cut(self, t: int) -> bool:
        return any(gauge.forgot and gauge.entries[0][0] > t for gauge in self.gauges.values())

    def next(self, t: int) -> int:
        """The first instant after t at which a part has another value."""
        later = (bisect_right(gauge.entries, t, key=lambda entry: entry[0]) for gauge in self.gauges.values())
        times = (
            gauge.entries[index][0]
            for index, gauge in zip(later, self.gauges.values(), strict=True)
            if index < len(gauge.entries)
        )
        return min(times, default=NEVER)

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        wanted = {gauge.number for gauge in self.gauges.values()} if everything else self._changed
        content: dict[int, Any] = {number: [self._forgot, []] for number in wanted}
        for part, gauge in self.gauges.items():
            if gauge.number in content:
                content[gauge.number][1].append((part, gauge.forgot, gauge.entries))
        self._changed = set()
        self.dirty = False
        return {number: part if part[1] else None for number, part in content.items()}

    def load(self, chunks: Mapping[int, Any]) -> None:
        for number, (forgot, gauges) in chunks.items():
            self._forgot = self._forgot or forgot
            for part, dropped, entries in gauges:
                gauge = self.gauges[part] = _Gauge(number)
                gauge.forgot = dropped
                gauge.entries = [(timestamp, message_id, value) for timestamp, message_id, value in entries]
                self.newest = max(self.newest, gauge.entries[-1][0])
        if self._forgot:
            self._ceiling = max(map(_rank, self.gauges))


def _rank(part: object) -> tuple[int, str]:
    name = repr(part)
    return crc32(name.encode(errors="surrogatepass")), name
