"""The undecoded events of one request in, usage events and rejections out. Judges one event at a time; fails no neighbour."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import msgspec
from msgspec.structs import replace

from contracts.messages import EMPTY_OBJECT, EventType, Trust, UsageEvent
from ingest.core.campaign import with_campaign
from ingest.core.context import Context, kept, only, read_context
from ingest.core.dialect import Dialect
from ingest.core.envelope import NOTHING, Envelope
from ingest.core.event import WireEvent, identifier, invalid_time, json_object, short
from ingest.core.native import NATIVE
from ingest.core.project import AS_MADE, ProjectSettings
from ingest.core.rejection import EventError, Rejection
from ingest.core.segment import time_or_none
from ingest.core.times import event_time, parse_time
from ingest.core.traits import browser_traits, count_traits

BROWSER_AGE_MS_MAX = 24 * 3_600_000
"""Older events are history, which a browser's key may not write. The detector's default lateness, so none decides anything."""
TYPES: frozenset[str] = frozenset(get_args(EventType))
_NO_TRAITS = (b"{}", b"null")
_EACH_TRY = ("sentAt", "writeKey", "sent_at", "api_key", "token")
"""What is no part of an event, and may be another at each try."""
_TRAITED = frozenset({"identify", "group"})
_OF_NO_PERSON = frozenset({"group", "alias"})
"""Their traits are the account's, or nobody's."""
_fields_decoder = msgspec.json.Decoder(dict[str, Any])
_ids_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_id_decoder = msgspec.json.Decoder(str | int | None)
_canonical = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What ingest knows of a request beside its bytes. `received_at` in epoch ms; `new_id` gives a random id at each call."""

    project: str
    key_id: str
    trust: Trust
    received_at: int
    new_id: Callable[[], str]
    historical: bool = False
    """Part of an import: times are taken as said."""
    settings: ProjectSettings = AS_MADE


@dataclass(slots=True)
class Normalised:
    """`traits_dropped`: how many traits browsers may not set were left out."""

    events: list[UsageEvent]
    rejections: list[Rejection]
    traits_dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the events of one request have in common."""

    arrival: Arrival
    dialect: Dialect
    kind: EventType | None
    sent_at: int | None
    context: msgspec.Raw


def normalise(
    bodies: Sequence[msgspec.Raw], envelope: Envelope, kind: EventType | None, arrival: Arrival, dialect: Dialect = NATIVE
) -> Normalised:
    """Judge each of `bodies` (envelope.split()). `kind` is what the route says that they are, None if each says it itself."""
    done = Normalised([], [])
    # a slice keeps all that it is of in memory: the whole request
    context = envelope.context if envelope.context is NOTHING else envelope.context.copy()
    shared = _Shared(arrival, dialect, kind, envelope.sent_at, context)
    for index, raw in enumerate(bodies):
        body = bytes(raw)
        try:
            done.events.append(_usage_event(body, shared, done))
        except EventError as error:
            said = error.said_with(dialect.words)
            done.rejections.append(Rejection(index, _message_id(body, dialect), said.code, said.message, said.field, body))
    return done


def _usage_event(body: bytes, shared: _Shared, done: Normalised) -> UsageEvent:
    arrival = shared.arrival
    wire = shared.dialect.read_event(body, arrival.settings)
    event_type = shared.kind or _type_of(wire)
    raw_context, context = read_context(wire.context, shared.context)
    person = None if wire.userId is None else identifier(wire.userId, "userId")
    anonymous = None if wire.anonymousId is None else identifier(wire.anonymousId, "anonymousId")
    account = identifier(wire.groupId, "groupId") or identifier(context.groupId, "context.groupId")
    _check_named(event_type, wire, person or anonymous, account)
    original = _original_time(wire, arrival)
    sent_at = shared.sent_at if wire.sentAt is NOTHING else time_or_none(wire.sentAt) or shared.sent_at
    is_corrected = arrival.historical or wire.receivedAt is not NOTHING  # by whoever received it first, and passed it on
    timestamp, future = event_time(original, None if is_corrected else sent_at, arrival.received_at)
    nothing_said = wire.traits is context.traits is EMPTY_OBJECT
    traits = EMPTY_OBJECT if nothing_said else _said_traits(event_type, wire, context)
    if arrival.trust == "browser":
        _check_recent(timestamp, arrival.received_at)
        traits = _believed_traits(event_type, traits, done)
    if context.campaign is not NOTHING and event_type not in _OF_NO_PERSON:
        traits = with_campaign(traits, context.campaign)
    settings = arrival.settings
    properties = EMPTY_OBJECT if event_type in _TRAITED else json_object(wire.properties, "properties")
    if settings.traits is not None:
        traits = only(traits, settings.traits)
    if settings.properties is not None:
        properties = only(properties, settings.properties)
    # A call of CPython's with more than 15 names goes by way of a dictionary: with all 19 it takes five times as long.
    event = UsageEvent(
        project=arrival.project,
        id=identifier(wire.messageId, "messageId")
        or _made_id(body, original, event_type, arrival, is_age=wire.ageMs is not None),
        type=event_type,
        timestamp=timestamp,
        received_at=arrival.received_at,
        name=_name(event_type, wire),
        account=account,
        person=person,
        anonymous=anonymous,
        original_timestamp=original,
        sent_at=sent_at,
        trust=arrival.trust,
        key_id=arrival.key_id,
        properties=properties,
        context=kept(
            raw_context,
            context,
            traits=arrival.trust == "server" and settings.traits is None,
            addresses=settings.keep_addresses,
        ),
    )
    if traits is EMPTY_OBJECT and not (future or arrival.historical or event_type == "alias"):
        return event
    previous = identifier(wire.previousId, "previousId") if event_type == "alias" else None
    return replace(event, traits=traits, previous=previous, future=future, historical=arrival.historical)


def _type_of(wire: WireEvent) -> EventType:
    if wire.type in TYPES:
        return cast("EventType", wire.type)
    if wire.type is None:
        raise EventError(
            "missing_type",
            "`type` is missing: say track, identify, group, page, screen or alias, or use that type's route.",
            "$.type",
        )
    raise EventError("unknown_type", "`type` must be track, identify, group, page, screen or alias.", "$.type")


def _check_named(event_type: EventType, wire: WireEvent, somebody: str | None, account: str | None) -> None:
    """Segment's spec: who or what each type must name. A group, and what happened to an account, may name no person."""
    if event_type == "group" and account is None:
        raise EventError("missing_group", "A group needs `groupId`: the account's id.", "$.groupId")
    if somebody is None and (account is None or event_type in ("identify", "alias")):
        raise EventError(
            "missing_identity",
            "Nobody is named: send `userId` or `anonymousId` (spelt like this)"
            + ("." if event_type in ("identify", "alias") else ", or the account in `groupId`."),
            "$.userId",
        )
    if event_type == "track" and (not wire.event or wire.event.isspace()):
        raise EventError("missing_event", "A track needs `event`: the name of what happened.", "$.event")
    if event_type == "alias" and identifier(wire.previousId, "previousId") is None:
        raise EventError("missing_previous_id", "An alias needs `previousId`: the id that is left behind.", "$.previousId")


