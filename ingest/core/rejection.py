"""Why something cannot be used: of a whole request (answered) or of one event (kept as a dead letter)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.messages import DeadLetter

DEAD_LETTER_BYTES_MAX = 768 * 1024
"""A longer body is kept as its head, hash and size."""
_QUOTED = re.compile(r"`(\w+)`")
_SECRET = re.compile(rb"([wa]k_[a-z0-9]{8}_)[a-z0-9]{32}")


class RequestError(Exception):
    """The whole request cannot be read; the message says what to do."""

    def __init__(self, code: str, message: str, *, too_big: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.too_big = too_big


class EventError(Exception):
    """One event cannot be used. `field` is a JSON path within the event."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def said_with(self, words: Mapping[str, str]) -> "EventError":
        """The same for clients that call Segment's fields by other `words`."""
        if not words:
            return self
        message = _QUOTED.sub(lambda quoted: f"`{words.get(quoted[1], quoted[1])}`", self.message)
        name = (self.field or "").removeprefix("$.")
        return EventError(self.code, message, f"$.{words[name]}" if name in words else self.field)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event of a request that was not accepted. `id` is the client's message id where it could be read."""

    index: int
    id: str | None
    code: str
    message: str
    field: str | None
    body: bytes

    def as_json(self) -> dict[str, int | str | None]:
        """What the answer says about it."""
        return {"index": self.index, "id": self.id, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rejected event came from."""

    project: str
    route: str
    key_id: str
    received_at: int


def dead_letter(rejection: Rejection, origin: Origin, new_id: str) -> DeadLetter:
    """The rejected event, kept whole but for keys' secrets; beyond DEAD_LETTER_BYTES_MAX only its head, hash and size."""
    body = _SECRET.sub(rb"\1...", rejection.body)
    truncated = len(body) > DEAD_LETTER_BYTES_MAX
    return DeadLetter(
        id=f"dead_{new_id}",
        project=origin.project,
        received_at=origin.received_at,
        code=rejection.code,
        message=rejection.message,
        field=rejection.field,
        route=origin.route,
        key_id=origin.key_id,
        body=body[:DEAD_LETTER_BYTES_MAX].decode(errors="ignore"),
        truncated=truncated,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest() if truncated else None,
    )
