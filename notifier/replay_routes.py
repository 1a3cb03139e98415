"""HTTP requests come in, for one delivery or a stretch of an endpoint's; what is due again goes out."""

import asyncio
import logging
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from notifier.core.delivery import Status
from notifier.delivery_routes import unknown
from notifier.metrics import REPLAYED
from notifier.store import DISABLED, NotifierStore
from notifier.store_replay import OVER, Stretch
from notifier.worker import Notifier
from runtime import cursors
from runtime.clock import Clock
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, ErrorBody, api_key_required

logger = logging.getLogger("notifier")


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write a time like 2026-05-01T08:00:00Z")  # noqa: TRY004 - what pydantic takes for a refusal
    return value


Time: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_text)]
"""As JSON has it; a number is none."""


class ReplayAsked(BaseModel):
    """Deliveries made from `from` to before `to`, with one status, or all that can be replayed.

    `cursor`: `next` of the answer before.
    """

    model_config = ConfigDict(extra="forbid")

    since: Time = Field(alias="from")
    until: Time = Field(alias="to")
    status: Literal["delivered", "dead", "held", "skipped"] | None = None
    cursor: Annotated[str, Field(max_length=200, pattern=rf"^{cursors.NUMBER}\.\w+$")] | None = None


class Replayed(BaseModel):
    """`next`: where to go on; null: that was all."""

    replayed: int
    next: str | None


def create_router(store: NotifierStore, notifier: Notifier, authenticate: Authenticate, clock: Clock) -> APIRouter:
    router = APIRouter(
        prefix="/v1",
        tags=["deliveries"],
        dependencies=[api_key_required(authenticate)],
        responses={**ERROR_RESPONSES, 409: {"model": ErrorBody}},
    )

    @router.post(
        "/deliveries/{delivery_id}/replay",
        summary="Send a delivery again that was delivered or skipped, is dead or held; of a capped one, let its lead go now",
    )
    async def replay_delivery(delivery_id: str) -> Replayed:
        delivery = await asyncio.to_thread(store.history.get, delivery_id)
        if delivery is None:
            raise unknown(delivery_id)
        if not await _is_there(delivery.endpoint_id):
            message = (
                f"Endpoint {delivery.endpoint_id} was removed: nobody knows any more where it was. Add it again for new leads."
            )
            raise ApiError(409, "endpoint_removed", message)
        if delivery.status == Status.CAPPED and delivery.lead_id is not None:
            replayed = await asyncio.to_thread(store.noise.let_go, delivery.endpoint_id, delivery.lead_id, clock())
        else:
            replayed = await asyncio.to_thread(store.replays.replay, [delivery_id], clock())
        _tell(delivery.endpoint_id, replayed)
        return Replayed(replayed=replayed, next=None)

    @router.post("/endpoints/{endpoint_id}/replay", summary="Send again what was made for an endpoint in a stretch of time")
    async def replay_endpoint(endpoint_id: str, asked: ReplayAsked) -> Replayed:
        if not await _is_there(endpoint_id):
            raise ApiError(404, "not_found", f"There is no endpoint '{endpoint_id}'. GET /v1/endpoints lists them.")
        since, until = (round(each.timestamp() * 1000) for each in (asked.since, asked.until))
        after = cursors.place_of(asked.cursor) or (0, "")
        stretch = Stretch(endpoint_id, since, until, OVER if asked.status is None else (asked.status,), after)
        replayed, following = await asyncio.to_thread(store.replays.replay_stretch, stretch, clock())
        _tell(endpoint_id, replayed)
        return Replayed(replayed=replayed, next=None if following is None else f"{following[0]}.{following[1]}")

    async def _is_there(endpoint_id: str) -> bool:
        """Raises ApiError for an endpoint that is disabled."""
        endpoint = await asyncio.to_thread(store.endpoint, endpoint_id)
        if endpoint is not None and endpoint.status == DISABLED:
            message = f"Endpoint {endpoint_id} is disabled. Enable it first: handraiser endpoints enable {endpoint_id}"
            raise ApiError(409, "endpoint_disabled", message)
        return endpoint is not None

    def _tell(endpoint_id: str, replayed: int) -> None:
        REPLAYED.inc(replayed)
        logger.info("deliveries replayed", extra={"endpoint_id": endpoint_id, "replayed": replayed})
        notifier.wake()

    return router
