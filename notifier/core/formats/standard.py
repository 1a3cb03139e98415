"""What is told comes in; the format `standard` goes out: an envelope whose `data` is the lead, complete."""

from typing import Any

import msgspec

from notifier.core.payload import BODY_BYTES_MAX, Message, cut, iso, portable


def standard(message: Message) -> bytes:
    return _fitted(msgspec.structs.asdict(message) | {"timestamp": iso(message.timestamp), "data": portable(message.data)})


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
    return cut(value, text_max) if isinstance(value, str) else value
