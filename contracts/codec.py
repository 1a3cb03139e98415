"""Record values: one schema byte, one kind byte, then JSON.

A frame is one JSON object of columns, or newline-separated JSON, one line a message: dead letters, and few usage events.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from contracts.columns import Columns, columns_of
from contracts.messages import Backfilled, Command, DeadLetter, ImportEnd, LeadEvent, RecordKind, RulebookSwitch, Tick, UsageEvent

SCHEMA = 1
FRAME_BYTES_MAX = 512 * 1024
"""A frame is at most this long, or holds one event."""
BYTES_EACH = 800
"""Of memory, about: a usage event or a dead letter, beside what a client wrote into it."""
COLUMNS_MIN = 4
"""Fewer usage events go line by line: columns save nothing then, and cost more to make."""

Alone: TypeAlias = RulebookSwitch | Backfilled | Tick | Command | LeadEvent | ImportEnd
"""What stands alone in its record."""
Message: TypeAlias = list[UsageEvent] | list[DeadLetter] | Alone

_HEADS = {kind: bytes([SCHEMA]) + kind.value.encode() for kind in RecordKind}
_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(UsageEvent)
_columns_decoder = msgspec.json.Decoder(Columns)
_dead_letter_decoder = msgspec.json.Decoder(DeadLetter)
_decoders: dict[RecordKind, msgspec.json.Decoder[Alone]] = {
    RecordKind.RULEBOOK: msgspec.json.Decoder(RulebookSwitch),
    RecordKind.BACKFILLED: msgspec.json.Decoder(Backfilled),
    RecordKind.TICK: msgspec.json.Decoder(Tick),
    RecordKind.COMMAND: msgspec.json.Decoder(Command),
    RecordKind.LEAD_EVENT: msgspec.json.Decoder(LeadEvent),
    RecordKind.IMPORT_END: msgspec.json.Decoder(ImportEnd),
}
_kinds: dict[type, RecordKind] = {
    RulebookSwitch: RecordKind.RULEBOOK,
    Backfilled: RecordKind.BACKFILLED,
    Tick: RecordKind.TICK,
    Command: RecordKind.COMMAND,
    LeadEvent: RecordKind.LEAD_EVENT,
    ImportEnd: RecordKind.IMPORT_END,
}


class UndecodableError(ValueError):
    """A record's value, or one line of it, is not what its kind byte says."""


def encode_event(event: UsageEvent | DeadLetter) -> bytes:
    """One line of a frame, without its newline."""
    line = _encoder.encode(event)
    # raw properties may have been written over several lines; a newline within a JSON string is always escaped
    return line.replace(b"\n", b" ") if b"\n" in line else line


def encode_events(events: Sequence[UsageEvent]) -> list[bytes]:
    """Events of one partition, in order, as record values: frames."""
    if len(events) < COLUMNS_MIN:
        return encode_frames(RecordKind.EVENTS, map(encode_event, events))
    value = _HEADS[RecordKind.COLUMNS] + _encoder.encode(columns_of(events))
    if len(value) <= FRAME_BYTES_MAX:
        return [value]
    each = max(1, len(events) * FRAME_BYTES_MAX // (len(value) + FRAME_BYTES_MAX))
    pieces = (events[begin : begin + each] for begin in range(0, len(events), each))
    return [frame for piece in pieces for frame in encode_events(piece)]


def encode_frames(kind: RecordKind, lines: Iterable[bytes]) -> list[bytes]:
    """Lines of one partition, in order, as few record values as FRAME_BYTES_MAX allows. `kind` is EVENTS or DEAD_LETTERS."""
    frames: list[bytes] = []
    frame: list[bytes] = []
    size = 0
    for line in lines:
        if frame and size + len(line) + 1 > FRAME_BYTES_MAX - 2:
            frames.append(_HEADS[kind] + b"\n".join(frame))
            frame, size = [], 0
        frame.append(line)
        size += len(line) + 1
    if frame:
        frames.append(_HEADS[kind] + b"\n".join(frame))
    return frames


def encode(message: Alone) -> bytes:
    """The record value of a message that stands alone."""
    return _HEADS[_kinds[type(message)]] + _encoder.encode(message)


def kind_of(value: bytes) -> RecordKind:
    """What `value` holds. Raises UndecodableError for a schema or kind that this version does not know."""
    if len(value) < 2 or value[0] != SCHEMA:
        raise UndecodableError(f"a record starts with schema byte {value[:1]!r}; this version reads schema {SCHEMA}")
    try:
        return RecordKind(chr(value[1]))
    except ValueError:
        raise UndecodableError(f"a record has kind byte {value[1:2]!r}, which this version does not know") from None


def decode(value: bytes) -> Message:
    """The message in a record's value. Raises UndecodableError; a frame can then be read with `decode_lines`."""
    kind = kind_of(value)
    body = memoryview(value)[2:]
    try:
        if kind is RecordKind.EVENTS:
            return _event_decoder.decode_lines(body)
        if kind is RecordKind.COLUMNS:
            return _columns_decoder.decode(body).events()
        if kind is RecordKind.DEAD_LETTERS:
            return _dead_letter_decoder.decode_lines(body)
        decoder = _decoders.get(kind)
        if decoder is None:
            raise UndecodableError(f"records of kind {kind.name} are reserved")
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableError(str(error)) from error


def decode_columns(value: bytes) -> Columns | None:
    """The usage events in a record's value of kind EVENTS or COLUMNS; None: there is none. Raises UndecodableError."""
    body = memoryview(value)[2:]
    try:
        if kind_of(value) is RecordKind.COLUMNS:
            return _columns_decoder.decode(body)
        events = _event_decoder.decode_lines(body)
        return columns_of(events) if events else None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableError(str(error)) from error


def decode_lines(value: bytes) -> Sequence[UsageEvent | DeadLetter | bytes]:
    """The lines of a frame (EVENTS or DEAD_LETTERS) one by one: the message, or the line's own bytes where it does not decode."""
    decoder = _dead_letter_decoder if kind_of(value) is RecordKind.DEAD_LETTERS else _event_decoder
    lines: list[UsageEvent | DeadLetter | bytes] = []
    for line in value[2:].split(b"\n"):
        try:
            lines.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            lines.append(line)
    return lines
