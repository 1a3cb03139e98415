"""The plain bytes of a request in, what all its events share, and the events' own undecoded bytes, out.

One strict pass over the bytes; only if that fails, or something must be repaired, a lenient one (repair.py).
"""

from functools import cache
from typing import Any, TypeVar

import msgspec

from ingest.core.rejection import RequestError
from ingest.core.repair import cut_levels, needs_repair, repair

EVENTS_MAX = 5_000
CONTEXT_BYTES_MAX = 8 * 1024
"""Of the context that a batch shares: it is copied into each of its events."""
NOTHING = msgspec.Raw(b"null")

T = TypeVar("T")
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_text_decoder = msgspec.json.Decoder(str)


class Envelope(msgspec.Struct, frozen=True):
    """A request as read, before anybody knows whether its key is good. `events` is a JSON array, or one event."""

    events: msgspec.Raw
    single: bool
    write_key: str | None = None
    sent_at: int | None = None
    """By the client's clock, epoch ms."""
    context: msgspec.Raw = NOTHING
    historical: bool = False
    """The body says that it is history."""

    def split(self) -> list[msgspec.Raw]:
        """The bytes of each event. Raises RequestError: `not_a_batch`, `too_many_events`."""
        if self.single:
            return [self.events]
        try:
            if bytes(self.events).count(b",") >= EVENTS_MAX:  # millions of `0,` must not become millions of objects
                _check_count(self.events)
            return reread(self.events, _list_decoder)
        except msgspec.ValidationError:
            raise not_a_batch("The events must stand in a JSON array.") from None


@cache
def _first_events_decoder() -> msgspec.json.Decoder[Any]:
    """An array of JSON read as a struct: what lies beyond the last field is skipped, not kept. Slow to make, seldom needed."""
    fields = [(f"event{index}", msgspec.Raw, NOTHING) for index in range(EVENTS_MAX + 1)]
    return msgspec.json.Decoder(msgspec.defstruct("_FirstEvents", fields, array_like=True))


def _check_count(events: msgspec.Raw) -> None:
    first = reread(events, _first_events_decoder())
    if getattr(first, f"event{EVENTS_MAX}") is not NOTHING:
        raise RequestError(
            "too_many_events", f"A request may hold {EVENTS_MAX:,} events; this one has more. Send smaller batches.", too_big=True
        )


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """`body` strictly, else leniently. Raises RequestError `not_json`, and msgspec.ValidationError for JSON of another shape."""
    if not needs_repair(body):
        try:
            return _decode_strictly(body, decoder)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError):
            pass  # not JSON, or only nearly: the lenient pass tells
    return _decode_leniently(repair(body), decoder)


def _decode_leniently(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        try:
            return _decode_strictly(body, decoder)
        except RecursionError:
            return _decode_strictly(cut_levels(body), decoder)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise RequestError("not_json", f"The body is not JSON: {error}. Send one JSON document.") from None


def reread(raw: msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """A part of what `decode` gave. What just fitted the parser's recursion there may not fit it here."""
    try:
        return decoder.decode(raw)
    except RecursionError:
        return decoder.decode(cut_levels(bytes(raw)))


def _decode_strictly(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    r"""Raises msgspec.DecodeError; its subclass ValidationError only for what is JSON to its end.

    A frame separates its lines by \n, and undecoded parts are copied into it: in JSON a \n can only be white space.
    """
    if b"\n" in body:
        msgspec.json.decode(body, type=msgspec.Raw)
        body = body.replace(b"\n", b" ")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        msgspec.json.decode(body, type=msgspec.Raw)
        raise


def text_or_none(raw: msgspec.Raw) -> str | None:
    """The JSON string in `raw`, or None if it is anything else."""
    try:
        return _text_decoder.decode(raw)
    except msgspec.ValidationError:
        return None


def says_true(raw: msgspec.Raw) -> bool:
    """Whether `raw` is JSON's true."""
    return bytes(raw) == b"true"


def shared_context(raw: msgspec.Raw) -> msgspec.Raw:
    """The batch's context, or NOTHING if it is no object. Raises RequestError `context_too_big`."""
    if len(bytes(raw)) > CONTEXT_BYTES_MAX:
        raise RequestError(
            "context_too_big",
            f"The batch's context may hold {CONTEXT_BYTES_MAX // 1024} KiB, for it is copied into each event. Send less of it.",
            too_big=True,
        )
    return raw if bytes(raw).startswith(b"{") else NOTHING


def not_a_batch(message: str) -> RequestError:
    return RequestError("not_a_batch", message)
