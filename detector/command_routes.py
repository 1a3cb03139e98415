"""Routes of what sales tells: outcome, snooze, owner, override, opt-out in; what became of it, or that it is in the log, out."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Header, Path
from fastapi.responses import JSONResponse

from detector.changes import CommandRow
from detector.command_shapes import CommandAnswer, CommandView, OptOut, Outcome, Override, Owner, Snooze
from detector.commander import Commander, new_command, result_of
from detector.shapes import iso
from detector.store import DetectorStore
from runtime.web import ApiError, ErrorBody

_Key: TypeAlias = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="The same thing sent again with it counts once."),
]
_Account: TypeAlias = Annotated[str, Path(min_length=1, max_length=1024)]
_STATUS = {"lead_not_found": 404, "bad_transition": 409, "lead_finished": 409, "no_rulebook": 409}
_OTHER_STATUS = 422
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": CommandAnswer, "description": "In the log, and not applied within 5 s."},
    409: {"model": ErrorBody},
    503: {"model": ErrorBody},
}


def add_command_routes(
    router: APIRouter, store: DetectorStore, commander: Commander, project_exists: Callable[[str], bool]
) -> None:
    """Add the routes to `router`. `project_exists` may block."""
    _add_leads(router, store, commander)
    _add_accounts(router, commander, project_exists)

    @router.get("/commands/{id}", tags=["commands"])
    def command(id: str) -> CommandView:  # noqa: A002 - the name in the path
        """What became of a command."""
        row = store.commands.get(id)
        if row is None:
            raise ApiError(
                404, "command_not_found", f"Nothing is known of command {id!r}: it is not applied yet, or was never sent."
            )
        return _view(row)


def _add_leads(router: APIRouter, store: DetectorStore, commander: Commander) -> None:
    async def tell(lead_id: str, name: str, arguments: dict[str, Any], key: str | None) -> JSONResponse:
        lead = await asyncio.to_thread(store.leads.get, lead_id)
        if lead is None:
            raise ApiError(404, "lead_not_found", f"There is no lead {lead_id!r}. `GET /v1/leads` lists them.")
        told = new_command(lead.project, lead.account, name, lead_id, {"lead": lead_id, **arguments}, key)
        return _answer(told.id, await commander.tell(told))

    @router.post("/leads/{lead_id}/outcome", tags=["leads"], response_model=CommandAnswer, responses=_RESPONSES)
    async def outcome(lead_id: str, said: Outcome, key: _Key = None) -> JSONResponse:
        """Report what became of a lead: forward only, and nothing more of a finished one."""
        return await tell(lead_id, "outcome", said.model_dump(exclude_none=True), key)

    @router.post("/leads/{lead_id}/snooze", tags=["leads"], response_model=CommandAnswer, responses=_RESPONSES)
    async def snooze(lead_id: str, said: Snooze, key: _Key = None) -> JSONResponse:
        """Hear nothing of a lead's further signals until a time; they are kept with it."""
        until = None if said.until is None else max(0, round(said.until.timestamp() * 1000))
        return await tell(lead_id, "snooze", {"until": until}, key)

    @router.post("/leads/{lead_id}/owner", tags=["leads"], response_model=CommandAnswer, responses=_RESPONSES)
    async def owner(lead_id: str, said: Owner, key: _Key = None) -> JSONResponse:
        """Say who works on a lead."""
        return await tell(lead_id, "owner", {"email": said.email}, key)


def _add_accounts(router: APIRouter, commander: Commander, project_exists: Callable[[str], bool]) -> None:
    async def tell(project: str, account: str, name: str, arguments: dict[str, Any], key: str | None) -> JSONResponse:
        if not await asyncio.to_thread(project_exists, project):
            message = f"There is no project {project!r}. `GET /v1/projects` lists them."
            raise ApiError(404, "project_not_found", message)
        told = new_command(project, account, name, account, arguments, key)
        return _answer(told.id, await commander.tell(told))

    @router.post("/accounts/{external_id:path}/overrides", tags=["accounts"], response_model=CommandAnswer, responses=_RESPONSES)
    async def override(external_id: _Account, project: str, said: Override, key: _Key = None) -> JSONResponse:
        """Allow one account more, or less, of a limit than its plan does, from now on. It may be one not heard of yet."""
        return await tell(project, external_id, "override", said.model_dump(), key)

    @router.post("/accounts/{external_id:path}/opt-out", tags=["accounts"], response_model=CommandAnswer, responses=_RESPONSES)
    async def opt_out(external_id: _Account, project: str, said: OptOut, key: _Key = None) -> JSONResponse:
        """Leave an account alone, or a person of it; or no longer. It may be one not heard of yet."""
        return await tell(project, external_id, "opt_out", said.model_dump(), key)


def _answer(id_: str, row: CommandRow | None) -> JSONResponse:
    if row is None:
        return JSONResponse(CommandAnswer(command_id=id_, status="accepted").model_dump(), 202)
    if row.status == "refused":
        code = row.code or "refused"
        raise ApiError(_STATUS.get(code, _OTHER_STATUS), code, row.message or "It was refused.")
    return JSONResponse(CommandAnswer(command_id=id_, status="applied", result=result_of(row)).model_dump())


def _view(row: CommandRow) -> CommandView:
    said = {name: getattr(row, name) for name in ("project", "account", "name", "status", "code", "message")}
    return CommandView(command_id=row.id, **said, result=result_of(row), applied_at=iso(row.applied_at))
