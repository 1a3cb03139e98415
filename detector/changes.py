"""What one transaction of the detector changes, as plain values: the worker collects them, the store writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.messages import DeadLetter, LeadEvent, UsageEvent
from detector.core.rulebook.model import Span
from eventlog.port import TopicPartition


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a partition stands after `acquire`. `time` is partition time, 0 before the first record."""

    next_offset: int
    version: int
    time: int


@dataclass(frozen=True, slots=True)
class Move:
    """The swap of one partition's checkpoint: it succeeds only if the stored version still is `version`."""

    partition: TopicPartition
    version: int
    next_offset: int
    time: int
    halted: str | None = None


class AccountRow(NamedTuple):
    project: str
    account: str
    hot: bytes


class FactRow(NamedTuple):
    """Without a body: that chunk goes."""

    project: str
    account: str
    measure: str
    chunk: int
    body: bytes


class DueRow(NamedTuple):
    """When time alone may change an account again; `due`: partition time. `importing`: it has history that is not judged yet."""

    project: str
    account: str
    partition: int
    due: int
    importing: bool


class EventNameRow(NamedTuple):
    """So many more events of a name, seen from then to then (partition time). What has no name has the empty text."""

    partition: int
    project: str
    type: str
    name: str
    number: int
    first_seen: int
    last_seen: int


class SeenRow(NamedTuple):
    """Hashes (8 bytes each, little-endian) of the ids of one hour that a transaction ending at `end_offset` saw first.

    `partition_time`: the beginning of the day of partition time on which it saw them.
    """

    topic: str
    partition: int
    hour: int
    end_offset: int
    partition_time: int
    ids: bytes


class BackfillRow(NamedTuple):
    """How far the log was read again for what a version of a project's rulebook began, in one partition of `events`.

    From `begin` on up to `next_offset`, where partition time was `time`; `since`: see Backfill. `started_at`: by the clock.
    """

    partition: int
    project: str
    version: int
    begin: int
    next_offset: int
    time: int
    since: int
    started_at: int


class OutboxRow(NamedTuple):
    """A record value to append once this is committed; `source` orders what one partition sends."""

    source_topic: str
    source_partition: int
    topic: str
    partition: int
    value: bytes


class CommandRow(NamedTuple):
    """What became of a command. `status`: applied, or refused for the reason in `code` and `message`; time: partition time.

    `arguments` and `result` are JSON objects.
    """

    id: str
    project: str
    account: str
    name: str
    arguments: str
    status: str
    code: str | None
    message: str | None
    result: str
    applied_at: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter and the record that it came from."""

    letter: DeadLetter
    partition: TopicPartition
    offset: int


class DomainsRow(NamedTuple):
    """`said`: JSON, [[time, domain], …]."""

    project: str
    person: str
    said: str


class LinksRow(NamedTuple):
    """`said`: JSON, [[time, person], …]."""

    project: str
    anonymous: str
    said: str


class MembershipRow(NamedTuple):
    project: str
    person: str
    account: str
    since: int


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """A usage event that waits for its person's account until partition time `until`."""

    partition: TopicPartition
    person: str
    until: int
    event: UsageEvent


class HeldKey(NamedTuple):
    project: str
    person: str
    id: str


@dataclass(slots=True)
class Changes:
    """Everything of one transaction. The moves come first: a lost partition must be found before anything is written."""

    moves: list[Move] = field(default_factory=list)
    adopted: dict[tuple[TopicPartition, str], int] = field(default_factory=dict)
    spans: dict[tuple[TopicPartition, str], Mapping[str, Span]] = field(default_factory=dict)
    """(partition of `events`, project) -> all that it knows now of keys that were not always there, or are gone."""
    backfills: dict[tuple[TopicPartition, str], BackfillRow | None] = field(default_factory=dict)
    """None: it has ended."""
    accounts: list[AccountRow] = field(default_factory=list)
    facts: list[FactRow] = field(default_factory=list)
    due: list[DueRow] = field(default_factory=list)
    no_longer_due: list[tuple[str, str]] = field(default_factory=list)
    """(project, account)."""
    lead_events: list[LeadEvent] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    commands: list[CommandRow] = field(default_factory=list)
    seen: list[SeenRow] = field(default_factory=list)
    forget_seen: list[tuple[TopicPartition, int]] = field(default_factory=list)
    """Seen ids written before this partition time are no longer needed."""
    dead_letters: list[Buried] = field(default_factory=list)
    event_names: list[EventNameRow] = field(default_factory=list)
    memberships: dict[tuple[str, str, str], int] = field(default_factory=dict)
    domains: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    """(project, person) -> the domains of their e-mail addresses, by time."""
    links: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    """(project, anonymous id) -> the people that it turned out to be, by time."""
    held: dict[HeldKey, HeldEvent] = field(default_factory=dict)
    released: set[HeldKey] = field(default_factory=set)
    made: int = 0
    """Bytes of the records and dead letters that were made so far: an event may go out many times."""
