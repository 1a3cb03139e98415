"""The event routes: HTTP in, the answers of docs/ingest-api.md out, one log line per request."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from ingest import metrics
from ingest.admin import create_admin_router
from ingest.arrivals import Arrivals
from ingest.batcher import Batcher, BusyError
from ingest.core.envelope import EVENTS_MAX
from ingest.core.rejection import RequestError
from ingest.core.routes import ROUTES, Route
from ingest.core.segment import SEGMENT
from ingest.importing import add_import_end
from ingest.intake import Intake, Work
from ingest.keys import KeyRing
from ingest.lane import EventLane, Handler
from ingest.sdk_settings import add_sdk_settings
from runtime.clock import Clock
from runtime.web import ApiError, ErrorBody, reads_own_body

__all__ = ["add_event_routes", "create_admin_router"]

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


def add_event_routes(  # noqa: PLR0913, PLR0917 - what its routes have to do with
    app: FastAPI,
    keys: KeyRing,
    batcher: Batcher,
    arrivals: Arrivals,
    clock: Clock,
    new_id: Callable[[], str] | None = None,
) -> None:
    """The event routes, with and without a trailing slash, the end of an import, and what SDKs ask for before they send.

    `new_id` gives a random id at each call.
    """
    intake = Intake(keys, batcher, arrivals, clock, new_id or _random_id)
    handlers = {path: _handler(intake, batcher, clock, route) for path, route in ROUTES.items()}
    router = _router(handlers)
    add_import_end(router, keys, batcher)
    add_sdk_settings(app, keys)
    app.include_router(router)
    app.add_middleware(EventLane, handlers={f"{path}{slash}": handle for path, handle in handlers.items() for slash in ("", "/")})


def _router(handlers: Mapping[str, Handler]) -> APIRouter:
    router = APIRouter(tags=["events"])
    for path, handle in handlers.items():
        route = ROUTES[path]
        named: dict[str, Any] = {"methods": ["POST"], "name": f"post{path.replace('/', '_')}", "route_class_override": _RawRoute}
        router.add_api_route(path, handle, **named, **_described(path, route))
        router.add_api_route(f"{path}/", handle, **named, include_in_schema=False)
    return router


def _random_id() -> str:
    return secrets.token_hex(16)


def _handler(intake: Intake, batcher: Batcher, clock: Clock, route: Route) -> Handler:
    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        reads_own_body(request)
        work = Work(route.path)
        try:
            answer = await intake.take(request, route, work)
            work.outcome = "ok"
            return Response(answer.body or None, answer.status, media_type="application/json" if answer.body else None)
        except RequestError as error:
            _refuse(work, ApiError(route.dialect.too_big if error.too_big else 400, error.code, error.message))
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


def _busy(route: Route) -> ApiError:
    return ApiError(
        route.dialect.busy,
        "log_busy",
        "There is no room or no durable log for this just now. Send the same again: events with an id or a time count once.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


_ANSWERS: dict[str, dict[str, Any]] = {
    "segment": {"response_model": SegmentAnswer},
    "native": {"response_model": NativeAnswer},
    "posthog": {"response_model": None},
    "cloudevents": {"response_model": NativeAnswer},
}


def _described(path: str, route: Route) -> dict[str, Any]:
    """What the OpenAPI document says about a route: the body is read raw, so FastAPI cannot know."""
    dialect = route.dialect
    statuses = {400, 401, 403, 408, dialect.too_big, dialect.busy, dialect.too_fast}
    responses: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in sorted(statuses)}
    if dialect.name == "cloudevents":
        responses[204] = {"description": "Every event is accepted, and durable."}
    return {
        **_ANSWERS[dialect.name],
        "responses": responses,
        "summary": "Send events" if route.kind == "batch" else f"Send one {route.kind} event",
        "description": "" if path == route.path else f"The same as POST {route.path}.",
        "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": _shape(route)}}}},
    }


def _shape(route: Route) -> dict[str, Any]:
    """Of the body. What an event must have is not said here: one that lacks it is answered for alone."""
    one, some = {"type": "object"}, {"type": "array", "maxItems": EVENTS_MAX}
    batch = {"type": "object", "required": ["batch"], "properties": {"batch": some}}
    if route.kind != "batch":
        return one
    if route.dialect is SEGMENT:
        return batch
    if route.dialect.name == "posthog":
        return {"anyOf": [batch, some, {"type": "object", "required": ["event"]}]}
    return {"anyOf": [some, one]}
