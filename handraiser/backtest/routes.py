"""Routes of backtests: what to play in; an id, then how far it is, and its report, out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from handraiser.backtest.jobs import Backtest, Backtests, BusyError
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, ErrorBody, api_key_required

Text = Annotated[str, Field(max_length=200, pattern=r"^[^-\x00]")]
"""It becomes a word of a command line, where a hyphen would begin an option."""


class BacktestAsked(BaseModel):
    """`rulebook`: its YAML; without it the newest applied version is played. The others as on the command line."""

    model_config = ConfigDict(extra="forbid")

    project: Text
    rulebook: Annotated[str, Field(max_length=1024 * 1024)] | None = None
    since: Annotated[Text | None, Field(alias="from")] = None
    until: Annotated[Text | None, Field(alias="to")] = None
    sweep: Annotated[list[Text], Field(max_length=8)] = []


class BacktestView(BaseModel):
    """`report`: as `handraiser rules backtest --json` prints it, once it is done. `error`: why it failed."""

    backtest_id: str
    status: Literal["running", "done", "failed"]
    events: int
    percent: int
    report: dict[str, Any] | None
    error: dict[str, Any] | None


def create_router(backtests: Backtests, authenticate: Authenticate) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["rulebooks"], dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES)

    @router.post("/backtests", status_code=202, responses={409: {"model": ErrorBody}})
    def start(asked: BacktestAsked) -> BacktestView:
        """Play a rulebook over the retained log, in the background. One at a time."""
        options = [word for name, said in (("--from", asked.since), ("--to", asked.until)) if said for word in (name, said)]
        options += [word for said in asked.sweep for word in ("--sweep", said)]
        try:
            return _view(backtests.start(asked.project, asked.rulebook, options))
        except BusyError as busy:
            message = f"Backtest {busy} runs. Wait until it is done: GET /v1/backtests/{busy}"
            raise ApiError(409, "backtest_running", message) from busy

    @router.get("/backtests/{backtest_id}")
    def backtest(backtest_id: str) -> BacktestView:
        """How far it is, and its report when it is done. The newest ten are kept, until the server ends."""
        found = backtests.get(backtest_id)
        if found is None:
            message = f"There is no backtest {backtest_id}: the newest ten are kept, until the server ends. POST /v1/backtests"
            raise ApiError(404, "backtest_not_found", message)
        return _view(found)

    return router


def _view(of: Backtest) -> BacktestView:
    return BacktestView(
        backtest_id=of.id, status=of.status, events=of.events, percent=of.percent, report=of.report, error=of.error
    )
