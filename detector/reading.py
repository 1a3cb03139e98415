"""Records of the log in, messages out; what does not decode stays bytes, line by line, so that its neighbours live."""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

from contracts.codec import Message, UndecodableError, decode, decode_lines, encode_event, kind_of
from contracts.messages import DeadLetter, RecordKind, UsageEvent
from eventlog.port import Record

BODY_CHARACTERS_MAX = 64 * 1024

Content: TypeAlias = Message | Sequence[UsageEvent | DeadLetter | bytes]


def read(record: Record) -> Content:
    """The record's message; or a frame's lines, those as bytes that do not decode; or the whole value as such a line."""
    try:
        return decode(record.value)
    except UndecodableError:
        return decode_lines(record.value) if _is_frame(record.value) else [record.value]


def _is_frame(value: bytes) -> bool:
    try:
        return kind_of(value) in (RecordKind.EVENTS, RecordKind.DEAD_LETTERS)
    except UndecodableError:
        return False


def undecodable(record: Record, index: int, line: bytes) -> DeadLetter:
    """The dead letter of one line, keyed by its place: reading it again makes the same one."""
    place = f"{record.topic}/{record.partition}/{record.offset}/{index}"
    text = line.decode("utf-8", "replace").replace("\0", "\ufffd")
    return DeadLetter(
        id="dead_" + _digest(place.encode()),
        project="",
        received_at=record.timestamp,
        code="undecodable",
        message=f"Line {index} of the record {place} is not a message that this version reads.",
        body=text[:BODY_CHARACTERS_MAX],
        truncated=len(text) > BODY_CHARACTERS_MAX,
        size=len(line),
        sha256=hashlib.sha256(line).hexdigest(),
    )


def unusable(event: UsageEvent, code: str, message: str) -> DeadLetter:
    """The dead letter of an event that decodes and that the detector cannot use; a copy of the event makes the same one."""
    body = encode_event(event)
    who = event.person or event.anonymous or ""
    return DeadLetter(
        id="dead_" + _digest(f"{event.project}\0{who}\0{event.id}\0{code}".encode()),
        project=event.project,
        received_at=event.received_at,
        code=code,
        message=message,
        key_id=event.key_id,
        body=body.decode(),
        size=len(body),
    )


def _digest(of: bytes) -> str:
    return hashlib.sha256(of).hexdigest()[:20]
