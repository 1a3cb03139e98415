"""A request to POST /v1/events in (a JSON array, {"events": […]} or one event, in Segment's shape); its envelope out."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.messages import UsageEvent
from ingest.core.dialect import Answer, Dialect, Sent
from ingest.core.envelope import NOTHING, Envelope, decode, not_a_batch, reread, says_true, shared_context, text_or_none
from ingest.core.event import read_event
from ingest.core.rejection import Rejection
from ingest.core.segment import time_or_none


class _Events(msgspec.Struct):
    events: msgspec.Raw = NOTHING
    writeKey: msgspec.Raw = NOTHING  # noqa: N815 - Segment's spelling
    sentAt: msgspec.Raw = NOTHING  # noqa: N815
    context: msgspec.Raw = NOTHING
    historical_migration: msgspec.Raw = NOTHING


_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_events_decoder = msgspec.json.Decoder(_Events)


def read_native(sent: Sent) -> Envelope:
    """Raises RequestError: `not_json`, `not_a_batch`, `context_too_big`."""
    return read_events(sent.body)


def read_events(body: bytes) -> Envelope:
    """As `read_native`, of a body alone."""
    whole = decode(body, _raw_decoder)
    if bytes(whole).startswith(b"["):
        return Envelope(whole, single=False)
    try:
        shared = reread(whole, _events_decoder)
    except msgspec.ValidationError:
        raise not_a_batch('/v1/events takes a JSON array of events, {"events": […]} or one event.') from None
    single = shared.events is NOTHING
    return Envelope(
        whole if single else shared.events,
        single=single,
        write_key=text_or_none(shared.writeKey),
        sent_at=time_or_none(shared.sentAt),
        context=NOTHING if single else shared_context(shared.context),
        historical=says_true(shared.historical_migration),
    )


def native_answer(events: Sequence[UsageEvent], rejections: Sequence[Rejection]) -> Answer:
    said = {"accepted": len(events), "rejected": [rejection.as_json() for rejection in rejections]}
    return Answer(200, msgspec.json.encode(said))


NATIVE: Final = Dialect("native", read_native, read_event, native_answer, too_big=413, busy=503, too_fast=429)
