"""Events of `unattributed` in; with their account they go out to `events`; memberships learnt, the rest held or buried."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from contracts.codec import encode_events
from contracts.columns import Columns
from contracts.messages import EVENTS, UNATTRIBUTED, UsageEvent
from contracts.partition import partition_of
from detector.agenda import Agenda
from detector.cache import Cache
from detector.changes import Buried, Changes, HeldEvent, HeldKey, OutboxRow
from detector.core.attribution import (
    Decision,
    Forward,
    Hold,
    Person,
    Relink,
    Settled,
    attribute,
    everybody,
    expire_held,
    join,
    joins,
    learn_address,
    learn_link,
    one_too_many,
    says_address,
    settle_held,
    who,
)
from detector.core.rulebook.model import Way
from detector.partition import Partition
from detector.reading import unusable
from detector.store.people import People
from eventlog.port import TopicPartition
from runtime.points import reach

BYTES_MAX = 64 * 1024 * 1024
EXPIRIES_MAX = 5_000
"""How many waiting events one record buries at most; the next record, or the next second's tick, goes on."""
PEOPLE_MAX = 100
"""How many people are loaded at once for that."""

_Key = tuple[str, str]


def bytes_of(event: UsageEvent) -> int:
    """About what it takes in memory."""
    return 1_000 + len(event.properties) + len(event.traits) + len(event.context)


def _size(person: Person) -> int:
    held = sum(bytes_of(held.event) for held in person.held.values())
    return 400 + 120 * len(person.memberships) + 100 * (len(person.domains) + len(person.links)) + held


