"""A request as Segment's SDKs send it, to a route, in; its envelope out."""

import msgspec

from ingest.core.envelope import NOTHING, Envelope, decode, not_a_batch, reread, says_true, shared_context, text_or_none

ROUTES = ("batch", "track", "identify", "group", "page", "screen", "alias")


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


def read_segment(route: str, body: bytes) -> Envelope:
    """Read a body sent to /v1/`route`. Raises RequestError: `not_json`, `not_a_batch`, `context_too_big`."""
    if route == "batch":
        return _read_batch(body)
    event = decode(body, _raw_decoder)
    try:
        shared = reread(event, _single_decoder)
    except msgspec.ValidationError:
        raise not_a_batch(f"/v1/{route} takes one event: a JSON object. Send several to /v1/batch.") from None
    return Envelope(event, single=True, write_key=text_or_none(shared.writeKey), sent_at=text_or_none(shared.sentAt))


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
        sent_at=text_or_none(batch.sentAt),
        context=shared_context(batch.context),
        historical=says_true(batch.historical_migration),
    )
