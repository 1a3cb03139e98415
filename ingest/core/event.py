"""One event's undecoded bytes in, its fields (Segment's names) out, within the limits; or an EventError."""

import re

import msgspec

from contracts.messages import EMPTY_OBJECT
from ingest.core.envelope import NOTHING
from ingest.core.project import ProjectSettings
from ingest.core.rejection import EventError

LEVELS_MAX = 64
"""Nested objects and arrays, the event itself being the first."""
TEXT_BYTES_MAX = 1024
"""Of an id or a name."""
TEXT_SURELY_SHORT = TEXT_BYTES_MAX // 4
"""Characters: UTF-8 takes at most four bytes for one."""


class WireEvent(msgspec.Struct, gc=False):
    """One event in Segment's shape. Fields that are not here do not matter to us. Objects stay undecoded.

    Events of other clients are read into this shape too. `traits` of any type but a group are the person's.
    """

    type: str | None = None
    event: str | None = None
    name: str | None = None
    userId: str | int | None = None  # noqa: N815 - Segment's spelling, here and below
    anonymousId: str | int | None = None  # noqa: N815
    groupId: str | int | None = None  # noqa: N815
    previousId: str | int | None = None  # noqa: N815
    messageId: str | int | None = None  # noqa: N815
    timestamp: str | None = None
    originalTimestamp: str | None = None  # noqa: N815
    ageMs: int | None = None  # noqa: N815 - instead of a time; no client of Segment's sends it
    sentAt: msgspec.Raw = NOTHING  # noqa: N815 - undecoded: one that is no time is ignored
    receivedAt: msgspec.Raw = NOTHING  # noqa: N815
    properties: msgspec.Raw = EMPTY_OBJECT
    traits: msgspec.Raw = EMPTY_OBJECT
    context: msgspec.Raw = EMPTY_OBJECT


_decoder = msgspec.json.Decoder(WireEvent)
_FIELD = re.compile(r"at `\$\.(\w+)`")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_IDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")
_TIMES = ("timestamp", "originalTimestamp")


def read_event(body: bytes, project: ProjectSettings) -> WireEvent:
    """Decode one event in Segment's shape.

    Raises EventError: `event_too_big`, `too_deep`, `not_an_object`, `invalid_id`, `invalid_timestamp`, `invalid_field`.
    """
    check_bounds(body, project.event_bytes_max)
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None


def check_bounds(body: bytes, bytes_max: int) -> None:
    """Raises EventError `event_too_big`, `too_deep`."""
    if len(body) > bytes_max:
        raise EventError(
            "event_too_big",
            f"An event may hold {bytes_max // 1024} KiB; this one has {len(body):,} bytes. Send less of it.",
        )
    check_levels(body)


def check_levels(body: bytes, above: int = 0) -> None:
    """Raises EventError `too_deep` if JSON bytes, standing `above` levels deep, nest beyond LEVELS_MAX."""
    if body.count(b"{") + body.count(b"[") + above <= LEVELS_MAX:
        return
    level = above
    for byte in _STRING.sub(b"", body):
        if byte in b"[{":
            level += 1
            if level > LEVELS_MAX:
                raise EventError("too_deep", f"An event may nest {LEVELS_MAX} levels of objects and arrays. Flatten it.")
        elif byte in b"]}":
            level -= 1


def _wrong_type(problem: str) -> EventError:
    match = _FIELD.search(problem)
    if match is None:
        return EventError("not_an_object", "An event is a JSON object.", "$")
    name = match[1]
    field = f"$.{name}"
    if name in _IDS:
        return EventError("invalid_id", f"`{name}` must be a string or a whole number.", field)
    if name in _TIMES:
        return invalid_time(name)
    return EventError("invalid_field", f"`{name}` must be a string.", field)


def invalid_time(name: str) -> EventError:
    return EventError(
        "invalid_timestamp", f"`{name}` must be an ISO 8601 string from 1970 on, such as 2026-01-31T14:05:00.000Z.", f"$.{name}"
    )


def identifier(value: str | int | None, name: str) -> str | None:
    """An id as text; None if it is absent, empty or blank, and so names nobody. Raises EventError `too_long`."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if not text or text.isspace():
        return None
    return text if len(text) <= TEXT_SURELY_SHORT else short(text, name)


def short(text: str, name: str) -> str:
    """`text` if it fits TEXT_BYTES_MAX. Raises EventError `too_long`."""
    if len(text) > TEXT_SURELY_SHORT and len(text.encode()) > TEXT_BYTES_MAX:
        raise EventError("too_long", f"`{name}` may hold {TEXT_BYTES_MAX} bytes. Send a shorter one.", f"$.{name}")
    return text


def json_object(raw: msgspec.Raw, name: str) -> msgspec.Raw:
    """`raw` if it is an object; null counts as empty. Raises EventError `invalid_field`."""
    if raw is EMPTY_OBJECT:
        return raw
    text = bytes(raw)
    if text.startswith(b"{"):
        return raw
    if text == b"null":
        return EMPTY_OBJECT
    raise EventError("invalid_field", f"`{name}` must be a JSON object.", f"$.{name}")
