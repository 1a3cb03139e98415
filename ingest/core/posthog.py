"""A request as PostHog's SDKs send it in; its envelope and, event by event, Segment's shape out, and how it is answered.

Two protocols: v0 (/batch/, /capture/, /e/; the key in the body) and v1 (/i/v1/analytics/events; the key in Authorization, and
a result for each event). What is read here was read in the SDKs' own code: posthog 3–7 (Python), posthog-node 3–5, posthog-js 1.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.messages import EMPTY_OBJECT, UsageEvent
from ingest.core.dialect import Answer, Dialect, Sent
from ingest.core.envelope import NOTHING, Envelope, decode, not_a_batch, reread, says_true, text_or_none
from ingest.core.event import WireEvent, check_bounds, invalid_time, json_object
from ingest.core.project import ProjectSettings
from ingest.core.rejection import EventError, Rejection
from ingest.core.segment import time_or_none
from ingest.core.times import END_MS, parse_time_or_none

ACCOUNT_GROUPS: Final = ("company", "organization", "account", "workspace", "team", "customer")
"""Group types that are accounts, where the project does not say which one is."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_PERSONAL: Final = ("$ip", "$raw_user_agent", "$user_agent")
_TOKENS: Final = ("token", "api_key")
_SETS: Final = ("$set", "$set_once")
_OK: Final = msgspec.Raw(b'{"result":"ok"}')


class _Request(msgspec.Struct):
    """A batch, or one event: both have their key here."""

    batch: msgspec.Raw = NOTHING
    event: msgspec.Raw = NOTHING
    api_key: msgspec.Raw = NOTHING
    token: msgspec.Raw = NOTHING
    sent_at: msgspec.Raw = NOTHING
    sentAt: msgspec.Raw = NOTHING  # noqa: N815 - posthog-python until version 6
    historical_migration: msgspec.Raw = NOTHING
    properties: msgspec.Raw = NOTHING


class _OnlyFirst(msgspec.Struct, array_like=True):
    """Of a JSON array: what follows the first is skipped, not kept."""

    first: msgspec.Raw = NOTHING


class _Token(msgspec.Struct):
    token: msgspec.Raw = NOTHING


class _Options(msgspec.Struct, gc=False):
    """Of protocol v1."""

    process_person_profile: bool | None = None


class _Event(msgspec.Struct, gc=False):
    event: str | None = None
    distinct_id: str | int | None = None
    uuid: str | int | None = None
    timestamp: str | None = None
    offset: int | None = None
    sent_at: msgspec.Raw = NOTHING
    properties: msgspec.Raw = EMPTY_OBJECT
    set_: msgspec.Raw = msgspec.field(default=NOTHING, name="$set")
    set_once: msgspec.Raw = msgspec.field(default=NOTHING, name="$set_once")
    options: _Options | None = None


class _Properties(msgspec.Struct, gc=False):
    """What stands in properties that matters to us, or must not be kept."""

    distinct_id: str | int | None = None
    token: msgspec.Raw = NOTHING
    api_key: msgspec.Raw = NOTHING
    alias: str | int | None = None
    title: msgspec.Raw = NOTHING
    groups: dict[str, str | int | None] | None = msgspec.field(default=None, name="$groups")
    set_: msgspec.Raw = msgspec.field(default=NOTHING, name="$set")
    set_once: msgspec.Raw = msgspec.field(default=NOTHING, name="$set_once")
    group_type: str | None = msgspec.field(default=None, name="$group_type")
    group_key: str | int | None = msgspec.field(default=None, name="$group_key")
    group_set: msgspec.Raw = msgspec.field(default=NOTHING, name="$group_set")
    anon_distinct_id: str | int | None = msgspec.field(default=None, name="$anon_distinct_id")
    is_identified: bool | None = msgspec.field(default=None, name="$is_identified")
    process_person_profile: bool | None = msgspec.field(default=None, name="$process_person_profile")
    pathname: msgspec.Raw = msgspec.field(default=NOTHING, name="$pathname")
    screen_name: msgspec.Raw = msgspec.field(default=NOTHING, name="$screen_name")
    ip: msgspec.Raw = msgspec.field(default=NOTHING, name="$ip")
    raw_user_agent: msgspec.Raw = msgspec.field(default=NOTHING, name="$raw_user_agent")
    user_agent: msgspec.Raw = msgspec.field(default=NOTHING, name="$user_agent")


_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_request_decoder = msgspec.json.Decoder(_Request)
_first_decoder = msgspec.json.Decoder(_OnlyFirst)
_token_decoder = msgspec.json.Decoder(_Token)
_event_decoder = msgspec.json.Decoder(_Event)
_properties_decoder = msgspec.json.Decoder(_Properties)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def read_posthog(sent: Sent) -> Envelope:
    """A batch, an array of events or one event, at any of the routes. Raises RequestError: `not_json`, `not_a_batch`."""
    whole = decode(sent.body, _raw_decoder)
    if bytes(whole).startswith(b"["):
        return Envelope(whole, single=False, write_key=_first_key(whole), sent_at=_sent_at(sent, NOTHING))
    try:
        request = reread(whole, _request_decoder)
    except msgspec.ValidationError:
        raise not_a_batch('PostHog\'s routes take {"batch": [event, …]}, an array of events or one event.') from None
    single = request.batch is NOTHING
    if single and request.event is NOTHING:
        raise not_a_batch('The field `batch` is missing: send {"batch": [event, …]}, an array of events or one event.')
    return Envelope(
        whole if single else request.batch,
        single=single,
        write_key=_key(request) or (None if single else _first_key(request.batch)),
        sent_at=_sent_at(sent, request.sentAt if request.sent_at is NOTHING else request.sent_at),
        historical=says_true(request.historical_migration),
    )


