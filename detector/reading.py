"""Records of the log in, messages out; a line that does not decode is a dead letter, and its neighbours live."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, cast

from contracts.codec import Alone, UndecodableError, decode, decode_columns, decode_lines, encode_event, kind_of
from contracts.columns import Columns, columns_of
from contracts.messages import DeadLetter, RecordKind, UsageEvent
from eventlog.port import Record

BODY_CHARACTERS_MAX = 64 * 1024


class Frame(NamedTuple):
    """What the lines of one record are."""

    columns: Columns | None
    """Its usage events, if it has any."""
    letters: Sequence[DeadLetter] = ()


Content: TypeAlias = Alone | Frame


def read(record: Record) -> Content:
    """The record's message, or its lines; what cannot be read at all is one line."""
    try:
        if record.value[1:2] in _EVENTS:
            return Frame(decode_columns(record.value))
        message = decode(record.value)
    except UndecodableError:
        return _frame(record, decode_lines(record.value) if _is_frame(record.value) else [record.value])
    if not isinstance(message, list):
        return message
    return Frame(None, cast("list[DeadLetter]", message))


_EVENTS = (RecordKind.EVENTS.encode(), RecordKind.COLUMNS.encode())


def _frame(record: Record, lines: Sequence[UsageEvent | DeadLetter | bytes]) -> Frame:
    events: list[UsageEvent] = []
    letters: list[DeadLetter] = []
    for index, line in enumerate(lines):
        if isinstance(line, UsageEvent):
            events.append(line)
        else:
            letters.append(line if isinstance(line, DeadLetter) else _undecodable(record, index, line))
    return Frame(columns_of(events) if events else None, letters)


def _is_frame(value: bytes) -> bool:
    try:
        return kind_of(value) in (RecordKind.EVENTS, RecordKind.DEAD_LETTERS)
    except UndecodableError:
        return False


def _undecodable(record: Record, index: int, line: bytes) -> DeadLetter:
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
