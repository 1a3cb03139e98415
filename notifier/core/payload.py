"""What receivers are told, before any format, and what reads it for all formats: `data` comes in, parts of it go out."""

from datetime import UTC, datetime
from typing import Any

import msgspec

BODY_BYTES_MAX = 64 * 1024 - 1
"""A body is under 64 KiB: what no-code hooks and CRMs take."""
INTEGER_MAX = 2**53
"""Beyond it JavaScript loses digits, so such integers travel as strings."""


class Message(msgspec.Struct, frozen=True):
    """What is told, in whichever format. `timestamp` is epoch milliseconds; `data` is a lead event's, or about an endpoint."""

    id: str
    schema: int
    type: str
    timestamp: int
    project: str
    mode: str
    data: dict[str, Any]


def endpoint_test(webhook_id: str, project: str, endpoint_id: str, now: int) -> Message:
    """`endpoint.test`: nothing in it looks like a lead."""
    said = {"endpoint_id": endpoint_id, "message": "A test from Handraiser. If you can verify this, leads will arrive."}
    return Message(webhook_id, 1, "endpoint.test", now, project, "live", said)


def endpoint_disabled(  # noqa: PLR0913, PLR0917 - what it says
    webhook_id: str, project: str, endpoint_id: str, name: str, reason: str, failing_since: int, now: int
) -> Message:
    """`endpoint.disabled`, which the project's other endpoints get."""
    said = {
        "endpoint_id": endpoint_id,
        "name": name,
        "reason": reason,
        "failing_since": iso(failing_since),
        "message": f"Leads for {name} are held, not lost. To send them: handraiser endpoints enable {endpoint_id}",
    }
    return Message(webhook_id, 1, "endpoint.disabled", now, project, "live", said)


def part(of: dict[str, Any], key: str) -> dict[str, Any]:
    """An object in it; {} where there is none."""
    value = of.get(key)
    return value if isinstance(value, dict) else {}


def parts(of: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects in it; [] where there is none."""
    value = of.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def iso(at: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, with milliseconds and `Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def portable(value: Any) -> Any:
    """A copy in which every integer beyond 2^53 is a string."""
    if isinstance(value, dict):
        return {key: portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > INTEGER_MAX:
        return str(value)
    return value


def label(lead_type: str) -> str:
    """As people say it: `pql` is PQL, `service_sql` Service SQL."""
    words = " ".join(word.upper() if word.endswith("ql") else word for word in lead_type.split("_"))
    return words[:1].upper() + words[1:] or "Lead"


def days(number: object) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def cut(text: str, chars_max: int) -> str:
    """With an ellipsis where its end is missing."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"
