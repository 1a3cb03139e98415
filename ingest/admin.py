"""Projects and write keys over HTTP, for those with an API key."""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contracts.messages import Trust
from ingest.core.credential import make_key
from ingest.keys import KeyRing
from ingest.store import IngestStore, Project, ProjectExistsError, StoredWriteKey, UnknownKeyError, UnknownProjectError
from runtime.clock import Clock, wall_clock
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, ErrorBody, api_key_required

NAME_LENGTH_MAX = 64
LABEL_LENGTH_MAX = 200
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
"""PostgreSQL takes no NUL in a text; the others would break our lines."""
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


class NewProject(BaseModel):
    """`name`: lower-case letters, digits and single hyphens, as in `acme-mail`."""

    model_config = ConfigDict(extra="forbid")
    name: str


class ProjectView(BaseModel):
    """A project. Times are ISO 8601, UTC."""

    name: str
    created_at: str


class NewWriteKey(BaseModel):
    """`trust`: `server`, or `browser` for a key that everybody can read in a page.

    `may_import`: history too; a server key only.
    """

    model_config = ConfigDict(extra="forbid")
    project: str = Field(max_length=NAME_LENGTH_MAX, pattern=_NO_CONTROLS)
    trust: Trust = "server"
    label: str = Field(default="", max_length=LABEL_LENGTH_MAX, pattern=_NO_CONTROLS)
    may_import: bool = False


class WriteKeyView(BaseModel):
    """A write key without its secret."""

    id: str
    project: str
    trust: Trust
    label: str
    created_at: str
    revoked_at: str | None
    may_import: bool


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
    _add_projects(router, store, clock)
    _add_keys(router, store, keys, clock)
    return router


def _add_projects(router: APIRouter, store: IngestStore, clock: Clock) -> None:
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
        key = make_key("wk", secrets.choice)
        create = partial(store.create_write_key, new.project, new.trust, new.label, key, clock(), may_import=new.may_import)
        try:
            stored = await asyncio.to_thread(create)
        except UnknownProjectError:
            raise ApiError(
                404, "unknown_project", f"There is no project '{new.project}'. Create it first: POST /v1/projects."
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
    return ProjectView(name=project.name, created_at=_iso(project.created_at))


def _key(key: StoredWriteKey) -> WriteKeyView:
    return WriteKeyView(
        id=key.id,
        project=key.project,
        trust=key.trust,
        label=key.label,
        created_at=_iso(key.created_at),
        revoked_at=None if key.revoked_at is None else _iso(key.revoked_at),
        may_import=key.may_import,
    )
