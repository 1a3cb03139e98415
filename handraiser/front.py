"""The front process of `up`: in, settings and a listening socket; out, ingest, notifier and every API on one event loop.

Order of leaving, so that nothing is lost: take no new requests and finish the begun ones, flush what waits for the log, settle
what is being delivered, let the detector finish its batch, close the log.
"""

import asyncio
import logging
import os
import shutil
import socket
from collections.abc import Coroutine
from typing import Any

from fastapi import FastAPI

import migrations
from handraiser.catcher import Catcher
from handraiser.catcher import create_router as create_catcher_router
from handraiser.errors import CommandError
from handraiser.ground import Ground
from handraiser.health import Check, Health
from handraiser.health import create_router as create_health_router
from handraiser.rooms import DetectorApi, IngestRoom, Keys, NotifierRoom
from handraiser.serving import Server, web_server
from handraiser.supervisor import Supervisor, detector_command
from handraiser.web import new_app
from ingest.cors import CorsAnswers
from notifier.core.links import Links
from notifier.vault import Vault
from notifier.worker import OnSettled

DETECTOR_S_MAX = 20.0
"""A detector that is not there by then does not come."""
DISK_FREE_MIN = 0.05

logger = logging.getLogger("handraiser")


class Front:
    """Everything of the front process. Make it, `start` it, then `close` it, all on one event loop."""

    def __init__(self, ground: Ground, keys: Keys, vault: Vault, url: str, on_settled: OnSettled) -> None:
        self.ground = ground
        self.keys = keys
        self._producer = ground.log.producer()
        self.ingest = IngestRoom(ground, keys)
        self.links = Links(vault.keys, ground.settings.public_url or url, ground.clock)
        self.detector = DetectorApi(ground, keys, self._producer, self.links)
        self.notifier = NotifierRoom(ground, keys, vault, self.links, on_settled)
        self.supervisor = Supervisor(detector_command(ground.settings.data), os.environ)
        self.catching: list[str] = []
        """Secrets of the catcher: none but in a trial."""
        self.catcher = Catcher(lambda: self.catching, ground.clock)
        self.health = Health("one-process", self._checks(), ground.clock)
        self.app = self._app()
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, listener: socket.socket) -> None:
        """Serve, deliver and detect. Raises CommandError if the detector does not come up."""
        self._server = web_server(CorsAnswers(self.app))
        self._begin("serve", self._server.serve(sockets=[listener]))
        self._begin("keys", self.keys.ring.keep_fresh())
        self._begin("arrivals", self.ingest.arrivals.keep_flushing())
        self._begin("notifier", self.notifier.run())
        self._begin("supervisor", self.supervisor.run())
        await self._detector_ready()

    async def ended(self) -> None:
        """Return when one of the loops has ended, which none does by itself."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            logger.critical("a loop of the front process ended", extra={"loop_name": task.get_name()}, exc_info=_error_of(task))

    async def close(self) -> None:
        self.health.ready = False
        if self._server is not None:
            self._server.should_exit = True
            await _settled(self._task("serve"))
        await self.ingest.close()
        self.notifier.notifier.stop()
        await _settled(self._task("notifier"))
        await self.notifier.close()
        await self.supervisor.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.detector.close()
        self._producer.close()
        self.ground.log.close()

    def _begin(self, name: str, running: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(running, name=name))

    def _task(self, name: str) -> "asyncio.Task[None] | None":
        return next((task for task in self._tasks if task.get_name() == name), None)

    async def _detector_ready(self) -> None:
        try:
            await asyncio.wait_for(self.supervisor.ready.wait(), DETECTOR_S_MAX)
        except TimeoutError:
            said = self.supervisor.last_words or "see the log"
            raise CommandError("detector_failed", f"The detector process does not start: {said}") from None

    def _app(self) -> FastAPI:
        app = new_app("Handraiser")
        for room in (self.ingest, self.detector, self.notifier):
            room.add_routes(app)
        app.include_router(create_catcher_router(self.catcher, self.keys.authenticate))
        app.include_router(create_health_router(self.health, self.keys.authenticate, lambda: self.supervisor.metrics))
        return app

    def _checks(self) -> dict[str, Check]:
        return {
            "ingest": self.ingest.check,
            "log": lambda: check_log(self.ground),
            "detector": self._check_detector,
            "notifier": self.notifier.check,
            "database": lambda: check_database(self.ground),
        }

    def _check_detector(self) -> dict[str, Any]:
        report = self.detector.check()
        report["pid"], report["restarts"] = self.supervisor.pid, self.supervisor.restarts
        if self.supervisor.pid is None:
            report["status"] = "down"
            report["problems"] = [*report.get("problems", ()), _not_running(self.supervisor)]
        return report


def _not_running(supervisor: Supervisor) -> dict[str, Any]:
    said = f": {supervisor.last_words}" if supervisor.last_words else ""  # one that was killed says nothing
    return {
        "code": "detector_not_running",
        "since": None,
        "what": f"The detector process has died {supervisor.restarts} times; it is started again{said}"[:500],
        "do": "Events are safe in the log. handraiser.log says why it died; the runbook's section detector_not_running goes on.",
    }


def check_log(ground: Ground) -> dict[str, Any]:
    """The embedded log stands on the data folder's disk."""
    report: dict[str, Any] = {"status": "ok", "kind": ground.log.kind}
    if ground.settings.kafka:
        return report
    usage = shutil.disk_usage(ground.settings.data)
    report["disk_free_ratio"] = round(usage.free / usage.total, 3)
    if usage.free < usage.total * DISK_FREE_MIN:
        what = f"The disk of {ground.settings.data} is {100 - 100 * report['disk_free_ratio']:.0f} % full"
        report["status"] = "degraded"
        report["problems"] = [{"code": "disk_full", "since": None, "what": what, "do": "Free space; a full disk refuses events."}]
    return report


def check_database(ground: Ground) -> dict[str, Any]:
    """Every room's tables can be read and are the ones that this version knows."""
    for room in migrations.ROOMS:
        ground.database(room).dispose()
    kind = "postgresql" if ground.settings.database_url else "sqlite"
    return {"status": "ok", "kind": kind, "migration": migrations.expected(), "migration_expected": migrations.expected()}


async def _settled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        await asyncio.gather(task, return_exceptions=True)


def _error_of(task: "asyncio.Task[None]") -> BaseException | None:
    return None if task.cancelled() else task.exception()
