"""A request of CloudEvents 1.0 (https://cloudevents.io; structured, batch or binary) in; its envelope and, tracks out.

An event's `type` is the track's name, its `data` the properties. Whom it is about: `subject` is the account's id (or the
person's, as the project says); the extension attributes `userid`, `anonymousid` and `groupid` say it outright.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from contracts.messages import EMPTY_OBJECT, UsageEvent
from ingest.core.dialect import Answer, Dialect, Sent
from ingest.core.envelope import NOTHING, Envelope, decode, not_a_batch
from ingest.core.event import WireEvent, check_bounds, invalid_time
from ingest.core.native import native_answer
from ingest.core.project import ProjectSettings
from ingest.core.rejection import EventError, Rejection

_HEADER = "ce-"
_UNSAID = ("", "application/x-www-form-urlencoded")
"""Content types of data that was said to be nothing: JSON, says CloudEvents. Some HTTP clients put theirs in the gap."""


class _Event(msgspec.Struct, gc=False):
    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | int | None = None
    time: str | None = None
    userid: str | int | None = None
    anonymousid: str | int | None = None
    groupid: str | int | None = None
    data: msgspec.Raw = NOTHING
    data_base64: msgspec.Raw = NOTHING


_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_event_decoder = msgspec.json.Decoder(_Event)
_encoder = msgspec.json.Encoder()


def read_cloudevents(sent: Sent) -> Envelope:
    """By the headers: `ce-specversion` makes it binary; else the body is one event or an array of events.

    Raises RequestError: `not_json`, `not_a_batch`.
    """
    if "ce-specversion" in sent.headers:
        return Envelope(_from_headers(sent), single=True)
    whole = decode(sent.body, _raw_decoder)
    if not bytes(whole).startswith((b"[", b"{")):
        raise not_a_batch("Send one CloudEvent, or a JSON array of them, or one in binary mode (`ce-` headers).")
    return Envelope(whole, single=bytes(whole).startswith(b"{"))


def read_cloudevent(body: bytes, project: ProjectSettings) -> WireEvent:
    """Decode one event of structured mode.

    Raises EventError: `event_too_big`, `too_deep`, `not_an_object`, `missing_attribute`, `invalid_id`, `invalid_timestamp`,
    `invalid_field`.
    """
    check_bounds(body, project.event_bytes_max)
    try:
        event = _event_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    for name in ("specversion", "id", "source", "type"):
        if not getattr(event, name):
            raise EventError("missing_attribute", f"A CloudEvent has `{name}`; this one has none, or an empty one.", f"$.{name}")
    is_account = project.cloudevents_subject == "account"
    return WireEvent(
        type="track",
        event=event.type,
        messageId=f"{event.id}@{event.source}",
        timestamp=event.time,
        userId=event.userid if is_account or event.userid is not None else event.subject,
        anonymousId=event.anonymousid,
        groupId=event.subject if is_account and event.groupid is None else event.groupid,
        properties=_properties(event),
    )


def _properties(event: _Event) -> msgspec.Raw:
    """`data` if it is an object; anything else under its own name, for properties have names."""
    if event.data_base64 is not NOTHING:
        return _named("data_base64", event.data_base64)
    if event.data is NOTHING or bytes(event.data) == b"null":
        return EMPTY_OBJECT
    return event.data if bytes(event.data).startswith(b"{") else _named("data", event.data)


def _named(name: str, value: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode({name: value}))


def _from_headers(sent: Sent) -> msgspec.Raw:
    """Binary mode: the structured event that the headers and the body make."""
    fields: dict[str, Any] = dict(_attributes(sent.headers))
    kind = sent.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not sent.body:
        pass
    elif kind in _UNSAID or kind.endswith(("/json", "+json")):
        fields["data"] = decode(sent.body, _raw_decoder)
    else:
        fields |= _not_json(sent.body)
    return msgspec.Raw(_encoder.encode(fields))


def _attributes(headers: Mapping[str, str]) -> Mapping[str, str]:
    """As the HTTP binding says them: `ce-` before the name, values in percent-encoding."""
    return {
        name.removeprefix(_HEADER): unquote(value).replace("\0", "")
        for name, value in headers.items()
        if name.startswith(_HEADER)
    }


def _not_json(body: bytes) -> Mapping[str, Any]:
    try:
        return {"data": body.decode().replace("\0", "")}
    except UnicodeDecodeError:
        return {"data_base64": body}


def _wrong_type(problem: str) -> EventError:
    for name in ("userid", "anonymousid", "groupid", "subject"):
        if f"`$.{name}`" in problem:
            return EventError("invalid_id", f"`{name}` must be a string or a whole number.", f"$.{name}")
    if "`$.time`" in problem:
        return invalid_time("time")
    for name in ("specversion", "id", "source", "type"):
        if f"`$.{name}`" in problem:
            return EventError("invalid_field", f"`{name}` must be a string.", f"$.{name}")
    return EventError("not_an_object", "An event is a JSON object.", "$")


def _answer(events: Sequence[UsageEvent], rejections: Sequence[Rejection]) -> Answer:
    return native_answer(events, rejections) if rejections else Answer(204, b"")


_WORDS: Final = {
    "userId": "userid", "anonymousId": "anonymousid", "groupId": "subject", "messageId": "id", "event": "type",
    "timestamp": "time", "properties": "data",
}  # fmt: skip
CLOUDEVENTS: Final = Dialect(
    "cloudevents", read_cloudevents, read_cloudevent, _answer, too_big=413, busy=503, too_fast=429, words=_WORDS
)
