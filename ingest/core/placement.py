"""Usage events and dead letters in, those for each partition of each topic out; and these as the values of records."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from contracts.codec import BYTES_EACH, encode_event, encode_events, encode_frames
from contracts.messages import DEAD_LETTERS, EMPTY_OBJECT, EVENTS, UNATTRIBUTED, DeadLetter, RecordKind, UsageEvent
from contracts.partition import partition_of

Partitions: TypeAlias = Mapping[str, int]
"""How many partitions each topic has."""


class Target(NamedTuple):
    topic: str
    partition: int


class Placed(NamedTuple):
    """Where they go, in order."""

    events: dict[Target, list[UsageEvent]]
    dead_letters: dict[Target, list[DeadLetter]]


_LINKING = frozenset({"identify", "alias"})
_ABOUT_PEOPLE = frozenset({"identify", "group", "alias"})


def place(events: Iterable[UsageEvent], dead_letters: Iterable[DeadLetter], partitions: Partitions) -> Placed:
    """An event that names its account: to `events`. One that does not, and all that tells who a person is: to `unattributed`."""
    placed = Placed({}, {})
    of_target = placed.events.setdefault
    for event in events:
        if event.account is not None:
            partition = partition_of(event.project, event.account, partitions[EVENTS])
            of_target(_target(EVENTS, partition), []).append(event)
        somebody = event.person or event.anonymous
        if somebody is not None and (event.account is None or event.type in _ABOUT_PEOPLE):
            partition = partition_of(event.project, somebody, partitions[UNATTRIBUTED])
            of_target(_target(UNATTRIBUTED, partition), []).append(event)
        left = event.previous or event.anonymous
        if event.type in _LINKING and event.person is not None and left is not None and left != event.person:
            partition = partition_of(event.project, left, partitions[UNATTRIBUTED])
            of_target(_target(UNATTRIBUTED, partition), []).append(_link(event, left))
    for letter in dead_letters:
        partition = partition_of(letter.project, letter.project, partitions[DEAD_LETTERS])
        placed.dead_letters.setdefault(_target(DEAD_LETTERS, partition), []).append(letter)
    return placed


def values(of: Iterable[Placed]) -> Iterator[tuple[Target, bytes]]:
    """Record values of all of them, few for each target, in order there."""
    events: dict[Target, list[UsageEvent]] = {}
    dead_letters: dict[Target, list[DeadLetter]] = {}
    for placed in of:
        for target, found in placed.events.items():
            events.setdefault(target, []).extend(found)
        for target, letters in placed.dead_letters.items():
            dead_letters.setdefault(target, []).extend(letters)
    for target, found in events.items():
        yield from ((target, value) for value in encode_events(found))
    for target, letters in dead_letters.items():
        yield from ((target, value) for value in encode_frames(RecordKind.DEAD_LETTERS, map(encode_event, letters)))


def size(placed: Placed, body: int) -> int:
    """About as many bytes as all of it takes, in memory or in the log.

    `body`: of the request, as it is read: what was cut out of it keeps it. What events share is written for each of them.
    """
    events = sum(len(event.context) for events in placed.events.values() for event in events)
    letters = sum(len(letter.body) for letters in placed.dead_letters.values() for letter in letters)
    count = sum(len(messages) for of_kind in placed for messages in of_kind.values())
    return body + events + letters + BYTES_EACH * count


def _link(event: UsageEvent, left: str) -> UsageEvent:
    """For those who know `left` only: whose it is from now on."""
    return replace(
        event, type="alias", person=None, anonymous=left, previous=None, account=None, link=event.person,
        properties=EMPTY_OBJECT, traits=EMPTY_OBJECT, context=EMPTY_OBJECT,
    )  # fmt: skip


@cache
def _target(topic: str, partition: int) -> Target:
    """As many are kept as there are partitions."""
    return Target(topic, partition)
