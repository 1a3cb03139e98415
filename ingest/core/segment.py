"""A request as Segment's SDKs (and RudderStack's, which speak the same) send it in; its envelope out, and how it is answered."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.messages import UsageEvent
from ingest.core.dialect import Answer, Dialect, Sent
from ingest.core.envelope import NOTHING, Envelope, decode, not_a_batch, reread, says_true, shared_context, text_or_none
from ingest.core.event import read_event
from ingest.core.rejection import Rejection
from ingest.core.times import parse_time_or_none

ERRORS_SHOWN_MAX = 10


class _Batch(msgspec.Struct):
    batch: msgspec.Raw = NOTHING
    writeKey: msgspec.Raw = NOTHING  # noqa: N815 - Segment's spelling
    sentAt: msgspec.Raw = NOTHING  # noqa: N815
    context: msgspec.Raw = NOTHING
    historical_migration: msgspec.Raw = NOTHING  # PostHog's word


class _Single(msgspec.Struct):
    writeKey: msgspec.Raw = NOTHING  # noqa: N815
    sentAt: msgspec.Raw = NOTHING  # noqa: N815


_batch_decoder = msgspec.json.Decoder(_Batch)
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_single_decoder = msgspec.json.Decoder(_Single)


def read_segment(sent: Sent) -> Envelope:
    """Raises RequestError: `not_json`, `not_a_batch`, `context_too_big`."""
    if sent.kind == "batch":
        return _read_batch(sent.body)
    event = decode(sent.body, _raw_decoder)
    try:
        shared = reread(event, _single_decoder)
    except msgspec.ValidationError:
        raise not_a_batch(f"/v1/{sent.kind} takes one event: a JSON object. Send several to /v1/batch.") from None
    return Envelope(event, single=True, write_key=text_or_none(shared.writeKey), sent_at=time_or_none(shared.sentAt))


def _read_batch(body: bytes) -> Envelope:
    try:
        batch = decode(body, _batch_decoder)
    except msgspec.ValidationError:
        raise not_a_batch('/v1/batch takes {"batch": [event, …]}. Send one event to the route of its type.') from None
    if batch.batch is NOTHING:
        raise not_a_batch('The field `batch` is missing: send {"batch": [event, …]}, or one event to the route of its type.')
    return Envelope(
        batch.batch,
        single=False,
        write_key=text_or_none(batch.writeKey),
        sent_at=time_or_none(batch.sentAt),
        context=shared_context(batch.context),
        historical=says_true(batch.historical_migration),
    )


def time_or_none(raw: msgspec.Raw) -> int | None:
    """The time, in epoch ms, that the JSON string in `raw` says, if it says one."""
    return parse_time_or_none(text_or_none(raw))


def _answer(events: Sequence[UsageEvent], rejections: Sequence[Rejection]) -> Answer:
    errors = [rejection.as_json() for rejection in rejections[:ERRORS_SHOWN_MAX]]
    said = {"success": True, "accepted": len(events), "rejected": len(rejections), "errors": errors}
    return Answer(200, msgspec.json.encode(said))


SEGMENT: Final = Dialect("segment", read_segment, read_event, _answer, too_big=400, busy=429, too_fast=429)
"""To its Node SDKs only 400 is final: they would send what is too big for ever. They wait for Retry-After on 429, not on 503."""
