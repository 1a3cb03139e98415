"""What an endpoint is to get comes in; the row of its delivery, due at once, goes out."""

import secrets

from notifier.core.delivery import Status


def opened(  # noqa: PLR0913, PLR0917 - what a delivery is made of
    endpoint_id: str, message_id: str, lead_id: object, type_: str, body: bytes, now: int
) -> dict[str, object]:
    return {
        "id": f"dl_{secrets.token_hex(10)}",
        "endpoint_id": endpoint_id,
        "lead_event_id": message_id,
        "lead_id": lead_id,
        "type": type_,
        "body": body,
        "status": Status.PENDING,
        "due_at": now,
        "tries": 0,
        "fence": 0,
        "created_at": now,
    }
