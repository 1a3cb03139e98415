"""The event routes: HTTP in, the answers of docs/ingest.md out, one log line per request."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from ingest import metrics
from ingest.admin import create_admin_router
from ingest.batcher import Batcher, BusyError
from ingest.core.rejection import Rejection, RequestError
from ingest.core.segment import ROUTES
from ingest.importing import add_import_end
from ingest.intake import NATIVE, Intake, Work
from ingest.keys import KeyRing
from ingest.lane import EventLane, Handler
from runtime.clock import Clock
from runtime.web import ApiError, ErrorBody, reads_own_body

__all__ = ["add_event_routes", "create_admin_router"]

ERRORS_SHOWN_MAX = 10
RETRY_AFTER_S = 2
_log = logging.getLogger("ingest")


class EventProblem(BaseModel):
    """One event that was not accepted; it is kept as a dead letter. `id` is its message id where it could be read."""

    index: int
    id: str | None
    code: str
    message: str


class SegmentAnswer(BaseModel):
    """Everything is durable. `errors` shows the first 10 of the rejected events."""

    success: bool
    accepted: int
    rejected: int
    errors: list[EventProblem]


class NativeAnswer(BaseModel):
    """Everything is durable; `rejected` lists each event that was not accepted."""

    accepted: int
    rejected: list[EventProblem]


class _RawRoute(APIRoute):
    """The endpoint reads the request and makes the response: FastAPI has nothing to solve, check or write for it."""

    def get_route_handler(self) -> Handler:
        endpoint: Handler = self.endpoint
        return endpoint


def add_event_routes(
    app: FastAPI, keys: KeyRing, batcher: Batcher, clock: Clock, new_id: Callable[[], str] | None = None
) -> None:
    """The event routes, with and without a trailing slash, and the end of an import. `new_id` gives a random id at each call."""
    intake = Intake(keys, batcher, clock, new_id or _random_id)
    handlers = {route: _handler(intake, batcher, clock, route) for route in (*ROUTES, NATIVE)}
    router = _router(handlers)
    add_import_end(router, keys, batcher)
    app.include_router(router)
    app.add_middleware(
        EventLane, handlers={f"/v1/{route}{slash}": handle for route, handle in handlers.items() for slash in ("", "/")}
    )


def _router(handlers: Mapping[str, Handler]) -> APIRouter:
    router = APIRouter(tags=["events"])
    for route, handle in handlers.items():
        named: dict[str, Any] = {"methods": ["POST"], "name": f"post_{route}", "route_class_override": _RawRoute}
        router.add_api_route(f"/v1/{route}", handle, **named, **_described(route))
        router.add_api_route(f"/v1/{route}/", handle, **named, include_in_schema=False)
    return router


def _random_id() -> str:
    return secrets.token_hex(16)


def _handler(intake: Intake, batcher: Batcher, clock: Clock, route: str) -> Handler:
    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        reads_own_body(request)
        work = Work(route)
        try:
            rejections = await intake.take(request, work)
            work.outcome = "ok"
            return Response(_answer(work, rejections), media_type="application/json")
        except RequestError as error:
            _refuse(work, ApiError(_too_big_status(route) if error.too_big else 400, error.code, error.message))
        except ApiError as error:
            _refuse(work, error)
        except BusyError:
            batcher.traffic.record_refused(clock())
            metrics.REFUSED.inc()
            _refuse(work, _busy(route))
        except ClientDisconnect:
            _refuse(work, ApiError(400, "disconnected", "The connection ended before the whole body was here. Send it again."))
        finally:
            _tell(work, started)

    return handle


def _refuse(work: Work, error: ApiError) -> NoReturn:
    work.outcome = error.body["code"]
    raise error from None


def _tell(work: Work, started: float) -> None:
    metrics.requests_of(work.route, work.outcome).inc()
    metrics.BODY_BYTES.inc(work.bytes)
    _log.info("request", extra=msgspec.structs.asdict(work) | {"duration_ms": round((time.perf_counter() - started) * 1000, 2)})


def _answer(work: Work, rejections: Sequence[Rejection]) -> bytes:
    if work.route == NATIVE:
        return msgspec.json.encode({"accepted": work.accepted, "rejected": [rejection.as_json() for rejection in rejections]})
    errors = [rejection.as_json() for rejection in rejections[:ERRORS_SHOWN_MAX]]
    return msgspec.json.encode({"success": True, "accepted": work.accepted, "rejected": work.rejected, "errors": errors})


def _too_big_status(route: str) -> int:
    """To Node SDKs of Segment only 400 is final: they would send the same again for ever."""
    return 413 if route == NATIVE else 400


def _busy(route: str) -> ApiError:
    """Segment's SDKs wait for Retry-After on 429 and not on 503."""
    return ApiError(
        503 if route == NATIVE else 429,
        "log_busy",
        "There is no room or no durable log for this just now. Send the same again: events with an id or a time count once.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def _described(route: str) -> dict[str, Any]:
    """What the OpenAPI document says about a route: the body is read raw, so FastAPI cannot know."""
    native = route == NATIVE
    statuses = (400, 401, 403, 408, 413, 503) if native else (400, 401, 403, 408, 429)
    shape: dict[str, Any] = {"type": "object"}
    if native:
        shape = {"oneOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}]}
    return {
        "response_model": NativeAnswer if native else SegmentAnswer,
        "responses": {status: {"model": ErrorBody} for status in statuses},
        "summary": "Send events" if native or route == "batch" else f"Send one {route} event",
        "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": shape}}}},
    }
