"""Records of one partition that follow one another, in; what happened to each account, with what time brings in between, out.

Accounts do not depend on one another, and what belongs to one lies close together in memory: one after the other they are
folded in half of the time that it takes record by record. Each still sees its own things in the order of the log.
"""

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from contracts.messages import LeadEvent, Place
from detector.agenda import Key
from detector.core.drops import Drops
from detector.core.passing import Noted
from detector.core.rulebook.program import Program

AFTER = 1 << 32
"""After all lines."""
_TIME = attrgetter("time")


class Stretch:
    """Records have numbers here, from 0 on."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.bodies: dict[int, bytes] = {}
        """The values of those that hold usage events."""
        self._spared: dict[Drops, frozenset[int]] = {}
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

    def come(self, place: Place) -> int:
        """The number of the record at `place`, which is the last one that came or the next."""
        if not self.places or self.places[-1].offset != place.offset:
            self.places.append(place)
        return len(self.places) - 1

    def spared(self, program: Program) -> frozenset[int]:
        """Those in which the program drops no event for its properties. To be asked when no more come."""
        drops = program.drops
        if drops is None:
            return frozenset()
        if drops not in self._spared:
            self._spared[drops] = frozenset(number for number, body in self.bodies.items() if drops.spare(body))
        return self._spared[drops]

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
