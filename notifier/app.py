"""HTTP requests about endpoints come in; endpoints, their secret (once) and the outcome of a test go out."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from notifier.core.addresses import Policy
from notifier.core.headers import HEADERS_MAX, HeaderRefusedError, extra_headers
from notifier.core.matching import Filters
from notifier.core.payload import iso
from notifier.core.urls import Target, UrlRefusedError, parse_url
from notifier.store import Endpoint, NotifierStore
from notifier.vault import MasterKeyError
from notifier.worker import Notifier
from runtime.clock import Clock, wall_clock
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, ErrorBody, api_key_required

EndpointId = Annotated[str, Path(examples=["ep_0123456789abcdef"])]
_NO_NUL = r"^[^\x00]*$"
TypePattern = Annotated[str, Field(pattern=r"^([a-z_]+\.)*(\*|[a-z_]+)$", examples=["lead.*", "lead.created"])]
Step = Annotated[str, Field(pattern=r"^(refused|[0-9]+(\.[0-9]+)?%)$", examples=["100%", "refused"])]


class NewEndpoint(BaseModel):
    """Where webhooks are to go, and which."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(examples=["https://hooks.example.com/leads"])
    project: str = Field(min_length=1, max_length=100, pattern=_NO_NUL)
    name: str | None = Field(
        None, min_length=1, max_length=100, pattern=_NO_NUL, description="For people; without one, the host."
    )
    format: Literal["standard", "flat", "slack"] = Field("standard", description="How the body is written.")
    pii: Literal["full", "minimal"] = Field("full", description="minimal: without who anybody is; ids stay.")
    types: list[TypePattern] = Field(["*"], min_length=1, max_length=50, description="Lead event types, or patterns `lead.*`.")
    lead_types: list[str] = Field([], max_length=50, description="Only these lead types; empty: all.")
    to: list[Literal["sales", "success", "marketing", "product"]] = Field(
        [], max_length=4, description="Only leads for these teams; empty: all but those for the product itself."
    )
    temperature: list[Literal["cold", "warm", "hot"]] = Field([], max_length=3, description="Only leads that are it; empty: all.")
    segments: list[str] = Field([], max_length=50, description="Only leads in any of these segments; empty: all.")
    steps: list[Step] = Field(
        [], max_length=50, description="Only lead events that tell of a signal with one of these steps; empty: all."
    )
    caps: bool = Field(True, description="false: it hears of every lead at once; the rulebook's caps on noise hold back none.")
    headers: dict[str, str] = Field(
        {}, max_length=HEADERS_MAX, description="Sent with each webhook, for a gateway; the answers tell their names only."
    )


class EndpointOut(BaseModel):
    """An endpoint. `url` is scheme and host only: the path can be a secret."""

    id: str
    project: str
    name: str
    url: str
    headers: list[str] = Field(description="Names of the extra headers.")
    format: str
    pii: str
    types: list[str]
    lead_types: list[str]
    to: list[str]
    temperature: list[str]
    segments: list[str]
    steps: list[str]
    caps: bool
    status: str = Field(description="enabled or disabled")
    disabled_reason: str | None
    created_at: str
    failing_since: str | None
    consecutive_failures: int
    breaker_open_until: str | None = Field(description="Nothing is sent before, then one delivery tries it. null: it is closed.")
    last_status: int | None
    last_error: str | None
    last_success_at: str | None


class EndpointCreated(EndpointOut):
    """The one answer that tells the secret."""

    secret: str = Field(description="`whsec_…`: verifies the signatures. Keep it; it is not shown again.")


class EndpointList(BaseModel):
    data: list[EndpointOut]
    next: str | None


class TestOutcome(BaseModel):
    """What the receiver did with an `endpoint.test`."""

    outcome: str = Field(description="delivered or failed")
    status: int | None = Field(description="The HTTP status; null: there was no answer.")
    ms: int
    error: str | None
    remedy: str | None