def read_posthog_event(body: bytes, project: ProjectSettings) -> WireEvent:
    """Decode one event.

    Raises EventError: `event_too_big`, `too_deep`, `not_an_object`, `missing_event`, `invalid_id`, `invalid_timestamp`,
    `invalid_field`.
    """
    check_bounds(body, project.event_bytes_max)
    try:
        event = _event_decoder.decode(body)
        said = _properties_decoder.decode(json_object(event.properties, "properties"))
    except msgspec.ValidationError as error:
        raise _wrong_type(body, str(error)) from None
    if not event.event or event.event.isspace():
        raise EventError("missing_event", "`event` is missing: the name of what happened.", "$.event")
    somebody = event.distinct_id if event.distinct_id is not None else said.distinct_id
    unknown = said.is_identified is False or _first(said.process_person_profile, event.options) is False
    wire = WireEvent(
        messageId=event.uuid,
        timestamp=event.timestamp,
        ageMs=event.offset if event.timestamp is None else None,
        sentAt=event.sent_at,
        userId=None if unknown else somebody,
        anonymousId=somebody if unknown else said.anon_distinct_id,
        groupId=_account(said.groups, project),
        properties=_kept(event.properties, said, project),
    )
    if not (event.set_ is event.set_once is said.set_ is said.set_once is NOTHING):
        wire.traits = _merged((said.set_once, event.set_once, said.set_, event.set_))
    _say_type(wire, event.event, said, project)
    return wire


def _say_type(wire: WireEvent, name: str, said: _Properties, project: ProjectSettings) -> None:
    """Segment's type for PostHog's own events; whatever else happened is a track."""
    if not name.startswith("$"):
        wire.type, wire.event = "track", name
        return
    match name:
        case "$identify" | "$set" | "$set_once":
            wire.type = "identify"
        case "$groupidentify" if project.posthog_group in (None, said.group_type):
            wire.type = "group"
            wire.groupId = said.group_key
            wire.traits = EMPTY_OBJECT if said.group_set is NOTHING else said.group_set
            if _is_made_up(wire.userId, said):
                wire.userId = None
        case "$create_alias":
            wire.type = "alias"
            wire.previousId = said.alias
        case "$pageview":
            wire.type, wire.name = "page", text_or_none(said.pathname) or text_or_none(said.title)
        case "$screen":
            wire.type, wire.name = "screen", text_or_none(said.screen_name)
        case _:
            wire.type, wire.event = "track", name


def _is_made_up(somebody: str | int | None, said: _Properties) -> bool:
    """Where nobody is named with a group, SDKs of servers make somebody up: `$company_bolt`, or a random UUID."""
    if somebody == f"${said.group_type}_{said.group_key}":
        return True
    return said.is_identified is None and isinstance(somebody, str) and _UUID.fullmatch(somebody) is not None


def _account(groups: Mapping[str, str | int | None] | None, project: ProjectSettings) -> str | int | None:
    if not groups:
        return None
    if project.posthog_group is not None:
        return groups.get(project.posthog_group)
    if len(groups) == 1:
        return next(iter(groups.values()))
    return next((groups[type_] for type_ in ACCOUNT_GROUPS if type_ in groups), None)


def _kept(properties: msgspec.Raw, said: _Properties, project: ProjectSettings) -> msgspec.Raw:
    """The properties without keys, without what is told by other fields, and without addresses unless the project keeps them."""
    personal = not (project.keep_addresses or said.ip is said.raw_user_agent is said.user_agent is NOTHING)
    if not personal and said.token is said.api_key is said.set_ is said.set_once is NOTHING:
        return properties
    gone = [(b'"token":', said.token), (b'"api_key":', said.api_key), (b'"$set":', said.set_), (b'"$set_once":', said.set_once)]
    if personal:
        gone += [(b'"$ip":', said.ip), (b'"$user_agent":', said.user_agent), (b'"$raw_user_agent":', said.raw_user_agent)]
    text = bytes(properties)
    left = None if b"\\u" in text else text  # then a key may be written with escapes, and the same key within without them
    for key, value in gone:
        if value is not NOTHING and left is not None:
            left = _without(left, key, bytes(value))
    return _by_fields(properties, personal=personal) if left is None else msgspec.Raw(left)


