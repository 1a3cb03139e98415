"""`handraiser up`: in, a command line; out, the whole product on one machine, until Ctrl-C or SIGTERM.

Its standard output holds only lines for people (the first five minutes of the docs); the JSON log goes to the data folder.
"""

import asyncio
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvloop

from handraiser import VERSION
from handraiser.data_folder import DataFolder, read_secret
from handraiser.disks import refuse_shared_disk
from handraiser.errors import CommandError
from handraiser.front import Front
from handraiser.ground import open_ground
from handraiser.keys import first_api_key, refuse_trial_keys, refuse_unsafe_production, vault
from handraiser.lines import Banner, banner_lines, next_command, why_line
from handraiser.locks import lock_file
from handraiser.migrate import migrate
from handraiser.output import note, print_json
from handraiser.printer import Printer
from handraiser.rooms import Keys
from handraiser.serving import bind, port_of, stop_on_signals
from handraiser.telling import Telling
from handraiser.trial.play import Interrupted, Player, Target
from handraiser.trial.scenario import scenario
from handraiser.trial.setup import Trial, set_up
from runtime.clock import wall_clock
from runtime.logs import log_json
from runtime.settings import read_settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - said by the user, not chosen here

CLOSE_S = 2.0
"""A reader of our lines that does not read may hold us up this long."""

logger = logging.getLogger("handraiser")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    trial: bool
    data: Path | None
    host: str
    port: int
    as_json: bool


def run_up(options: Options) -> None:
    """Until told to stop. Raises CommandError for whatever keeps it from starting."""
    began = time.monotonic()
    settings = read_settings(os.environ, options.data)
    folder = DataFolder(settings.data)
    refuse_unsafe_production(settings, folder, options.trial)
    folder.make()
    if settings.database_url is None:
        refuse_shared_disk(folder.path)
    lock = lock_file(folder.path / "up.lock", 0, _running_already(folder))
    listener = bind(options.host, options.port)
    if options.host not in LOOPBACK and not settings.production:
        note(f"Warning: listening on {options.host} with development settings. For others than you: HANDRAISER_ENV=production.")
    log_json(folder.log_file)
    sealed = vault(settings, folder, make=True)
    migrate(settings)
    ground = open_ground(settings)
    keys = Keys(ground)
    refuse_trial_keys(settings, keys.store)
    first_api_key(keys.store, folder, wall_clock())
    keys.ring.refresh()
    process = Process(options, folder, listener, began)
    front = lambda: Front(ground, keys, sealed, process.url, process.telling.settled)  # noqa: E731 - needs a loop
    try:
        uvloop.run(process.run(front, settings.kafka is not None))
    finally:
        process.printer.close(CLOSE_S)
        folder.server.unlink(missing_ok=True)
        os.close(lock)


class Process:
    """One life of `up` on its event loop."""

    def __init__(self, options: Options, folder: DataFolder, listener: socket.socket, began: float) -> None:
        self._options = options
        self._folder = folder
        self._listener = listener
        self._began = began
        self._stopping = threading.Event()
        self.url = f"http://{EVERYWHERE.get(options.host, options.host)}:{port_of(listener)}"
        self.printer = Printer(sys.stderr if options.as_json else sys.stdout)
        self.telling = Telling(self.printer.line, lambda: datetime.now().astimezone())

    async def run(self, make_front: Callable[[], Front], shared: bool) -> None:
        """Start, show, wait, leave. `shared`: on Kafka and PostgreSQL."""
        stop = asyncio.Event()
        stop_on_signals(stop)
        front = make_front()
        background: list[asyncio.Task[None]] = []
        try:
            await front.start(self._listener)
            trial = await self._trial(front) if self._options.trial else None
            await self._show(front, trial, shared)
            front.health.ready = True
            self._folder.write_server(self.url)
            background.append(asyncio.create_task(self.telling.follow(front.detector.store)))
            if trial:
                background.append(asyncio.create_task(asyncio.to_thread(self._play, trial)))
            await _first(stop.wait(), front.ended())
        finally:
            self._stopping.set()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await front.close()
        if not stop.is_set():
            raise CommandError("ended", f"A part of the process ended unexpectedly; {self._folder.log_file} says which and why.")

    async def _trial(self, front: Front) -> Trial:
        async with self._api(front) as api:
            trial = await set_up(api, self._folder, f"{self.url}/catcher")
        opened = await asyncio.to_thread(front.notifier.store.secrets.opened_endpoint, trial.endpoint_id, wall_clock())
        front.catching[:] = opened.secrets if opened else []
        return trial

    async def _show(self, front: Front, trial: Trial | None, shared: bool) -> None:
        """The first block, out before anybody is told that we are ready."""
        suffix = secrets.token_hex(2)
        banner = Banner(
            version=".".join(VERSION.split(".")[:2]),
            ready_s=time.monotonic() - self._began,
            data=self._folder.path,
            url=self.url.replace("//127.0.0.1:", "//localhost:"),
            status=str((await front.health.current())["status"]),
            engines="on Kafka and PostgreSQL" if shared else "no Kafka or PostgreSQL needed",
            write_key=trial.write_key if trial else None,
            rulebook=trial.rulebook if trial else None,
            account=f"my-account-{suffix}",
            person=f"ada-{suffix}",
        )
        for line in banner_lines(banner):
            self.printer.line(line)
        if trial is None:
            async with self._api(front) as api:
                projects = (await api.get("/v1/projects")).json()["data"]
            self.printer.line(next_command([row["name"] for row in projects], self._folder.path))
        if self._options.as_json:
            shown = {"url": self.url, "data": str(self._folder.path), "status": banner.status, "version": VERSION}
            print_json(shown | {"write_key": banner.write_key, "rulebook": banner.rulebook and str(banner.rulebook)})
        await asyncio.to_thread(self.printer.printed)

    def _api(self, front: Front) -> httpx.AsyncClient:
        """Our own API, as a caller with the first API key."""
        headers = {"Authorization": f"Bearer {read_secret(self._folder.api_key)}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(front.app), base_url=self.url, headers=headers, timeout=60)

    def _play(self, trial: Trial) -> None:
        """The pretend customer, live, on a thread; its leads come as lines like everybody's."""
        target = Target(self.url, trial.write_key, read_secret(self._folder.api_key) or "")
        player = Player(target, wall_clock, self._wait, lambda step: logger.info("pretend customer", extra={"step": step.text}))
        try:
            story = scenario(secrets.token_hex(3), wall_clock())
            verdict = player.play(story, fast=False)
            logger.info("pretend customer done", extra={"good": verdict.good, "missing": [str(o) for o in verdict.missing]})
            self.printer.line(why_line(story.quiet[0], self._folder.path))
        except Interrupted:
            return
        except CommandError as error:
            self.printer.line(f"The pretend customer could not be played: {error.message}")

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Interrupted


async def _first(*waiting: Coroutine[Any, Any, Any]) -> None:
    """Return when one of them has."""
    tasks = [asyncio.create_task(each) for each in waiting]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _running_already(folder: DataFolder) -> CommandError:
    where = folder.server_url() or "another address"
    return CommandError(
        "already_running",
        f"`handraiser up` runs on {folder.path} already, at {where}. Use it, stop it, or choose another folder: --data DIR.",
    )
