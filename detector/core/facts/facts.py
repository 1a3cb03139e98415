"""One account's facts: stores by key, decoded when first asked for (those that almost every event asks for, at once).

A key's first letter is the kind of store: `s` series, `z` series with the days of a time zone (`z<name>.…`), `d` distinct values
(`d<window ms>.…`), `f` first sights of values, `e` the earliest events (`e<how many>.…`), `q` sums, `v` values of a month, `w`
gauges of parts, and one each of `activity`, `people`, `known`, `traits`, `milestones`. What follows is the hash of a definition,
so an unchanged definition keeps its facts.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from detector.core.facts.distinct import Distinct
from detector.core.facts.earliest import Earliest
from detector.core.facts.milestones import Milestones
from detector.core.facts.monthly import Monthly
from detector.core.facts.parts import Parts
from detector.core.facts.people import PLAN, Activity, Traits
from detector.core.facts.series import Series, ZonedSeries
from detector.core.facts.sights import Sights
from detector.core.facts.store import Packed, Store, unpack, unpack_chunks
from detector.core.facts.sums import Sums
from detector.core.zones import DAY_MS, zone

Stored: TypeAlias = Packed | Mapping[int, bytes]
"""Of one store: its chunks, each packed."""
AtHand: TypeAlias = tuple[list[Any], tuple[list[Any], ...]]
"""Of one person on one day: what is known of their being there, and the cells in which it counts; when that was last is its 1st,
or their 2nd."""
ACTIVITY = "activity"
"""The key of what every rulebook keeps: who was there when."""


class _NoEvents(Series):
    """One for all accounts, so nothing may ever be in it."""

    __slots__ = ()

    def add(self, timestamp: int, message_id: str, value: object = None) -> None:
        raise TypeError(f"{message_id} at {timestamp} ({value!r}) is added to what can only be read: ask for the store")


_NO_EVENTS = _NoEvents()


class Facts:
    """`newest` is the newest timestamp that was folded, or -1.

    `came`: the version of the rulebook by which the account's first event was folded; -1: that is not known, or it was none. What
    began to be kept with that version or before is complete.
    """

    __slots__ = ("_stored", "activity", "came", "hand", "hand_ends", "milestones", "newest", "stores", "traits")

    def __init__(
        self, newest: int = -1, stored: dict[str, Stored] | None = None, open_still: Mapping[str, Store] = MappingProxyType({})
    ) -> None:
        """`stored`: by key; of those in `open_still` that is the same, and they are not read again."""
        self.newest = newest
        self.came = -1
        self.stores: dict[str, Any] = dict(open_still)
        self.hand: dict[str | None, AtHand] = {}
        """Person -> what one more event of theirs changes, if it is the newest, and before a UTC day ends, `hand_ends`. Marked as
        changed already, and gone as soon as anything is dumped, dropped or put in its place. Never stored."""
        self.hand_ends = -1
        self._stored = stored if stored is not None else {}
        self.activity = cast("Activity", self._open("activity"))
        self.traits = cast("Traits", self._open("traits"))
        self.milestones = cast("Milestones", self._open("milestones"))

    def store(self, key: str) -> Any:
        """The store of a key; a new, empty one if no event reached it yet."""
        store = self.stores.get(key)
        return store if store is not None else self._open(key)

    def _open(self, key: str) -> Store:
        store = self.stores[key] = _maker(key)()
        stored = self._stored.pop(key, None)
        if stored is not None:
            chunks = unpack_chunks(stored) if isinstance(stored, Packed) else stored
            store.load({number: unpack(data) for number, data in chunks.items()})
        return store

    def keep_at_hand(self, day: int, person: str, of_theirs: AtHand) -> None:
        """On that UTC day."""
        ends = (day + 1) * DAY_MS
        if ends != self.hand_ends:
            self.hand.clear()
            self.hand_ends = ends
        self.hand[person] = of_theirs

    def forget(self, known: frozenset[str], anew: Collection[str]) -> list[str]:
        """Lets go what lies under keys that are not `known`, or that begin `anew`; those keys."""
        self.hand.clear()
        milestones = self.milestones
        for key in [key for key in milestones.firsts if key not in known or key in anew]:
            del milestones.firsts[key]
            milestones.dirty = True
        self.traits.forget([key.removeprefix("account.") for key in anew if key.startswith("account.")])
        of_people = [key.removeprefix("person.") for key in anew if key.startswith("person.")]
        if of_people:
            self.people.forget(of_people)
        held = [key for key in (*self.stores, *self._stored) if key not in _KINDS]
        gone = [key for key in held if key not in known or key in anew]
        for key in gone:
            self.stores.pop(key, None)
            self._stored.pop(key, None)
        return gone

    def take_over(self, other: "Facts", keys: Collection[str]) -> list[str]:
        """Has what the other has under these keys in place of its own. Those of them that are stores."""
        self.hand.clear()
        firsts = {key: other.milestones.firsts[key] for key in keys if key in other.milestones.firsts}
        self.milestones.firsts = {key: at for key, at in self.milestones.firsts.items() if key not in keys} | firsts
        self.milestones.dirty = True
        self.newest = max(self.newest, other.newest)
        of_account = [key.removeprefix("account.") for key in keys if key.startswith(("account.", PLAN))]
        of_people = [key.removeprefix("person.") for key in keys if key.startswith("person.")]
        self.traits.take_over(other.traits, of_account, {})
        if of_people:
            self.people.take_over(other.people, of_people, self.activity.people)
        stores = [key for key in keys if not key.startswith(("account.", "person.", PLAN)) and key not in firsts]
        for key in stores:
            self.stores.pop(key, None)
            self._stored.pop(key, None)
            if key in other.stores or key in other._stored:
                self.stores[key] = other.store(key)
                self.stores[key].dirty = True
        if ACTIVITY in keys:
            self.activity = cast("Activity", self.store(ACTIVITY))
        return stores

    def series(self, key: str) -> Series:
        """To be read: what no event has reached is not made for it."""
        if key in self.stores or key in self._stored:
            return cast("Series", self.store(key))
        return _NO_EVENTS

    def distinct(self, key: str) -> Distinct:
        return cast("Distinct", self.store(key))

    def earliest(self, key: str) -> Earliest:
        return cast("Earliest", self.store(key))

    def sights(self, key: str) -> Sights:
        return cast("Sights", self.store(key))

    def sums(self, key: str) -> Sums:
        return cast("Sums", self.store(key))

    def monthly(self, key: str) -> Monthly:
        return cast("Monthly", self.store(key))

    def parts(self, key: str) -> Parts:
        return cast("Parts", self.store(key))

    @property
    def people(self) -> Traits:
        return cast("Traits", self.store("people"))


def window_of(key: str) -> int | None:
    """Of a store of distinct values, in ms."""
    window = key[1 : key.index(".")]
    return int(window) if window else None


@lru_cache(10_000)
def _maker(key: str) -> Callable[[], Store]:
    """Makes an empty store for the key."""
    if key[0] == "s":
        return Series
    if key[0] == "d":
        return partial(Distinct, window_of(key))
    if key in _KINDS:
        return cast("Callable[[], Store]", _KINDS[key])
    if key[0] in _LETTERS:
        return cast("Callable[[], Store]", _LETTERS[key[0]])
    if key[0] == "e":
        return partial(Earliest, int(key[1 : key.index(".")]))
    return partial(ZonedSeries, zone(key[1 : key.index(".")]))


_KINDS = {"activity": Activity, "people": Traits, "known": Traits, "traits": Traits, "milestones": Milestones}
_LETTERS = {"f": Sights, "q": Sums, "v": Monthly, "w": Parts}