def create_router(  # noqa: PLR0913, PLR0917 - what the routes stand on
    store: NotifierStore,
    notifier: Notifier,
    authenticate: Authenticate,
    policy: Policy,
    project_exists: Callable[[str], bool],
    clock: Clock = wall_clock,
) -> APIRouter:
    """The routes under /v1/endpoints, for whoever has an API key. `project_exists` may block."""
    router = APIRouter(
        prefix="/v1/endpoints", tags=["endpoints"], dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES
    )

    @router.get("", summary="All endpoints, the oldest first")
    async def list_endpoints() -> EndpointList:
        return EndpointList(data=[_shown(each) for each in await asyncio.to_thread(store.endpoints)], next=None)

    @router.post("", status_code=201, summary="Make an endpoint; the answer tells its secret this once")
    async def add_endpoint(new: NewEndpoint) -> EndpointCreated:
        if not await asyncio.to_thread(project_exists, new.project):
            raise ApiError(
                404,
                "project_not_found",
                f"There is no project '{new.project}'. Make it: handraiser projects create {new.project}",
            )
        target = await _usable_target(new.url, policy, notifier)
        endpoint, secret = await asyncio.to_thread(
            store.add_endpoint,
            new.project,
            new.name or target.host,
            target,
            _filters(new),
            clock(),
            format_=new.format,
            pii=new.pii,
            headers=_usable_headers(new.headers),
            caps=new.caps,
        )
        return EndpointCreated(**_shown(endpoint).model_dump(), secret=secret)

    @router.get("/{endpoint_id}", summary="One endpoint")
    async def get_endpoint(endpoint_id: EndpointId) -> EndpointOut:
        endpoint = await asyncio.to_thread(store.endpoint, endpoint_id)
        if endpoint is None:
            raise _unknown(endpoint_id)
        return _shown(endpoint)

    @router.delete("/{endpoint_id}", status_code=204, summary="Remove an endpoint; what waits for it is not sent")
    async def delete_endpoint(endpoint_id: EndpointId) -> None:
        if not await asyncio.to_thread(store.delete_endpoint, endpoint_id, clock()):
            raise _unknown(endpoint_id)
        await notifier.sender.forget(endpoint_id)

    @router.post("/{endpoint_id}/enable", summary="Switch a disabled endpoint on; what was held is delivered")
    async def enable_endpoint(endpoint_id: EndpointId) -> EndpointOut:
        if not await asyncio.to_thread(store.enable_endpoint, endpoint_id, clock()):
            raise _unknown(endpoint_id)
        notifier.wake()
        return await get_endpoint(endpoint_id)

    @router.post(
        "/{endpoint_id}/test",
        responses={503: {"model": ErrorBody}},
        summary="Send an endpoint.test now and say what came of it",
    )
    async def test_endpoint(endpoint_id: EndpointId) -> TestOutcome:
        try:
            outcome = await notifier.test(endpoint_id)
        except MasterKeyError as error:
            raise ApiError(503, "master_key", str(error)) from error
        if outcome is None:
            raise _unknown(endpoint_id)
        return TestOutcome(
            outcome=outcome.state, status=outcome.status, ms=outcome.ms, error=outcome.error, remedy=outcome.remedy
        )

    return router


def _filters(new: NewEndpoint) -> Filters:
    return Filters(**{name: tuple(getattr(new, name)) for name in Filters.__struct_fields__})


async def _usable_target(url: str, policy: Policy, notifier: Notifier) -> Target:
    """Tell early what the connection would be refused for; what really protects is the vetting when it is made."""
    try:
        target = parse_url(url, policy)
    except UrlRefusedError as error:
        raise ApiError(422, error.code, str(error)) from error
    refused = await notifier.sender.refusal(target)
    if refused is not None:
        raise ApiError(
            422,
            "url_address",
            f"{target.host} leads to {refused}. Webhooks may not go there; use a host with public addresses.",
        )
    return target


def _usable_headers(headers: dict[str, str]) -> dict[str, str]:
    try:
        return extra_headers(headers)
    except HeaderRefusedError as error:
        raise ApiError(422, "header_refused", str(error)) from error


def _unknown(endpoint_id: str) -> ApiError:
    return ApiError(404, "not_found", f"There is no endpoint '{endpoint_id}'. GET /v1/endpoints lists them.")


def _shown(endpoint: Endpoint) -> EndpointOut:
    def time_of(at: int | None) -> str | None:
        return None if at is None else iso(at)

    return EndpointOut(
        id=endpoint.id,
        project=endpoint.project,
        name=endpoint.name,
        url=endpoint.site,
        headers=list(endpoint.header_names),
        format=endpoint.format,
        pii=endpoint.pii,
        types=list(endpoint.filters.types),
        lead_types=list(endpoint.filters.lead_types),
        to=list(endpoint.filters.to),
        temperature=list(endpoint.filters.temperature),
        segments=list(endpoint.filters.segments),
        steps=list(endpoint.filters.steps),
        caps=endpoint.caps,
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        created_at=iso(endpoint.created_at),
        failing_since=time_of(endpoint.failing_since),
        consecutive_failures=endpoint.failures,
        breaker_open_until=time_of(endpoint.breaker_until if endpoint.breaker_opened else None),
        last_status=endpoint.last_status,
        last_error=endpoint.last_error,
        last_success_at=time_of(endpoint.last_success_at),
    )
