"""A webhook receiver for trials: in, signed requests; out, 200 for a good signature, 401 for any other; lists the last ones.

It verifies with the `standardwebhooks` package, not with our own signing code, so that what it says is worth something.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from standardwebhooks import Webhook, WebhookVerificationError

from runtime.clock import Clock
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, api_key_required

REMEMBERED_MAX = 1_000
BODY_BYTES_MAX = 128 * 1024
"""Payloads are under 64 KB by contract."""


@dataclass(frozen=True, slots=True)
class Caught:
    """One message whose signature was good. `received_at` in epoch milliseconds."""

    webhook_id: str
    received_at: int
    payload: dict[str, Any]


class CaughtBody(BaseModel):
    """One verified message, as `GET /catcher` lists it. `received_at` is in epoch milliseconds."""

    webhook_id: str
    received_at: int
    payload: dict[str, Any]


class CaughtList(BaseModel):
    """The last 1,000 verified messages, oldest first. `next` is always null: there is one page."""

    data: list[CaughtBody]
    next: None = None


class Receipt(BaseModel):
    status: str


class Catcher:
    """Remembers the last REMEMBERED_MAX verified messages, each webhook-id once. Lives on one event loop."""

    def __init__(
        self,
        secrets: Callable[[], list[str]],
        clock: Clock,
        on_caught: Callable[[Caught], None] | None = None,
        on_refused: Callable[[], None] | None = None,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._on_caught = on_caught
        self._on_refused = on_refused
        self._order: deque[Caught] = deque()
        self._ids: set[str] = set()

    def receive(self, body: bytes, headers: dict[str, str]) -> None:
        """Raises WebhookVerificationError unless one of the secrets signed exactly these bytes."""
        payload = self._verified(body, headers)
        caught = Caught(headers["webhook-id"], self._clock(), payload)
        if caught.webhook_id in self._ids:
            return
        self._ids.add(caught.webhook_id)
        self._order.append(caught)
        if len(self._order) > REMEMBERED_MAX:
            self._ids.discard(self._order.popleft().webhook_id)
        if self._on_caught:
            self._on_caught(caught)

    def caught(self) -> list[Caught]:
        return list(self._order)

    def _verified(self, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        for secret in self._secrets():
            try:
                payload = Webhook(secret).verify(body, headers)
            except (WebhookVerificationError, ValueError):
                continue
            if isinstance(payload, dict):
                return payload
        if self._on_refused:
            self._on_refused()
        raise WebhookVerificationError("No secret of this receiver made this signature.")


def create_router(catcher: Catcher, authenticate: Authenticate) -> APIRouter:
    """`POST /catcher` for the notifier, `GET /catcher` (API key) for `handraiser try`."""
    router = APIRouter(tags=["catcher"])

    @router.post("/catcher", responses={401: ERROR_RESPONSES[401]})
    async def receive(request: Request) -> Receipt:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise ApiError(413, "too_large", f"The catcher takes at most {BODY_BYTES_MAX} bytes.")
        try:
            catcher.receive(bytes(body), dict(request.headers))
        except WebhookVerificationError as error:
            raise ApiError(
                401, "bad_signature", "The signature is missing, wrong or older than 5 minutes; nothing was kept.", str(error)
            ) from error
        return Receipt(status="caught")

    @router.get("/catcher", responses={401: ERROR_RESPONSES[401]}, dependencies=[api_key_required(authenticate)])
    async def listed() -> CaughtList:
        rows = [CaughtBody(webhook_id=c.webhook_id, received_at=c.received_at, payload=c.payload) for c in catcher.caught()]
        return CaughtList(data=rows)

    return router
