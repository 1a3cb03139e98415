"""One process per data folder: in, a file; out, a lock that ends with the process, however it ended."""

import fcntl
import os
import time
from pathlib import Path

from handraiser.errors import CommandError

LOOK_S = 0.05


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
