"""A lead event comes in; the bytes that a receiver gets go out. They are made once, kept, signed and sent as they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts.messages import LeadEvent

BODY_BYTES_MAX = 64 * 1024 - 1
"""A body is under 64 KiB: what no-code hooks and CRMs take."""
INTEGER_MAX = 2**53
"""Beyond it JavaScript loses digits, so such integers travel as strings."""

Format = Callable[[LeadEvent, str | None], bytes]


def standard(event: LeadEvent, base_url: str | None) -> bytes:
    """The format `standard`: an envelope whose `data` is the lead, complete. `base_url` (ours) makes `links.lead`."""
    data = _portable(event.data)
    links = data.get("links")
    if base_url and isinstance(links, dict) and links.get("lead") is None and isinstance(data.get("lead_id"), str):
        data["links"] = links | {"lead": f"{base_url.rstrip('/')}/v1/leads/{data['lead_id']}"}
    return _fitted(
        {
            "id": event.id,
            "schema": event.schema,
            "type": event.type,
            "timestamp": iso(event.timestamp),
            "project": event.project,
            "mode": event.mode,
            "data": data,
        }
    )


FORMATS: dict[str, Format] = {"standard": standard}
"""By the name that an endpoint carries."""


def endpoint_test(webhook_id: str, project: str, endpoint_id: str, now: int) -> bytes:
    """The body of an `endpoint.test`: the same envelope, and nothing in it that looks like a lead."""
    return msgspec.json.encode(
        {
            "id": webhook_id,
            "schema": 1,
            "type": "endpoint.test",
            "timestamp": iso(now),
            "project": project,
            "mode": "live",
            "data": {"endpoint_id": endpoint_id, "message": "A test from Handraiser. If you can verify this, leads will arrive."},
        }
    )


def endpoint_disabled(  # noqa: PLR0913, PLR0917 - what it says
    webhook_id: str, project: str, endpoint_id: str, name: str, reason: str, failing_since: int, now: int
) -> bytes:
    """The body of an `endpoint.disabled`, which the project's other endpoints get."""
    return msgspec.json.encode(
        {
            "id": webhook_id,
            "schema": 1,
            "type": "endpoint.disabled",
            "timestamp": iso(now),
            "project": project,
            "mode": "live",
            "data": {
                "endpoint_id": endpoint_id,
                "name": name,
                "reason": reason,
                "failing_since": iso(failing_since),
                "message": f"Leads for {name} are held, not lost. To send them: handraiser endpoints enable {endpoint_id}",
            },
        }
    )


def iso(at: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, with milliseconds and `Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _portable(value: Any) -> Any:
    """A copy in which every integer beyond 2^53 is a string."""
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > INTEGER_MAX:
        return str(value)
    return value


def _fitted(envelope: dict[str, Any]) -> bytes:
    """The envelope's bytes, under BODY_BYTES_MAX: the least useful goes first, keys stay.

    First the evidence keeps only the deciding message ids, then every list is halved until each holds one item, then
    texts are cut.
    """
    body = msgspec.json.encode(envelope)
    data = envelope["data"]
    if len(body) > BODY_BYTES_MAX:
        evidence = data.get("evidence")
        for item in evidence if isinstance(evidence, list) else []:
            if isinstance(item, dict) and isinstance(item.get("message_ids"), list):
                item["message_ids"] = item["message_ids"][:1]
        body = msgspec.json.encode(envelope)
    items_max, text_max = 512, 4096
    while len(body) > BODY_BYTES_MAX and (items_max > 1 or text_max > 16):
        if items_max > 1:
            items_max //= 2
        else:
            text_max //= 2
        data = _shortened(data, items_max, text_max)
        body = msgspec.json.encode(envelope | {"data": data})
    if len(body) > BODY_BYTES_MAX:  # thousands of keys: only what names the lead is left
        body = msgspec.json.encode(envelope | {"data": {"lead_id": data.get("lead_id"), "revision": data.get("revision")}})
    return body


def _shortened(value: Any, items_max: int, text_max: int) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item, items_max, text_max) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, items_max, text_max) for item in value[:items_max]]
    if isinstance(value, str) and len(value) > text_max:
        return value[: text_max - 1] + "…"
    return value