def _without(text: bytes, key: bytes, value: bytes) -> bytes | None:
    """A JSON object without the one of its fields with this key and value. None: nested objects have the key too, or what stands
    around it is not as SDKs write it. Within a string no quote is without a backslash before it: that is no key.
    """
    before, *after = text.split(key)
    if len(after) != 1 or not after[0].startswith(value):
        return None
    rest = after[0][len(value) :]
    if rest.startswith(b","):
        return before + rest[1:]
    return before[:-1] + rest if before.endswith(b",") and rest.startswith(b"}") else None


def _by_fields(properties: msgspec.Raw, *, personal: bool) -> msgspec.Raw:
    """The same of whatever stands there."""
    fields = _fields_decoder.decode(properties)
    for name in (*_TOKENS, *_SETS, *(_PERSONAL if personal else ())):
        fields.pop(name, None)
    return msgspec.Raw(_encoder.encode(fields))


def _merged(objects: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """Those that were given, in one; the later ones win."""
    given = [raw for raw in objects if raw is not NOTHING and json_object(raw, "$set") is not EMPTY_OBJECT]
    if len(given) < 2:
        return given[0] if given else EMPTY_OBJECT
    fields: dict[str, msgspec.Raw] = {}
    for raw in given:
        fields |= _fields_decoder.decode(raw)
    return msgspec.Raw(_encoder.encode(fields))


def _first(said: bool | None, options: _Options | None) -> bool | None:
    return said if said is not None or options is None else options.process_person_profile


def _key(request: _Request) -> str | None:
    return text_or_none(request.api_key) or text_or_none(request.token) or _token_in(request.properties)


def _first_key(events: msgspec.Raw) -> str | None:
    """The key that the first event has in it. posthog-js puts it among the properties."""
    try:
        return _key(_request_decoder.decode(reread(events, _first_decoder).first))
    except msgspec.ValidationError:
        return None


def _token_in(properties: msgspec.Raw) -> str | None:
    try:
        return text_or_none(reread(properties, _token_decoder).token)
    except msgspec.ValidationError:
        return None


def _sent_at(sent: Sent, said: msgspec.Raw) -> int | None:
    """In the body; else as posthog-js says it in the address (epoch ms); else as v1 says it in a header."""
    by_body = time_or_none(said)
    if by_body is not None:
        return by_body
    by_address = sent.query.get("sent_at") or sent.query.get("_") or ""
    if by_address.isascii() and by_address.isdecimal() and len(by_address) <= 15 and int(by_address) < END_MS:
        return int(by_address)
    return parse_time_or_none(sent.headers.get("posthog-request-timestamp"))


def _wrong_type(body: bytes, problem: str) -> EventError:
    """Which field it is, in PostHog's words."""
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return EventError("not_an_object", "An event is a JSON object.", "$")
    if "`$.timestamp`" in problem:
        return invalid_time("timestamp")
    for name, code, needs in _FIELDS:
        if f"$.{name}`" in problem or f"$.{name}[" in problem:
            return EventError(code, f"`{name}` must be {needs}.", f"$.{name}")
    return EventError("invalid_field", f"A field has another type than PostHog gives it: {problem}.", "$")


_ID: Final = ("invalid_id", "a string or a whole number")
_FIELDS: Final = (
    *((name, *_ID) for name in ("distinct_id", "uuid", "$group_key", "$anon_distinct_id", "alias")),
    ("event", "invalid_field", "a string"),
    ("offset", "invalid_field", "a whole number"),
    ("$groups", "invalid_field", "an object of strings"),
    ("$group_type", "invalid_field", "a string"),
    ("$is_identified", "invalid_field", "true or false"),
    ("$process_person_profile", "invalid_field", "true or false"),
    ("process_person_profile", "invalid_field", "true or false"),
)
_WORDS: Final = {
    "userId": "distinct_id", "anonymousId": "distinct_id", "groupId": "$groups", "messageId": "uuid", "previousId": "alias",
    "traits": "$set", "name": "$pathname",
}  # fmt: skip


def _answer(_events: Sequence[UsageEvent], _rejections: Sequence[Rejection]) -> Answer:
    return Answer(200, b'{"status":"Ok"}')


def _answer_v1(events: Sequence[UsageEvent], rejections: Sequence[Rejection]) -> Answer:
    results: dict[str, object] = dict.fromkeys([event.id for event in events], _OK)
    for rejection in rejections:
        if rejection.id is not None:
            results[rejection.id] = {"result": "drop", "details": f"{rejection.code}: {rejection.message}"}
    return Answer(200, _encoder.encode({"results": results}))


POSTHOG: Final = Dialect("posthog", read_posthog, read_posthog_event, _answer, too_big=413, busy=503, too_fast=429, words=_WORDS)
"""Node's halves a batch that gets 413."""
POSTHOG_BROWSER: Final = Dialect(
    "posthog", read_posthog, read_posthog_event, _answer, too_big=413, busy=503, too_fast=503, words=_WORDS, forms=True
)
"""posthog-js drops what gets a 429, or any other 4xx; after a 503 it comes again."""
POSTHOG_V1: Final = Dialect(
    "posthog", read_posthog, read_posthog_event, _answer_v1, too_big=413, busy=503, too_fast=429, words=_WORDS, forms=True
)
