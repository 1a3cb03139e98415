"""Projects and write keys over HTTP, for those with an API key."""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from contracts.messages import Trust
from ingest.core.credential import make_key
from ingest.core.project import Subject
from ingest.keys import KeyRing
from ingest.store import IngestStore, Project, ProjectExistsError, StoredWriteKey, UnknownKeyError, UnknownProjectError
from runtime.clock import Clock, wall_clock
from runtime.web import ERROR_RESPONSES, WHOLE, ApiError, Authenticate, ErrorBody, api_key_required

NAME_LENGTH_MAX = 64
LABEL_LENGTH_MAX = 200
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
"""PostgreSQL takes no NUL in a text; the others would break our lines."""
NAMES_MAX = 500
EVENT_BYTES_MOST = 768 * 1024
"""That a project may allow itself: with what we add, and as a dead letter, it fits a record of the log (2 MiB)."""
SECONDS_MAX = 10 * 366 * 86_400
BROWSER_ADDRESS_EVENTS_PER_S = 100
"""A browser's key is everybody's: nobody alone may use it up."""
Names: TypeAlias = Annotated[list[Annotated[str, Field(max_length=200, pattern=_NO_CONTROLS)]], Field(max_length=NAMES_MAX)]
Rate: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


class NewProject(BaseModel):
    """`name`: lower-case letters, digits and single hyphens, as in `acme-mail`."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(json_schema_extra={"pattern": f"^{_SLUG.pattern}$", "maxLength": NAME_LENGTH_MAX})


class ProjectChange(BaseModel):
    """What is to change of how a project's events are read and kept (docs/ingest-api.md); what is left out stays.

    `properties`, `traits`: the names of those that are kept; null: all.
    """

    model_config = ConfigDict(extra="forbid")
    cloudevents_subject: Subject = "account"
    posthog_group: Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_CONTROLS)] | None = None
    keep_addresses: StrictBool = False
    event_bytes_max: Annotated[int, Field(ge=1024, le=EVENT_BYTES_MOST), WHOLE] = 256 * 1024
    properties: Names | None = None
    traits: Names | None = None


class ProjectView(BaseModel):
    """A project. Times are ISO 8601, UTC."""

    name: str
    created_at: str
    cloudevents_subject: Subject
    posthog_group: str | None
    keep_addresses: bool
    event_bytes_max: int
    properties: list[str] | None
    traits: list[str] | None


class NewWriteKey(BaseModel):
    """`trust`: `server`, or `browser` for a key that everybody can read in a page.

    `may_import`: history too; a server key only. `expires_in_s`: seconds from now. `events_per_s`: so many may be sent with it,
    `address_events_per_s`: by each address, to each ingest process (a browser key: 100 if nothing is said; else null: no bound).
    """

    model_config = ConfigDict(extra="forbid")
    project: str = Field(max_length=NAME_LENGTH_MAX, pattern=_NO_CONTROLS)
    trust: Trust = "server"
    label: str = Field(default="", max_length=LABEL_LENGTH_MAX, pattern=_NO_CONTROLS)
    may_import: StrictBool = False
    expires_in_s: Annotated[int, Field(ge=1, le=SECONDS_MAX), WHOLE] | None = None
    events_per_s: Rate | None = None
    address_events_per_s: Rate | None = None


class Rotation(BaseModel):
    """`overlap_s`: for so many seconds the old key goes on working; a day if nothing is said."""

    model_config = ConfigDict(extra="forbid")
    overlap_s: Annotated[int, Field(ge=0, le=SECONDS_MAX), WHOLE] = 86_400


class WriteKeyView(BaseModel):
    """A write key without its secret."""

    id: str
    project: str
    trust: Trust
    label: str
    created_at: str
    revoked_at: str | None
    may_import: bool
    expires_at: str | None
    events_per_s: int | None
    address_events_per_s: int | None


class WriteKeyOnce(WriteKeyView):
    """`key` is the key itself: shown this once."""

    key: str


class ProjectList(BaseModel):
    """All of them: `next` is null."""

    data: list[ProjectView]
    next: str | None = None


class WriteKeyList(BaseModel):
    """All of them, revoked ones too: `next` is null."""

    data: list[WriteKeyView]
    next: str | None = None


def create_admin_router(store: IngestStore, keys: KeyRing, authenticate: Authenticate, clock: Clock = wall_clock) -> APIRouter:
    """/v1/projects and /v1/keys. A change counts for events as soon as it is answered."""
    router = APIRouter(prefix="/v1", tags=["administration"], dependencies=[api_key_required(authenticate)])
    _add_projects(router, store, keys, clock)
    _add_keys(router, store, keys, clock)
    return router


def _add_projects(router: APIRouter, store: IngestStore, keys: KeyRing, clock: Clock) -> None:
    @router.get("/projects", responses={401: {"model": ErrorBody}})
    async def list_projects() -> ProjectList:
        return ProjectList(data=[_project(project) for project in await asyncio.to_thread(store.projects)])

    @router.post("/projects", status_code=201, responses={**_without_404(), 409: {"model": ErrorBody}})
    async def create_project(new: NewProject) -> ProjectView:
        if len(new.name) > NAME_LENGTH_MAX or not _SLUG.fullmatch(new.name):
            raise ApiError(
                422,
                "invalid_project_name",
                f"A project's name has lower-case letters, digits and single hyphens, at most {NAME_LENGTH_MAX}: `acme-mail`.",
            )
        try:
            return _project(await asyncio.to_thread(store.create_project, new.name, clock()))
        except ProjectExistsError:
            raise ApiError(409, "project_exists", f"There is a project '{new.name}' already. Choose another name.") from None

    @router.patch("/projects/{name}", responses=ERROR_RESPONSES)
    async def set_project(name: Annotated[str, Path(pattern=_NO_CONTROLS)], change: ProjectChange) -> ProjectView:
        """Change how the project's events are read and kept, for events that come from now on."""
        changes = {
            field: frozenset(value) if isinstance(value, list) else value
            for field, value in change.model_dump(exclude_unset=True).items()
        }
        try:
            project = await asyncio.to_thread(store.set_project, name, changes)
        except UnknownProjectError:
            raise ApiError(404, "project_not_found", f"There is no project '{name}'. GET /v1/projects lists them.") from None
        await asyncio.to_thread(keys.refresh)
        return _project(project)


