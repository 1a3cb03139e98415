"""Records of one partition that follow one another, in; what happened to each account, with what time brings in between, out.

Accounts do not depend on one another, and what belongs to one lies close together in memory: one after the other they are
folded in half of the time that it takes record by record. Each still sees its own things in the order of the log.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from contracts.columns import Columns
from contracts.messages import Command, LeadEvent, Place, UsageEvent
from detector.agenda import Key
from detector.core.passing import Noted

AFTER = 1 << 32
"""After all lines."""
_TIME = attrgetter("time")


class Stretch:
    """Records and their lines have numbers here, from 0 on; a command is a line."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        """Of the records."""
        self._firsts: list[int] = []
        """The number of the first line of each, or of the next that has any."""
        self._lines = 0
        self._frames: dict[int, Columns | Command] = {}
        """Record -> what lies in it."""
        self.things: dict[Key, list[Noted]] = {}
        """What lies in them of each account."""
        self.dues: dict[Key, int] = {}
        """Accounts that are due by now, and when: time alone may have changed something."""
        self.told: list[tuple[int, int, Sequence[LeadEvent]]] = []
        """What came of it, with the number of the record and the line that made it."""

    @property
    def end(self) -> int:
        """Partition time at its last record."""
        return self.places[-1].time

    def come(self, place: Place) -> None:
        """The record at `place`, which is the last one that came or the next."""
        if not self.places or self.places[-1].offset != place.offset:
            self.places.append(place)
            self._firsts.append(self._lines)

    def hold(self, place: Place, content: Columns | Command) -> int:
        """What lies in the record at `place`, which comes; the number of its first line."""
        self.come(place)
        first = self._lines
        self._frames[len(self.places) - 1] = content
        self._lines += len(content) if isinstance(content, Columns) else 1
        return first

    def record_of(self, line: int) -> int:
        """The number of the record in which the line of this number lies."""
        return bisect_right(self._firsts, line) - 1

    def first_of(self, record: int) -> int:
        """The number of the first line that lies in the record of this number, or in a later one."""
        return self._firsts[record] if record < len(self._firsts) else self._lines

    def event(self, line: int) -> UsageEvent:
        """In the line of this number."""
        content = self.content(line)
        assert isinstance(content, UsageEvent)  # noqa: S101 - no command is asked for so
        return content

    def content(self, line: int) -> UsageEvent | Command:
        """Of the line of this number."""
        record = self.record_of(line)
        content = self._frames[record]
        return content.event(line - self._firsts[record]) if isinstance(content, Columns) else content

    def comes(self, due: int, since: int) -> tuple[int, int]:
        """(number of the record where it is seen that `due` has come, number of the first record that comes after that), by
        somebody for whom all until `since` has come. `due` is not after the end.
        """
        number = max(bisect_left(self.places, due, key=_TIME), since)
        return number, number + 1

    def seen(self, due: int, number: int, after: int) -> Place:
        """Where that is; numbers as `comes` gives them. Before the record itself nobody says what time it is, but `due`."""
        place = self.places[number]
        return msgspec.structs.replace(place, time=due) if number == after else place


class Ticking(Stretch):
    """Nobody ticks between these records: what falls due there is seen at its own time, before the next of them."""

    def comes(self, due: int, since: int) -> tuple[int, int]:
        number = bisect_left(self.places, due, key=_TIME)
        return (number, number) if number > since else super().comes(due, since)
