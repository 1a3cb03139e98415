"""The people of an account: identify and any event in, who they are and when they were active out.

At most 1,000 people. For one more, those leave who were seen least recently, so the person at hand is always known. Traits and
activity are apart, because the second changes with every event.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from detector.core.facts.history import KEPT_MAX, PLANS_KEPT_MAX, Entry, History
from detector.core.instants import NEVER

OWN = ""
"""The owner of the account's own traits in its store of traits."""
PLAN = "plan"
KEPT_LONGER = frozenset([PLAN, "addons"])
"""The traits whose changes are kept longer than others'; their names may go on after a NUL."""
PEOPLE_MAX = 1_000
TRAITS_BYTES_MAX = 1_500_000
"""Of all people's traits together, as stored. Beyond, too, those leave who were seen least recently."""
OWNER_BYTES_MAX = 16_384
"""Of one person's traits. Beyond, only what was said last is kept, so one more identify never rewrites a lot."""
_LEAVE_TOGETHER = 50
"""Fewer sorts: a crowd beyond the bound makes room for so many at once."""
_PEOPLE_PER_CHUNK = 32


class _Places:
    """Which chunk a new person goes to: the first one with room."""

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free: list[int] = []

    def take(self, people: int) -> int:
        """`people`: how many have a place."""
        return self.free.pop() if self.free else people // _PEOPLE_PER_CHUNK

    def give(self, numbers: Iterable[int]) -> None:
        self.free = sorted([*self.free, *numbers], reverse=True)

    def load(self, taken: Collection[int]) -> None:
        """`taken`: the chunk of each person. All chunks but the last are full, unless people left."""
        if not any(taken):  # nearly always: there is one chunk at most
            return
        counts = Counter(taken)
        holes = (number for number in range(max(counts, default=0)) for _ in range(_PEOPLE_PER_CHUNK - counts[number]))
        self.free = sorted(holes, reverse=True)


SAW = (
    "is_known = True; activity = facts.activity; seen = activity.people.get(person)",
    "if seen is None or ts <= seen[1]: activity.saw(person, ts); is_known = False",
    "else: seen[1] = ts; seen[2] += 1; activity.changed.add(seen[3]); activity.dirty = True",
)
"""Source of `facts.activity.saw(person, ts)`: every event does this, nearly always to somebody who `is_known`."""


class Activity:
    """person -> [first seen, last seen, events, chunk]. Anonymous people are only counted as "somebody was here"."""

    __slots__ = ("_first", "_places", "anonymous_since", "changed", "dirty", "people")

    def __init__(self) -> None:
        self.people: dict[str, list[int]] = {}
        self._places = _Places()
        self.anonymous_since: int | None = None
        self._first: int | None = None
        self.changed: set[int] = set()
        """Chunks."""
        self.dirty = False

    @property
    def first(self) -> int:
        """When the first person with an id was seen first; NEVER: none was. Who came first never leaves."""
        if self._first is None:
            self._first = min((seen[0] for seen in self.people.values()), default=NEVER)
        return self._first

    def saw(self, person: str, timestamp: int) -> None:
        seen = self.people.get(person)
        if seen is not None and timestamp > seen[1]:
            seen[1] = timestamp
            seen[2] += 1
        elif seen is None:
            if len(self.people) >= PEOPLE_MAX:
                self._make_room()
            seen = self.people[person] = [timestamp, timestamp, 1, self._places.take(len(self.people))]
            self._first = None
        else:
            seen[2] += 1
            seen[0] = min(seen[0], timestamp)
            self._first = None
        self.changed.add(seen[3])
        self.dirty = True

    def _make_room(self) -> None:
        """The least recently seen leave, but not who came first: since when somebody is here stays known."""
        first = min(self.people, key=lambda person: (self.people[person][0], person))
        others = sorted(self.people.keys() - {first}, key=lambda person: (self.people[person][1], person))
        left = [self.people.pop(person)[3] for person in others[:_LEAVE_TOGETHER]]
        self._places.give(left)
        self.changed.update(left)

    def saw_anonymous(self, timestamp: int) -> None:
        if self.anonymous_since is None or timestamp < self.anonymous_since:
            self.anonymous_since = timestamp
            self.changed.add(0)
            self.dirty = True

    def somebody(self, t: int) -> bool:
        """Whether a person with an id was seen until t."""
        return any(seen[0] <= t for seen in self.people.values())

    def most_active(self) -> str | None:
        """Who sent most events; of several the one seen last, then the smallest id."""
        if not self.people:
            return None
        return min(self.people, key=lambda person: (-self.people[person][2], -self.people[person][1], person))

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        self.dirty = False
        if everything and len(self.people) <= _PEOPLE_PER_CHUNK and not self._places.free:  # nearly always
            self.changed = set()
            return {0: (self.anonymous_since, [(person, *seen[:3]) for person, seen in self.people.items()])}
        wanted = {0, *(seen[3] for seen in self.people.values())} if everything else self.changed
        content: dict[int, list[Any]] = {number: [self.anonymous_since if number == 0 else None, []] for number in wanted}
        for person, (first, last, events, number) in self.people.items():
            if number in content:
                content[number][1].append((person, first, last, events))
        self.changed = set()
        self.dirty = False
        return dict(content)

    def load(self, chunks: Mapping[int, Any]) -> None:
        for number in sorted(chunks):
            anonymous, people = chunks[number]
            if number == 0:
                self.anonymous_since = anonymous
            for person, *seen in people:
                self.people[person] = [*seen, number]
        self._places.load([seen[3] for seen in self.people.values()])


