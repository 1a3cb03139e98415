"""What keeps an account's rules from standing anywhere, and at a glance whether an event could end any of that.

Nearly no event lets a rule rise, so nearly every event must cost next to nothing here, however many rules it touches.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from contracts.messages import UsageEvent
from detector.core.facts.series import Series
from detector.core.instants import NEVER

EVERYTHING = -1
"""All parts, and more: whether it rests does not matter."""
ALWAYS = 1
"""The bit that no rule has: an event which touches this is looked at whatever rests."""


@dataclass(slots=True)
class Rest:
    """What keeps a rule from standing anywhere, as long as events come in order, and time alone cannot make it hold."""

    part: int
    """Bits of `Touch.parts`: only an event that changes one of these can let the rule rise."""
    events: int = 1
    """How many of those events it takes at least."""
    until: int = 0
    """Those before this instant do not count."""
    people: Collection[str] = ()
    """Those of these people do not count either."""
    names: Collection[str] = ()
    """Nor those of these names."""
    gauge: Series | None = None
    below: float = 0.0
    """Those that leave the gauge below this do not count either."""
    ends: int = NEVER
    """From this instant on time may have made it hold."""
    since: int = NEVER
    """The instant at which it was seen to rest."""

    def ignores(self, t: int, person: str | None, name: str | None) -> bool:
        """Whether an event does not count for it, though it changes the part, and is folded."""
        if t < self.until or person in self.people or name in self.names:
            return True
        return self.gauge is not None and self.gauge.values[-1] < self.below

    def lasts(self, event: UsageEvent) -> bool:
        """Whether it goes on after an event that changes the part, and that is folded. It is counted."""
        if self.ignores(event.timestamp, event.person, event.name):
            return True
        self.events -= 1
        return self.events > 0


class Rests(Protocol):
    """What rests: `name`; of all rules together, its parts are the `width` bits from bit `place` on."""

    @property
    def name(self) -> str: ...
    @property
    def place(self) -> int: ...
    @property
    def width(self) -> int: ...


class Resting:
    """Of one account. Never stored.

    Before `until`, an event that changes none of the parts in `watched` wakes nobody. What does not rest is watched with all of
    its parts, what rests with those that could end that; but not before events count for it, as for days that are counted once.
    """

    __slots__ = ("rests", "until", "watched")

    def __init__(self) -> None:
        self.rests: dict[str, Rest] = {}
        self.clear()

    def clear(self) -> None:
        self.rests.clear()
        self.watched = -1
        self.until = NEVER

    def lay(self, who: Rests, rest: Rest, t: int) -> None:
        """It rests, as of t."""
        rest.since = t
        self.rests[who.name] = rest
        self.watched &= ~_parts(who)
        self._watch(who, rest, t)

    def wake(self, who: Rests) -> None:
        if self.rests.pop(who.name, None) is not None:
            self.watched |= _parts(who)

    def rested(self, who: Rests, parts: int, event: UsageEvent, newest: int) -> bool:
        """Whether it rested from a late event, which changed these parts of it, until the newest instant that was judged.

        Where the event changed nothing that it rests on, it still does, however it stood before it was seen to.
        """
        rest = self.rests.get(who.name)
        if rest is None or rest.ends <= newest:
            self.wake(who)
            return False
        if not parts & rest.part:
            return rest.since <= event.timestamp
        if rest.since <= event.timestamp and parts != EVERYTHING and rest.gauge is None and rest.lasts(event):
            return True
        self.wake(who)
        return False

    def outlives(self, t: int, person: str | None, name: str | None, touches: Iterable[tuple[Rests, int]]) -> bool:
        """Whether all that an event touches rests, and goes on resting now that it is folded. Only then it is counted.

        `touches`: (who, the parts that it changes).
        """
        counting = []
        for who, parts in touches:
            rest = self.rests.get(who.name)
            if rest is None:
                return False
            if parts & rest.part:
                if parts == EVERYTHING:
                    return False
                if not rest.ignores(t, person, name):
                    if rest.events <= 1:
                        return False
                    counting.append(rest)
        for rest in counting:
            rest.events -= 1
        return True

    def come_to(self, t: int, everybody: Mapping[str, Rests]) -> None:
        """Time has come to `until`: who rested until then is awake, and of others events count now."""
        self.until = NEVER
        for name, rest in list(self.rests.items()):
            if rest.ends <= t:
                self.wake(everybody[name])
            else:
                self._watch(everybody[name], rest, t)

    def _watch(self, who: Rests, rest: Rest, t: int) -> None:
        if t < rest.until:
            self.until = min(self.until, rest.until, rest.ends)
        else:
            self.watched |= rest.part << who.place
            self.until = min(self.until, rest.ends)


def _parts(who: Rests) -> int:
    return ((1 << who.width) - 1) << who.place