class Attributor:
    """The shell around `detector.core.attribution`: loads people, applies decisions, collects what is to be written."""

    def __init__(self, store: People, partitions: Mapping[str, int], bytes_max: int = BYTES_MAX) -> None:
        """`partitions`: how many each topic has."""
        self._store = store
        self._partitions = partitions
        self._people: Cache[_Key, Person] = Cache(bytes_max, _size)
        self._forwarded: dict[tuple[TopicPartition, TopicPartition], list[UsageEvent]] = defaultdict(list)

    def acquire(self, partition: Partition) -> None:
        """Load who waits in the partition."""
        partition.agenda = Agenda(self._store.agenda(partition.at))
        partition.held = Counter(self._store.held_by_project(partition.at))

    def prepare(self, frames: Iterable[Columns]) -> None:
        """Load everybody whom their events name."""
        self._load(set().union(*map(everybody, frames)))

    def advance(self, partition: Partition, offset: int, changes: Changes) -> None:
        """Partition time has come to `partition.time`: bury what has waited long enough."""
        most = EXPIRIES_MAX
        while most > 0 and partition.agenda.coming(partition.time, 1):
            most = self._expire(partition, offset, most, changes)

    def take(self, partition: Partition, offset: int, event: UsageEvent, changes: Changes) -> None:
        """One event of the record at `offset`."""
        key = (event.project, who(event))
        person = self._person(key)
        if event.link is not None:
            if learn_link(person, event):
                changes.links[key] = person.links
                self._learnt(partition, offset, key, changes)
            return
        ways = _ways(partition, event.project)
        if "domain" in ways and says_address(event) and learn_address(person, event):
            changes.domains[key] = person.domains
            self._learnt(partition, offset, key, changes)
        if joins(event):
            refused = one_too_many(person, event)
            if refused is not None:
                self._apply(partition, offset, refused, changes)
            elif join(person, event):
                self._learn(partition, offset, key, event, changes)
            return  # it is in `events` too: ingest put it there, for it names its account
        if event.account is not None:
            return  # likewise
        decision = attribute(person, event, partition.time, partition.held[event.project], ways)
        self._apply(partition, offset, decision, changes)
        if isinstance(decision, Hold):
            self._people.touch(key, person)
            self._schedule(partition, key, person)

    def close(self, changes: Changes) -> None:
        """Put what the open batch forwards into `changes`, framed anew."""
        if self._forwarded:
            reach("attributor.forward.before")
        for (source, target), events in self._forwarded.items():
            for value in encode_events(events):
                changes.outbox.append(OutboxRow(source.topic, source.partition, *target, value))
        self._forwarded = defaultdict(list)
        self._people.close()

    def settled(self) -> None:
        self._people.settled()

    def clear(self) -> None:
        self._people.clear()
        self._forwarded = defaultdict(list)

    def _expire(self, partition: Partition, offset: int, most: int, changes: Changes) -> int:
        """Bury up to `most` events of those who have waited longest, PEOPLE_MAX people at most; what is left of `most`.

        By time, then name, whatever is in memory: a replay must stop at the same event.
        """
        self._load(partition.agenda.coming(partition.time, PEOPLE_MAX))
        for due, key in partition.agenda.take(partition.time, PEOPLE_MAX):
            person = self._person(key)
            if most > 0 and person.due == due:  # else a group has settled what was due then
                self._people.touch(key, person)
                for decision in expire_held(person, partition.time, most, _ways(partition, key[0])):
                    self._settled(partition, offset, decision, changes)
                    most -= 1
            self._schedule(partition, key, person)
        return most

    def _learn(self, partition: Partition, offset: int, key: _Key, event: UsageEvent, changes: Changes) -> None:
        assert event.account is not None  # noqa: S101 - `joins` said so
        changes.memberships[*key, event.account] = self._person(key).memberships[event.account]
        self._learnt(partition, offset, key, changes)

    def _learnt(self, partition: Partition, offset: int, key: _Key, changes: Changes) -> None:
        """Something new of a person: it may settle what waits."""
        person = self._person(key)
        self._people.touch(key, person)
        for decision in settle_held(person, _ways(partition, key[0])):
            self._settled(partition, offset, decision, changes)

    def _settled(self, partition: Partition, offset: int, decision: Settled, changes: Changes) -> None:
        self._apply(partition, offset, decision, changes)
        waited = decision.events[0] if isinstance(decision, Forward) else decision.event
        _release(partition, decision.came if isinstance(decision, Relink) else waited, changes)

    def _apply(self, partition: Partition, offset: int, decision: Decision, changes: Changes) -> None:
        if decision is None:
            return
        if isinstance(decision, Hold):
            event = decision.held.event
            partition.held[event.project] += 1
            changes.held[_held_key(event)] = HeldEvent(partition.at, who(event), decision.held.until, event)
        elif isinstance(decision, Forward):
            for event in decision.events:
                self._forward(partition, EVENTS, event, event.account or "", changes)
        elif isinstance(decision, Relink):
            self._forward(partition, UNATTRIBUTED, decision.event, who(decision.event), changes)
        else:
            letter = unusable(decision.event, decision.code, decision.message)
            changes.made += letter.size
            changes.dead_letters.append(Buried(letter, partition.at, offset))

    def _forward(self, partition: Partition, topic: str, event: UsageEvent, key: str, changes: Changes) -> None:
        changes.made += bytes_of(event)
        target = TopicPartition(topic, partition_of(event.project, key, self._partitions[topic]))
        self._forwarded[partition.at, target].append(event)

    def _schedule(self, partition: Partition, key: _Key, person: Person) -> None:
        due = person.due
        if due is not None:
            partition.agenda.schedule(key, due)

    def _load(self, keys: Iterable[_Key]) -> None:
        missing = self._people.missing(keys)
        found = self._store.load(missing)
        for key in missing:
            self._people.put(key, found.get(key) or Person())

    def _person(self, key: _Key) -> Person:
        person = self._people.get(key)
        if person is None:
            raise KeyError(key)
        return person


def _ways(partition: Partition, project: str) -> Sequence[Way]:
    """How the project's events find their accounts, by the rulebook in force here."""
    program = partition.programs.get(project)
    return _GROUP if program is None else program.rulebook.account


_GROUP: tuple[Way, ...] = ("group",)


def _held_key(event: UsageEvent) -> HeldKey:
    return HeldKey(event.project, who(event), event.id)


def _release(partition: Partition, event: UsageEvent, changes: Changes) -> None:
    """An event waits no longer: it is not written, if it began to wait in this very batch, or it is deleted."""
    partition.held[event.project] -= 1
    if changes.held.pop(_held_key(event), None) is None:
        changes.released.add(_held_key(event))