def _add_keys(router: APIRouter, store: IngestStore, keys: KeyRing, clock: Clock) -> None:
    @router.get("/keys", responses={401: {"model": ErrorBody}, 422: {"model": ErrorBody}})
    async def list_keys(project: Annotated[str | None, Query(pattern=_NO_CONTROLS)] = None) -> WriteKeyList:
        return WriteKeyList(data=[_key(key) for key in await asyncio.to_thread(store.write_keys, project)])

    @router.post("/keys", status_code=201, responses=ERROR_RESPONSES)
    async def create_key(new: NewWriteKey) -> WriteKeyOnce:
        if new.may_import and new.trust == "browser":
            raise ApiError(
                422,
                "browser_key_may_not_import",
                "A browser key is public and may not import. Make a server key: `trust` `server`.",
            )
        key, now = make_key("wk", secrets.choice), clock()
        by_address = new.address_events_per_s
        if new.trust == "browser" and "address_events_per_s" not in new.model_fields_set:
            by_address = BROWSER_ADDRESS_EVENTS_PER_S
        wanted = StoredWriteKey(
            id=key.id,
            project=new.project,
            sha256=key.sha256,
            trust=new.trust,
            label=new.label,
            created_at=now,
            revoked_at=None,
            may_import=new.may_import,
            expires_at=None if new.expires_in_s is None else now + new.expires_in_s * 1000,
            events_per_s=new.events_per_s,
            address_events_per_s=by_address,
        )
        try:
            stored = await asyncio.to_thread(store.create_write_key, wanted)
        except UnknownProjectError:
            raise ApiError(
                404, "project_not_found", f"There is no project '{new.project}'. Create it first: POST /v1/projects."
            ) from None
        await asyncio.to_thread(keys.refresh)
        return WriteKeyOnce(**_key(stored).model_dump(), key=key.text)

    @router.post("/keys/{key_id}/rotate", status_code=201, responses=ERROR_RESPONSES)
    async def rotate_key(key_id: Annotated[str, Path(pattern=_NO_CONTROLS)], rotation: Rotation | None = None) -> WriteKeyOnce:
        """A new key like this one, which expires after `overlap_s`."""
        key, now = make_key("wk", secrets.choice), clock()
        try:
            stored = await asyncio.to_thread(
                store.rotate_write_key, key_id, key, now, now + (rotation or Rotation()).overlap_s * 1000
            )
        except UnknownKeyError:
            raise ApiError(
                404,
                "unknown_key",
                f"There is no good write key with id '{key_id}'. GET /v1/keys lists the ids (the middle of `wk_<id>_…`).",
            ) from None
        await asyncio.to_thread(keys.refresh)
        return WriteKeyOnce(**_key(stored).model_dump(), key=key.text)

    @router.delete("/keys/{key_id}", responses=ERROR_RESPONSES)
    async def revoke_key(key_id: Annotated[str, Path(pattern=_NO_CONTROLS)]) -> WriteKeyView:
        try:
            stored = await asyncio.to_thread(store.revoke_write_key, key_id, clock())
        except UnknownKeyError:
            raise ApiError(
                404,
                "unknown_key",
                f"There is no write key with id '{key_id}'. GET /v1/keys lists the ids (the middle of `wk_<id>_…`).",
            ) from None
        await asyncio.to_thread(keys.refresh)
        return _key(stored)


def _without_404() -> dict[int | str, dict[str, type[ErrorBody]]]:
    return {status: answer for status, answer in ERROR_RESPONSES.items() if status != 404}


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _project(project: Project) -> ProjectView:
    settings = project.settings
    return ProjectView(
        name=project.name,
        created_at=_iso(project.created_at),
        cloudevents_subject=settings.cloudevents_subject,
        posthog_group=settings.posthog_group,
        keep_addresses=settings.keep_addresses,
        event_bytes_max=settings.event_bytes_max,
        properties=None if settings.properties is None else sorted(settings.properties),
        traits=None if settings.traits is None else sorted(settings.traits),
    )


def _key(key: StoredWriteKey) -> WriteKeyView:
    return WriteKeyView(
        id=key.id,
        project=key.project,
        trust=key.trust,
        label=key.label,
        created_at=_iso(key.created_at),
        revoked_at=None if key.revoked_at is None else _iso(key.revoked_at),
        may_import=key.may_import,
        expires_at=None if key.expires_at is None else _iso(key.expires_at),
        events_per_s=key.events_per_s,
        address_events_per_s=key.address_events_per_s,
    )
