"""HTTP requests about deliveries come in; what was sent where, and what came of each attempt, goes out."""

import asyncio
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from notifier.core.answers import ErrorKind, remedy
from notifier.core.payload import iso
from notifier.store import NotifierStore
from notifier.store_history import Attempt, Delivery, DeliveryFilter
from runtime import cursors
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, api_key_required

ANSWER_BYTES_MAX = 1024
"""Of an answer's body that are shown."""

State: TypeAlias = Literal["pending", "sending", "waiting", "delivered", "held", "dead", "skipped", "capped"]


class DeliveryLine(BaseModel):
    """One lead event at one endpoint. `endpoint`: its name; `lead_event_id`: the `webhook-id`."""

    id: str
    endpoint_id: str
    endpoint: str
    lead_event_id: str
    lead_id: str | None
    type: str
    status: State
    tries: int = Field(description="Tries spent.")
    created_at: str
    next_at: str | None = Field(
        description="When it is tried next, or, of one that is capped, when there may be room; null: it waits for neither."
    )
    settled_at: str | None = Field(description="When it became delivered, dead or skipped.")
    last_error: str | None


class AttemptView(BaseModel):
    """One HTTP try. Phases in milliseconds; null: it did not come to that, or the connection was kept."""

    number: int
    started_at: str
    finished_at: str | None
    outcome: Literal["unknown", "delivered", "failed"] = Field(description="unknown: it is under way, or a crash cut it off.")
    status: int | None = Field(description="The HTTP status; null: there was no answer.")
    error: str | None
    remedy: str | None
    address: str | None
    dns_ms: int | None
    connect_ms: int | None
    headers_ms: int | None
    ms: int | None
    body: str | None = Field(description="The beginning of the answer's body, at most 1 KiB.")


class DeliveryDetail(DeliveryLine):
    """With its newest 100 attempts, the oldest of them first."""

    attempts: list[AttemptView]


class DeliveryList(BaseModel):
    data: list[DeliveryLine]
    next: str | None = Field(description="Give it as `cursor` to read on; null: this was the last page.")


def create_router(store: NotifierStore, authenticate: Authenticate) -> APIRouter:
    """The routes under /v1/deliveries, for whoever has an API key."""
    router = APIRouter(
        prefix="/v1/deliveries", tags=["deliveries"], dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES
    )

    @router.get("", summary="Deliveries, the newest first")
    async def list_deliveries(  # noqa: PLR0913, PLR0917 - a parameter each
        endpoint: Annotated[str | None, Query(description="Its id.")] = None,
        status: State | None = None,
        lead_event: Annotated[str | None, Query(description="Its id: the `webhook-id`.")] = None,
        lead: Annotated[str | None, Query(description="Its id.")] = None,
        cursor: Annotated[str | None, cursors.cursor(cursors.PLACE)] = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="Most rows in one answer.")] = 100,
    ) -> DeliveryList:
        wanted = DeliveryFilter(endpoint, status, lead_event, lead, before=cursors.place_of(cursor))
        rows = await asyncio.to_thread(store.history.page, wanted, limit + 1)
        following = f"{rows[limit - 1].created_at}.{rows[limit - 1].id}" if len(rows) > limit else None
        return DeliveryList(data=[_line(row) for row in rows[:limit]], next=following)

    @router.get("/{delivery_id}", summary="One delivery, with its attempts")
    async def get_delivery(delivery_id: str) -> DeliveryDetail:
        delivery = await asyncio.to_thread(store.history.get, delivery_id)
        if delivery is None:
            raise unknown(delivery_id)
        attempts = await asyncio.to_thread(store.history.attempts, delivery_id)
        return DeliveryDetail(**_line(delivery).model_dump(), attempts=[_attempt(each) for each in attempts])

    return router


def unknown(delivery_id: str) -> ApiError:
    return ApiError(404, "delivery_not_found", f"There is no delivery '{delivery_id}'. GET /v1/deliveries lists them.")


def _line(delivery: Delivery) -> DeliveryLine:
    names = ("id", "endpoint_id", "endpoint", "lead_event_id", "lead_id", "type", "status", "tries", "last_error")
    return DeliveryLine(
        **{name: getattr(delivery, name) for name in names},
        created_at=iso(delivery.created_at),
        next_at=_time(delivery.due_at if delivery.status in {"pending", "waiting", "capped"} else None),
        settled_at=_time(delivery.settled_at),
    )


def _attempt(attempt: Attempt) -> AttemptView:
    names = ("number", "outcome", "status", "error", "address", "dns_ms", "connect_ms", "headers_ms", "ms")
    error = None if attempt.error is None else ErrorKind(attempt.error)
    return AttemptView(
        **{name: getattr(attempt, name) for name in names},
        started_at=iso(attempt.started_at),
        finished_at=_time(attempt.finished_at),
        remedy=None if error is None else remedy(error, attempt.status, attempt.detail or ""),
        body=None if attempt.body is None else attempt.body[:ANSWER_BYTES_MAX].decode(errors="replace"),
    )


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
