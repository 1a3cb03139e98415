"""Usage events and dead letters in, the lines for each partition of each topic out."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from contracts.codec import encode_event
from contracts.messages import DEAD_LETTERS, EMPTY_OBJECT, EVENTS, UNATTRIBUTED, DeadLetter, RecordKind, UsageEvent
from contracts.partition import partition_of

Partitions: TypeAlias = Mapping[str, int]
"""How many partitions each topic has."""


class Target(NamedTuple):
    topic: str
    partition: int
    kind: RecordKind


Lines: TypeAlias = dict[Target, list[bytes]]
_LINKING = frozenset({"identify", "alias"})
_ABOUT_PEOPLE = frozenset({"identify", "group", "alias"})


def place(events: Iterable[UsageEvent], dead_letters: Iterable[DeadLetter], partitions: Partitions) -> Lines:
    """Encode each once, and say where it goes, in order.

    An event that names its account: to `events`. One that does not, and all that tells who a person is: to `unattributed`.
    """
    lines: Lines = {}
    for event in events:
        line = encode_event(event)
        if event.account is not None:
            partition = partition_of(event.project, event.account, partitions[EVENTS])
            lines.setdefault(_target(EVENTS, partition), []).append(line)
        somebody = event.person or event.anonymous
        if somebody is not None and (event.account is None or event.type in _ABOUT_PEOPLE):
            partition = partition_of(event.project, somebody, partitions[UNATTRIBUTED])
            lines.setdefault(_target(UNATTRIBUTED, partition), []).append(line)
        left = event.previous or event.anonymous
        if event.type in _LINKING and event.person is not None and left is not None and left != event.person:
            partition = partition_of(event.project, left, partitions[UNATTRIBUTED])
            lines.setdefault(_target(UNATTRIBUTED, partition), []).append(encode_event(_link(event, left)))
    for letter in dead_letters:
        partition = partition_of(letter.project, letter.project, partitions[DEAD_LETTERS])
        lines.setdefault(_target(DEAD_LETTERS, partition), []).append(encode_event(letter))
    return lines


def _link(event: UsageEvent, left: str) -> UsageEvent:
    """For those who know `left` only: whose it is from now on."""
    return replace(
        event, type="alias", person=None, anonymous=left, previous=None, account=None, link=event.person,
        properties=EMPTY_OBJECT, traits=EMPTY_OBJECT, context=EMPTY_OBJECT,
    )  # fmt: skip


@cache
def _target(topic: str, partition: int) -> Target:
    """As many are kept as there are partitions."""
    return Target(topic, partition, RecordKind.DEAD_LETTERS if topic == DEAD_LETTERS else RecordKind.EVENTS)


def size(lines: Lines) -> int:
    """Bytes of all lines."""
    return sum(sum(map(len, of_target)) for of_target in lines.values())
