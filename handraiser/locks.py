"""One process per data folder: in, a file; out, a lock that ends with the process, however it ended."""

import fcntl
import os
import time
from pathlib import Path

from handraiser.errors import CommandError
from runtime.settings import Settings

LOOK_S = 0.05
LEAVE_S = 3.0
"""How long a former process has to leave: a detector does within 2 s of its front process."""


def lock_file(path: Path, wait_s: float, refusal: CommandError) -> int:
    """The descriptor that holds the lock: keep it open. Raises `refusal` if another process still has it after `wait_s`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise refusal from None
            time.sleep(LOOK_S)
        else:
            return descriptor


def only_one(settings: Settings, room: str) -> int | None:
    """On SQLite: the lock of the one process that may be this `room`. None on PostgreSQL, where they share the work.

    Raises CommandError.
    """
    if settings.database_url is not None:
        return None
    refusal = CommandError(
        f"{room}_running",
        f"Another {room} runs on {settings.data}: SQLite means exactly one. Stop the other; for more of them use Kafka and "
        "PostgreSQL (docs/settings.md).",
    )
    return lock_file(settings.data / f"{room}.lock", LEAVE_S, refusal)
