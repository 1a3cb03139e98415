"""`/live`, `/ready`, `/health`, `/metrics`: in, the rooms' own reports; out, one judgement of the whole, and what to do."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from handraiser import VERSION
from handraiser.errors import CommandError
from runtime.clock import Clock
from runtime.web import ApiError, Authenticate

CACHED_MS = 2_000
CHECK_S_MAX = 2.0
_RANK = {"ok": 0, "degraded": 1, "down": 2}
LOOPBACK = ("127.0.0.1", "::1")

Check: TypeAlias = Callable[[], dict[str, Any]]
"""One room's report: its figures, its `status`, and `problems` if it has some. It may block; it runs off the event loop."""

logger = logging.getLogger("handraiser.health")


class Health:
    """Asks every room at most once in CACHED_MS. `ready` is set when the process has begun to take traffic."""

    def __init__(self, mode: str, checks: Mapping[str, Check], clock: Clock) -> None:
        self._mode = mode
        self._checks = checks
        self._clock = clock
        self._began = clock()
        self._asked_at = 0
        self._answer: dict[str, Any] | None = None
        self._one_asks = asyncio.Lock()
        self.ready = False

    async def current(self) -> dict[str, Any]:
        async with self._one_asks:
            now = self._clock()
            if self._answer is None or now - self._asked_at >= CACHED_MS:
                reports = await asyncio.gather(*(self._report(name, check) for name, check in self._checks.items()))
                self._answer = merged(dict(zip(self._checks, reports, strict=True)), self._mode, now, self._began)
                self._asked_at = now
            return self._answer

    async def _report(self, name: str, check: Check) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(asyncio.to_thread(check), CHECK_S_MAX)
        except Exception as error:
            logger.exception("a health check failed", extra={"check": name})
            return {"status": "down", "problems": [_problem(name, error)]}


def _problem(name: str, error: Exception) -> dict[str, Any]:
    if isinstance(error, CommandError):
        return {"code": error.code, "since": None, "what": f"{name}: {error.message}", "do": "What the message says."}
    reason = f"no answer within {CHECK_S_MAX:.0f} s" if isinstance(error, TimeoutError) else type(error).__name__
    return {
        "code": "check_failed",
        "since": None,
        "what": f"{name} could not be asked: {reason}",
        "do": "The log (handraiser.log, or the service's output) says why; most often the database does not answer.",
    }


def merged(reports: Mapping[str, dict[str, Any]], mode: str, now: int, began: int) -> dict[str, Any]:
    """The whole is as bad as its worst part. Times in epoch milliseconds."""
    problems = [problem for report in reports.values() for problem in report.get("problems", ())]
    checks = {name: {key: value for key, value in report.items() if key != "problems"} for name, report in reports.items()}
    status = max((str(report["status"]) for report in reports.values()), key=lambda each: _RANK.get(each, 2), default="ok")
    return {
        "status": status,
        "summary": _summary(status, problems),
        "version": VERSION,
        "mode": mode,
        "checked_at": datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "uptime_s": (now - began) // 1000,
        "checks": checks,
        "problems": problems,
    }


def _summary(status: str, problems: list[dict[str, Any]]) -> str:
    head = "Leads do not flow." if status == "down" else "Leads flow."
    if not problems:
        return head
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    return f"{head} {problems[0]['what']}.{more}"


def statuses_only(health: dict[str, Any]) -> dict[str, Any]:
    """For callers without an API key."""
    checks = {name: {"status": check["status"]} for name, check in health["checks"].items()}
    return {"status": health["status"], "checks": checks}


def create_router(health: Health, authenticate: Authenticate, more_metrics: Callable[[], bytes] = bytes) -> APIRouter:
    """`more_metrics`: what another process (the supervised detector) has to show, in Prometheus's text form."""
    router = APIRouter(tags=["operators"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @router.get("/ready", responses={503: {"description": "Not yet, or not any more."}})
    async def ready() -> Response:
        """This process takes traffic."""
        return JSONResponse({"status": "ok"} if health.ready else {"status": "starting"}, 200 if health.ready else 503)

    @router.get("/health", responses={503: {"description": "Leads do not flow."}})
    async def whole(request: Request) -> Response:
        """The whole product: with an API key everything, without one the statuses only."""
        found = await health.current()
        shown = found if _has_key(request, authenticate) else statuses_only(found)
        return JSONResponse(shown, 503 if found["status"] == "down" else 200)

    @router.get("/metrics", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Prometheus's text form, for this machine or an API key."""
        if not ((request.client and request.client.host in LOOPBACK) or _has_key(request, authenticate)):
            raise ApiError(401, "unauthorized", "From another machine this needs an API key: `Authorization: Bearer ak_…`.")
        return Response(exposition(generate_latest(), more_metrics()), media_type=CONTENT_TYPE_LATEST)

    return router


def exposition(ours: bytes, detectors: bytes) -> bytes:
    """Both processes' metrics. The detector's are declared here too, and stay zero: theirs count."""
    if not detectors:
        return ours
    return b"".join(line for line in ours.splitlines(keepends=True) if b"handraiser_detector_" not in line) + detectors


def _has_key(request: Request, authenticate: Authenticate) -> bool:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and authenticate(key.strip())
