"""The messages that travel through the log, and the names of the topics that carry them.

Times are epoch milliseconds (UTC). Every struct is immutable; unknown fields of newer writers are ignored.
"""

from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

EVENTS = "events"
"""Usage events that name their account, keyed by account; rulebook records, ends of backfills, ends of imports."""
UNATTRIBUTED = "unattributed"
"""Usage events keyed by person: those without an account, and every group, identify and alias (that of a person and of an id
that they left behind by each of both); rulebook records, ticks, ends of imports."""
DEAD_LETTERS = "dead-letters"
"""What ingest could not use, kept whole; keyed by project."""
LEAD_EVENTS = "lead-events"
"""Lead events, keyed by account. The notifier consumes it, and so may anybody else."""

Trust: TypeAlias = Literal["server", "browser"]
EventType: TypeAlias = Literal["track", "identify", "group", "page", "screen", "alias"]

EMPTY_OBJECT = msgspec.Raw(b"{}")


class UsageEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing a person did, or that was reported, in Segment's words.

    `timestamp` is already corrected for the client's clock; `received_at` is ours. `properties` holds the JSON object of
    a track, page or screen, `traits` that of an identify or group (for other types `context.traits`); both are left
    undecoded, because most readers need only a field or two. `name` is the event of a track, the name of a page or screen.
    Nothing in it can refer back to it, so the garbage collector need not look at it.
    """

    project: str
    id: str
    type: EventType
    timestamp: int
    received_at: int
    name: str | None = None
    account: str | None = None
    person: str | None = None
    anonymous: str | None = None
    previous: str | None = None
    """The id that an alias leaves behind."""
    link: str | None = None
    """The person that `anonymous` turned out to be: of an identify or alias, in the copy of it that is keyed by that id."""
    original_timestamp: int | None = None
    """As the client said it. None: the client gave no time."""
    sent_at: int | None = None
    future: bool = False
    """The client's time lay too far ahead and was replaced by `received_at`."""
    attributed: bool = False
    """The account was found by the attributor, not named by the client."""
    historical: bool = False
    """Part of an import: folded when it comes, and judged with its account's whole timeline once that has come (ImportEnd)."""
    trust: Trust = "server"
    key_id: str = ""
    properties: msgspec.Raw = EMPTY_OBJECT
    traits: msgspec.Raw = EMPTY_OBJECT
    context: msgspec.Raw = EMPTY_OBJECT


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that we could not use, kept whole. `field` is a JSON path.

    `body` is the bytes as text (only their head if `truncated`).
    """

    id: str
    project: str
    received_at: int
    code: str
    message: str
    field: str | None = None
    route: str | None = None
    key_id: str = ""
    body: str = ""
    truncated: bool = False
    size: int = 0
    """Bytes of the whole body."""
    sha256: str | None = None
    """Of the whole body, hex; only if `truncated`."""


class RulebookSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """From here on this partition's records are judged by version `version` of the project's rulebook."""

    project: str
    version: int


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """From here on the facts that version `version` of the project's rulebook began are what all of this partition's retained
    records make of them, those before the switch too. It says nothing if another version is in force, or if it was said before.
    """

    project: str
    version: int


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed. The time is the record's own append time; `at` only says when the writer asked for it."""

    at: int


class ImportEnd(msgspec.Struct, frozen=True, kw_only=True):
    """All of an import lies before this record, in every partition of both topics: its accounts can be judged."""

    project: str
    import_id: str


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What sales told us about a lead or an account (outcome, snooze, owner, override, opt-out)."""

    id: str
    project: str
    account: str
    name: str
    arguments: dict[str, Any] = {}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The record that made a lead event, so that a replay can stop exactly there. `time` is partition time."""

    topic: str
    partition: int
    offset: int
    time: int


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """At most so many leads in any `per_ms`."""

    leads: int
    per_ms: int


class Brake(msgspec.Struct, frozen=True, kw_only=True):
    """In any hour at most `leads`, or `times` the hourly mean of the week before, whichever is more."""

    leads: int
    times: float


class Caps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many leads people shall hear of: of one account, of one person, at one endpoint; and in a storm. None: no bound."""

    account: Cap | None = None
    person: Cap | None = None
    endpoint: Cap | None = None
    brake: Brake | None = None


class LeadEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One immutable change of one lead. `data` is the payload that receivers get, complete: delivery looks nothing up.

    `id` derives from lead and revision, so a repeat is recognised. `timestamp` is partition time; `qualified_at` in `data`
    is the usage event's own time.
    """

    id: str
    project: str
    account: str
    type: str
    """`lead.created`, `lead.updated`, `lead.won`, …"""
    timestamp: int
    rulebook_version: int
    place: Place
    mode: Literal["live", "shadow"] = msgspec.field(default_factory=lambda: "live")
    schema: int = msgspec.field(default_factory=lambda: 1)
    """Made by a factory, like `mode`: so both are always written, for readers who are not ours."""
    notify: bool = True
    """False: stored and published for whoever keeps a copy, and delivered to no endpoint: no news, or news of long ago."""
    explicit: bool = False
    """Somebody asked for it: no cap holds it back."""
    caps: Caps | None = None
    """Of the rulebook that made it."""
    data: dict[str, Any]


class RecordKind(StrEnum):
    """What a record's value holds; the second byte of the value."""

    EVENTS = "e"
    """Usage events, line by line."""
    COLUMNS = "f"
    """Usage events, field by field."""
    COMMAND = "c"
    RULEBOOK = "r"
    BACKFILLED = "b"
    TICK = "t"
    ERASE = "x"
    """Reserved: nobody writes it yet."""
    IMPORT_END = "i"
    DEAD_LETTERS = "d"
    LEAD_EVENT = "l"