class Traits:
    """owner -> trait -> History. The owner is a person's id, or "" in the store of the account's own traits."""

    __slots__ = ("_changed", "_numbers", "_places", "bytes", "dirty", "owners")

    def __init__(self) -> None:
        self.owners: dict[str, dict[str, History]] = {}
        self._numbers: dict[str, int] = {}
        self._places = _Places()
        self.bytes = 0
        self._changed: set[int] = set()
        self.dirty = False

    def add(self, owner: str, trait: str, timestamp: int, message_id: str, value: object) -> None:
        traits = self.owners.get(owner)
        if traits is None:
            self._numbers[owner] = self._places.take(len(self.owners))
            traits = self.owners[owner] = {}
        history = traits.get(trait)
        if history is None:
            history = traits[trait] = _history(trait)
        self.bytes -= history.bytes
        history.add(timestamp, message_id, value)
        self.bytes += history.bytes
        if owner and _bytes(traits) > OWNER_BYTES_MAX:
            self._forget_former(traits)
        self._changed.add(self._numbers[owner])
        self.dirty = True

    def _forget_former(self, traits: dict[str, History]) -> None:
        self.bytes -= _bytes(traits)
        for history in traits.values():
            history.keep_newest()
        self.bytes += _bytes(traits)

    def make_room(self, owner: str, seen: Mapping[str, list[int]]) -> None:
        """For `owner`, should there be too many, or too much. `seen`: of `Activity`; who is not in it leaves first."""
        if self.bytes <= TRAITS_BYTES_MAX and (len(self.owners) < PEOPLE_MAX or owner in self.owners):
            return
        others = sorted(self.owners.keys() - {owner}, key=lambda each: (seen[each][1] if each in seen else -1, each))
        left = []
        for each in others[:_LEAVE_TOGETHER]:
            self.bytes -= _bytes(self.owners.pop(each))
            left.append(self._numbers.pop(each))
        self._places.give(left)
        self._changed.update(left)
        self.dirty = True

    def forget(self, names: Collection[str]) -> None:
        """Whatever was said of these traits."""
        for owner, traits in self.owners.items():
            for name in traits.keys() & set(names):
                self.bytes -= traits.pop(name).bytes
                self._changed.add(self._numbers[owner])
                self.dirty = True

    def take_over(self, other: "Traits", names: Collection[str], seen: Mapping[str, list[int]]) -> None:
        """Has what the other has of these traits in place of its own. `seen`: as of `make_room`."""
        self.forget(names)
        for owner, theirs in other.owners.items():
            for name in [name for name in names if name in theirs]:
                if owner != OWN:
                    self.make_room(owner, seen)
                for entry in theirs[name].entries:
                    self.add(owner, name, *entry)

    def history(self, owner: str, trait: str) -> History | None:
        return self.owners.get(owner, _NONE).get(trait)

    def value(self, owner: str, trait: str, t: int) -> Any:
        """The trait in force at t; None: never said, or taken back with null."""
        history = self.owners.get(owner, _NONE).get(trait)
        entry = history.at(t) if history is not None else None
        return entry[2] if entry is not None else None

    def next(self, owner: str, trait: str, t: int) -> int:
        """When the trait is said next after t."""
        history = self.owners.get(owner, _NONE).get(trait)
        return history.next(t) if history is not None else NEVER

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        wanted = set(self._numbers.values()) if everything else self._changed
        content: dict[int, list[Any]] = {number: [] for number in wanted}
        for owner, number in self._numbers.items():
            if number in content:
                content[number].append((owner, {trait: history.entries for trait, history in self.owners[owner].items()}))
        self._changed = set()
        self.dirty = False
        return dict(content)

    def load(self, chunks: Mapping[int, Any]) -> None:
        for number in sorted(chunks):
            for owner, traits in chunks[number]:
                self.owners[owner] = {trait: _history(trait, [(t, i, v) for t, i, v in said]) for trait, said in traits.items()}
                self._numbers[owner] = number
                self.bytes += _bytes(self.owners[owner])
        self._places.load(self._numbers.values())


_NONE: dict[str, History] = {}


def _history(trait: str, entries: list[Entry] | None = None) -> History:
    return History(PLANS_KEPT_MAX if trait.partition("\0")[0] in KEPT_LONGER else KEPT_MAX, entries)


def _bytes(traits: dict[str, History]) -> int:
    return sum(history.bytes for history in traits.values())
