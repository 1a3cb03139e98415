"""Record values: one schema byte, one kind byte, then JSON (a frame: newline-separated JSON, one line an event)."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from contracts.messages import Backfilled, Command, DeadLetter, ImportEnd, LeadEvent, RecordKind, RulebookSwitch, Tick, UsageEvent

SCHEMA = 1
FRAME_BYTES_MAX = 512 * 1024
"""A frame is at most this long, or holds one event."""

Alone: TypeAlias = RulebookSwitch | Backfilled | Tick | Command | LeadEvent | ImportEnd
"""What stands alone in its record."""
Message: TypeAlias = list[UsageEvent] | list[DeadLetter] | Alone

_HEADS = {kind: bytes([SCHEMA]) + kind.value.encode() for kind in RecordKind}
_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(UsageEvent)
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
        if kind is RecordKind.DEAD_LETTERS:
            return _dead_letter_decoder.decode_lines(body)
        decoder = _decoders.get(kind)
        if decoder is None:
            raise UndecodableError(f"records of kind {kind.name} are reserved")
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableError(str(error)) from error


def decode_lines(value: bytes) -> Sequence[UsageEvent | DeadLetter | bytes]:
    """A frame (EVENTS or DEAD_LETTERS) read line by line: the message, or the line's own bytes where it does not decode."""
    decoder = _dead_letter_decoder if kind_of(value) is RecordKind.DEAD_LETTERS else _event_decoder
    lines: list[UsageEvent | DeadLetter | bytes] = []
    for line in value[2:].split(b"\n"):
        try:
            lines.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            lines.append(line)
    return lines
