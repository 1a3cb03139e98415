"""HTTP serving in code: in, an app and an address; out, a server that stops when told to, its requests finished."""

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from handraiser.errors import CommandError
from handraiser.protocol import BoundedProtocol

FINISH_S_MAX = 10
"""Requests that were begun get this long when the process is told to stop."""
LEAVE_S = 25.0
"""Told to stop, a process leaves within this time, whatever hangs (a database, say). Service managers kill after 30 s."""
BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than load balancers keep a connection that they may use again: 60 s, most of them."""

logger = logging.getLogger("handraiser")


class Server(uvicorn.Server):
    """Signals are the process's affair: `stop_on_signals` decides what else ends, and in which order."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """The listening address, taken before anything else is done. Raises CommandError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # now, not when the server starts: two programs may both bind a port that nobody listens on
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                "port_in_use",
                f"Port {port} on {host} is in use by another program. Stop that one, or choose another port: --port {port + 1}.",
            ) from error
        raise CommandError("no_address", f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from error
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def web_server(app: ASGIApp) -> Server:
    _allow_connections()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # that it starts and stops is in our own lines
    config = uvicorn.Config(
        cast("Any", app),  # uvicorn has its own words for what Starlette calls an ASGIApp
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S_MAX,
    )
    return Server(config)


def _allow_connections() -> None:
    """As many open files as this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where the system says no after all, what there is must do
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def stop_on_signals(stop: asyncio.Event) -> None:
    """Ctrl-C and SIGTERM set `stop`; what follows is the caller's, for LEAVE_S at most."""

    def told() -> None:
        stop.set()
        deadline = threading.Timer(LEAVE_S, _end_hard)
        deadline.daemon = True
        deadline.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)


def _end_hard() -> None:
    """What was answered is in the log, what was not committed is read again, and who was being sent to is sent to again."""
    logger.warning("something hangs: ended without waiting for it any longer", extra={"waited_s": LEAVE_S})
    os._exit(0)