def _original_time(wire: WireEvent, arrival: Arrival) -> int | None:
    """When it happened, as the client said. `originalTimestamp` is only when the SDK was called: RudderStack's sends both."""
    by_name = not wire.timestamp
    text = wire.originalTimestamp if by_name else wire.timestamp
    if not text:
        return None if wire.ageMs is None else max(0, arrival.received_at - max(0, wire.ageMs))
    try:
        return parse_time(text)
    except ValueError:
        raise invalid_time("originalTimestamp" if by_name else "timestamp") from None


def _check_recent(timestamp: int, received_at: int) -> None:
    if timestamp < received_at - BROWSER_AGE_MS_MAX:
        raise EventError(
            "history_not_allowed",
            "A browser key may not send events older than 24 hours. Send history with a server key.",
            "$.timestamp",
        )


def _name(event_type: EventType, wire: WireEvent) -> str | None:
    if event_type == "track":
        return short(wire.event or "", "event")
    if event_type in ("page", "screen") and wire.name:
        return short(wire.name, "name")
    return None


def _said_traits(event_type: EventType, wire: WireEvent, context: Context) -> msgspec.Raw:
    if event_type == "group" or (wire.traits is not EMPTY_OBJECT and bytes(wire.traits) not in _NO_TRAITS):
        return json_object(wire.traits, "traits")
    return json_object(context.traits, "context.traits")


def _believed_traits(event_type: EventType, said: msgspec.Raw, done: Normalised) -> msgspec.Raw:
    """Of what a browser said."""
    if said is EMPTY_OBJECT:
        return said
    if event_type == "group":
        done.traits_dropped += count_traits(said)
        return EMPTY_OBJECT
    believed, dropped = browser_traits(said)
    done.traits_dropped += dropped
    return believed


def _made_id(body: bytes, original: int | None, event_type: EventType, arrival: Arrival, *, is_age: bool) -> str:
    """With a time: a hash of the event, so that the same event sent again has the same id. SDKs renew `sentAt` at each try."""
    if original is None or is_age:
        return arrival.new_id()
    fields = _fields_decoder.decode(body)
    for name in _EACH_TRY:
        fields.pop(name, None)
    return hashlib.sha256(_canonical.encode([event_type, fields])).hexdigest()[:32]


def _message_id(body: bytes, dialect: Dialect) -> str | None:
    """The client's id of an event that could not be used, if that much can be read."""
    name = dialect.words.get("messageId", "messageId")
    try:
        fields = _ids_decoder.decode(body)
        return identifier(_id_decoder.decode(fields.get(name, NOTHING)), "messageId")
    except (msgspec.ValidationError, EventError):
        return None
