"""When each value was seen: (value, timestamp, id) in, the different values of a span out.

Of a group of sights (a period of the calendar) only the first of each value is kept. Where it is known from when on sights count,
of those before that the newest 64 of each value are kept too: it may turn out to be earlier. Of so many no second one of a day
(UTC) is added, so what happens all the time is not written all the time while that is unknown.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

from detector.core.facts.distinct import CELLS_MAX
from detector.core.instants import NEVER
from detector.core.zones import DAY_MS

TIMES_MAX = 64
_GROUPS_PER_CHUNK = 8

Sight = tuple[int, str]


class Sights:
    """Groups in order of time. Beyond 4,000 values: of one group those that were seen first stay, else the newest groups."""

    __slots__ = ("_ceilings", "_changed", "_forgot", "_newest", "dirty", "groups")

    def __init__(self) -> None:
        self.groups: dict[int, dict[Any, list[Sight]]] = {}
        self._newest = -1
        self._forgot: int | None = None  # the newest group of which a value was dropped
        self._ceilings: dict[int, tuple[int, str]] = {}
        self._changed: set[int] = set()
        self.dirty = False

    def add(self, value: object, timestamp: int, message_id: str, group: int = 0, start: int | None = 0) -> None:
        """`start`: of the sights from then on only the first counts; None: nobody knows yet."""
        values = self.groups.get(group)
        if values is None:
            if self._forgot is not None and group <= self._forgot:
                return
            values = self.groups[group] = {}
        sights = values.get(value)
        if sights is not None and start is not None and start <= sights[-1][0] < timestamp:
            return  # nearly always: it was seen before
        if sights is None:
            ceiling = self._ceilings.get(group)
            if ceiling is not None and (timestamp, repr(value)) > ceiling:
                return
            values[value] = [(timestamp, message_id)]
            self._bound(group)
        elif not _into(sights, (timestamp, message_id), start):
            return
        self._newest = max(self._newest, timestamp)
        self._changed.add(group // _GROUPS_PER_CHUNK)
        self.dirty = True

    def _bound(self, group: int) -> None:
        values = self.groups[group]
        if len(values) > CELLS_MAX:
            order = sorted((sights[0][0], repr(value), value) for value, sights in values.items())
            del values[order[-1][2]]
            self._ceilings[group] = order[-2][:2]
            self._forgot = max(self._forgot or 0, group)
        elif len(self.groups) > 1 and sum(map(len, self.groups.values())) > CELLS_MAX:
            oldest = min(self.groups)
            del self.groups[oldest]
            self._ceilings.pop(oldest, None)
            self._forgot = max(self._forgot or 0, oldest)
            self._changed.add(oldest // _GROUPS_PER_CHUNK)

    def _seen(self, groups: range, start: int, end: int) -> Iterator[tuple[Any, Sight]]:
        """Each value with its first sight in [start, end), group by group."""
        for group in groups:
            for value, sights in self.groups.get(group, _NONE).items():
                at = bisect_left(sights, (start, ""))
                if at < len(sights) and sights[at][0] < end:
                    yield value, sights[at]

    def values(self, groups: range, start: int, end: int) -> set[Any]:
        return {value for value, _ in self._seen(groups, start, end)}

    def newest_ids(self, groups: range, start: int, end: int, number: int) -> list[str]:
        """Of the messages that brought a value, newest first."""
        found = {sight for _, sight in self._seen(groups, start, end)}
        return [message_id for _, message_id in sorted(found, reverse=True)[:number]]

    def forgot(self, groups: range) -> bool:
        """Whether there may have been more values."""
        return self._forgot is not None and groups.start <= self._forgot

    def next(self, t: int) -> int:
        """The first sight after t."""
        if t >= self._newest:
            return NEVER
        every = (sight[0] for values in self.groups.values() for sights in values.values() for sight in sights)
        return min((at for at in every if at > t), default=NEVER)

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        numbers = {group // _GROUPS_PER_CHUNK for group in self.groups} if everything else set(self._changed)
        content: dict[int, Any] = {}
        for number in numbers:
            found = [(g, list(values.items())) for g, values in self.groups.items() if g // _GROUPS_PER_CHUNK == number]
            content[number] = [self._forgot, found] if found else None
        self._changed.clear()
        self.dirty = False
        return content

    def load(self, chunks: Mapping[int, Any]) -> None:
        for forgot, groups in chunks.values():
            if forgot is not None:
                self._forgot = max(self._forgot or 0, forgot)
            for group, values in groups:
                kept = self.groups[group] = {value: [(at, each) for at, each in sights] for value, sights in values}
                self._newest = max([self._newest, *(sights[-1][0] for sights in kept.values())])


_NONE: dict[Any, list[Sight]] = {}


def _into(sights: list[Sight], sight: Sight, start: int | None) -> bool:
    """Keeps them in order, and of those from `start` on the first; whether anything changed."""
    counts = len(sights) if start is None else bisect_left(sights, (start, ""))
    if counts < len(sights) and sight > sights[counts]:
        return False
    at = bisect_left(sights, sight)
    before = start is None or sight[0] < start
    if before and len(sights) >= TIMES_MAX and at and sights[at - 1][0] // DAY_MS == sight[0] // DAY_MS:
        return False
    sights.insert(at, sight)
    if start is not None:
        del sights[(at if sight[0] >= start else counts + 1) + 1 :]
    if len(sights) > TIMES_MAX:
        del sights[0]
    return True
