"""One service by itself: in, its name and an address; out, its routes and loops, until it is told to stop."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from fastapi import FastAPI

from handraiser.data_folder import DataFolder
from handraiser.detecting import Detecting
from handraiser.disks import refuse_shared_disk
from handraiser.errors import CommandError
from handraiser.front import check_database, check_log
from handraiser.ground import Ground, open_ground, open_to_take
from handraiser.health import Check, Health
from handraiser.health import create_router as create_health_router
from handraiser.keys import first_api_key, refuse_trial_keys, refuse_unsafe_production, vault
from handraiser.output import print_json
from handraiser.rooms import DetectorApi, IngestRoom, Keys, NotifierRoom
from handraiser.serving import bind, port_of, stop_on_signals, web_server
from handraiser.web import new_app
from ingest.cors import CorsAnswers
from notifier.core.links import Links
from runtime.logs import log_json
from runtime.settings import read_settings

DETECTOR_LEAVE_S = 20.0

logger = logging.getLogger("handraiser")


@dataclass(slots=True)
class Service:
    """What one service brings: routes, its check, loops that go on, and how it leaves (in this order)."""

    add_routes: Callable[[FastAPI], None]
    check: Check
    run: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    leave: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)


def run_service(name: str, data: Path | None, host: str, port: int, as_json: bool) -> None:
    """Until told to stop. Raises CommandError for whatever keeps it from starting; changes no tables."""
    settings = read_settings(os.environ, data)
    folder = DataFolder(settings.data)
    refuse_unsafe_production(settings, folder, trial=False)
    folder.make()
    if settings.database_url is None:
        refuse_shared_disk(folder.path)
    listener = bind(host, port)
    ground = open_to_take(settings) if name == "ingest" else open_ground(settings)
    keys = Keys(ground)
    if keys.database_is_there:
        refuse_trial_keys(settings, keys.store)
    if keys.database_is_there and name == "ingest":
        first_api_key(keys.store, folder, ground.clock())
        keys.ring.refresh()
    log_json(None)
    if as_json:
        print_json({"service": name, "url": f"http://{host}:{port_of(listener)}"})
        _log_to_stderr()
    uvloop.run(_live(name, ground, keys, listener))


async def _live(name: str, ground: Ground, keys: Keys, listener: socket.socket) -> None:
    stop = asyncio.Event()
    service = _MAKERS[name](ground, keys)  # it may block: until here a signal ends us by itself
    stop_on_signals(stop)
    checks = {name: service.check, "log": lambda: check_log(ground), "database": lambda: check_database(ground)}
    health = Health(name, checks, ground.clock)
    app = new_app(f"Handraiser {name}")
    service.add_routes(app)
    app.include_router(create_health_router(health, keys.authenticate))
    server = web_server(CorsAnswers(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    loops = [asyncio.create_task(run()) for run in (keys.ring.keep_fresh, *service.run)]
    health.ready = True
    logger.info("ready", extra={"service": name})
    await asyncio.wait([asyncio.create_task(stop.wait()), serving, *loops], return_when=asyncio.FIRST_COMPLETED)
    health.ready = False
    server.should_exit = True
    await serving
    for leave in service.leave:
        await leave()
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    ground.log.close()
    if not stop.is_set():
        raise CommandError("ended", f"The {name} service ended unexpectedly; its log says why.")


def _ingest(ground: Ground, keys: Keys) -> Service:
    room = IngestRoom(ground, keys)
    return Service(room.add_routes, room.check, run=[room.arrivals.keep_flushing], leave=[room.close])


def _detector(ground: Ground, keys: Keys) -> Service:
    producer = ground.log.producer()
    api = DetectorApi(ground, keys, producer, _links(ground))
    detecting = Detecting(ground, api.store, producer)
    detecting.start()

    async def watch() -> None:
        await asyncio.to_thread(detecting.ended)

    async def leave() -> None:
        detecting.stop()
        await asyncio.to_thread(detecting.ended, DETECTOR_LEAVE_S)

    return Service(api.add_routes, api.check, run=[watch], leave=[leave, _closing(api.close), _closing(producer.close)])


def _notifier(ground: Ground, keys: Keys) -> Service:
    settings = ground.settings
    sealed = vault(settings, DataFolder(settings.data), make=settings.kafka is None)
    room = NotifierRoom(ground, keys, sealed, _links(ground))
    ended = asyncio.Event()

    async def run() -> None:
        try:
            await room.run()
        finally:
            ended.set()

    async def leave() -> None:
        """What is in flight is settled, and the others get our partitions at once."""
        room.notifier.stop()
        await ended.wait()
        await room.close()

    return Service(room.add_routes, room.check, run=[run], leave=[leave])


def _links(ground: Ground) -> Links | None:
    """The notifier makes them, the detector's API is where they lead: both need the master key, and HANDRAISER_PUBLIC_URL."""
    settings = ground.settings
    if settings.public_url is None:
        return None
    sealed = vault(settings, DataFolder(settings.data), make=settings.kafka is None)
    return Links(sealed.keys, settings.public_url, ground.clock)


def _closing(close: Callable[[], None]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def leave() -> None:
        await asyncio.to_thread(close)

    return leave


_MAKERS = {"ingest": _ingest, "detector": _detector, "notifier": _notifier}


def _log_to_stderr() -> None:
    """With --json standard output holds the one document."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)
