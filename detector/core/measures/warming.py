"""Facts that began to be kept with a rulebook that was applied: from when on what is read of them is whole.

Of an account that came with that rulebook, or later, they are whole. Of one that was there before, what happened until the
switch is not known: so what is read is known in part until its window has left that behind. Nothing of this is made where
nothing began that way.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from detector.core.facts.people import OWN
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment


class Begun(NamedTuple):
    """Since when facts are kept: the version of the rulebook that began them, and the partition time of the switch to it."""

    version: int
    since: int


NOTHING_BEGUN: Mapping[str, Begun] = MappingProxyType({})


class Warm(NamedTuple):
    """Since when something is kept of which what came before is not known. `until`: when that is over; NEVER: nobody can say."""

    since: int
    until: int


class Reading(Protocol):
    """What is asked of what reads facts (see Reader)."""

    @property
    def adds(self) -> bool: ...
    @property
    def keys(self) -> frozenset[str]: ...
    def reach(self, moment: Moment) -> int: ...
    def reach_turn(self, moment: Moment, since: int) -> int: ...
    def sure(self, moment: Moment, since: int) -> Any: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read of some keys, from `start` on; None: all of it."""

    keys: frozenset[str]
    start: Callable[[Moment], int] | None = None
    starts_next: Callable[[Moment, int], int] | None = None
    adds: bool = True

    def reach(self, moment: Moment) -> int:
        return 0 if self.start is None else self.start(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return NEVER if self.starts_next is None else self.starts_next(moment, since)

    def sure(self, moment: Moment, since: int) -> Any:  # noqa: ARG002
        return None


class Warming:
    """Of one reader, some of whose facts began with an applied rulebook."""

    def __init__(self, begun: Iterable[Begun], reader: Reading, *, ever: bool = False) -> None:
        """`ever`: whatever its window, it needs all that was ever said."""
        begun = list(begun)
        self._version = max(each.version for each in begun)
        self.since = max(each.since for each in begun)
        self._reader, self._ever = reader, ever

    def is_partly(self, moment: Moment) -> bool:
        """Whether something that is not known may matter."""
        if moment.facts.came >= self._version:
            return False
        return self._ever or self._reader.reach(moment) <= self.since

    def state(self, moment: Moment) -> Warm | None:
        """None: all is known that may matter."""
        return Warm(self.since, self.turn(moment)) if self.is_partly(moment) else None

    def turn(self, moment: Moment) -> int:
        """The first instant after the moment, at the earliest, at which nothing may matter any more that is not known."""
        if self._ever or not self.is_partly(moment):
            return NEVER
        return max(moment.t + 1, self._reader.reach_turn(moment, self.since))


class Unsaid:
    """What goes until it is said again, a trait or a gauge: of an account that was there before it was kept, not known until
    something is said after that. What came late may have been overtaken by what nobody kept.
    """

    def __init__(self, begun: Begun, said: Callable[[Moment], int | None], said_next: Callable[[Moment], int]) -> None:
        """`said`: when it was said last until the moment; `said_next`: when next, of what is known."""
        self._begun, self._said, self._said_next = begun, said, said_next

    def is_partly(self, moment: Moment) -> bool:
        if moment.facts.came >= self._begun.version:
            return False
        at = self._said(moment)
        return at is None or at <= self._begun.since

    def state(self, moment: Moment) -> Warm | None:
        return Warm(self._begun.since, NEVER) if self.is_partly(moment) else None

    def turn(self, moment: Moment) -> int:
        return self._said_next(moment)


class Partly(Protocol):
    """Warming, or Unsaid."""

    def is_partly(self, moment: Moment) -> bool: ...
    def state(self, moment: Moment) -> Warm | None: ...
    def turn(self, moment: Moment) -> int: ...


def unsaid(begun: Mapping[str, Begun], path: str | None) -> Unsaid | None:
    """`path`: of the trait, `account.billing_day` say. None: it was always kept, or nothing goes by it."""
    if path is None or path not in begun:
        return None
    trait = path.removeprefix("account.")

    def said(moment: Moment) -> int | None:
        history = moment.facts.traits.history(OWN, trait)
        entry = None if history is None else history.at(moment.t)
        return None if entry is None else entry[0]

    return Unsaid(begun[path], said, lambda moment: moment.facts.traits.next(OWN, trait, moment.t))


def warming(begun: Mapping[str, Begun], reader: Reading, more: Collection[str] = ()) -> Warming | None:
    """None: all of its facts are whole. `more`: keys that it looks at whatever its window."""
    found = {key: begun[key] for key in {*reader.keys, *more} if key in begun}
    ever = any(key in more or key.startswith("person.") for key in found)
    return Warming(found.values(), reader, ever=ever) if found else None
