"""How an append wakes readers in other processes: a FIFO per waiting reader, in a folder beside the log, that appenders poke.

Waiting costs no CPU, and a poke arrives within a millisecond. A poke that is missed costs at most LOOK_AGAIN_S.
"""

import contextlib
import errno
import os
import select
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

LOOK_AGAIN_S = 1.0


def folder_of(log: Path) -> Path:
    return log.with_name(log.name + ".wake")


class Bell:
    """A reader's end. It is rung when something is appended to one of `topics` (numbers), or by `ring` from any thread."""

    def __init__(self, log: Path, topics: Iterable[int]) -> None:
        folder = folder_of(log)
        folder.mkdir(exist_ok=True)
        name = "+".join(map(str, sorted(topics))) + "-" + uuid.uuid4().hex
        made = folder / f".{name}"
        os.mkfifo(made, 0o600)
        self._fifo = os.open(made, os.O_RDWR | os.O_NONBLOCK)  # read-write: no end of file when an appender closes its end
        self._path = made.rename(folder / name)  # shown only now: appenders clear away a FIFO that nobody has open

    def silence(self) -> None:
        """Forget the pokes so far. Look at the log after this, then `wait`: nothing can be missed in between."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fifo, 4096):
                pass

    def wait(self, deadline: float) -> None:
        """Return when poked, at `deadline` (time.monotonic), or after LOOK_AGAIN_S."""
        select.select([self._fifo], [], [], max(0.0, min(deadline - time.monotonic(), LOOK_AGAIN_S)))

    def ring(self) -> None:
        _poke(self._fifo)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._fifo)


def ring_readers(log: Path, topics: set[int]) -> None:
    """Poke every reader that waits for one of `topics`; clear away what dead readers left."""
    try:
        names = os.listdir(folder_of(log))  # noqa: PTH208 - on the path of every append: names are enough
    except OSError:
        return  # nobody has read this log yet; whatever else it is, the append is done and readers look again by themselves
    for name in names:
        head, dash, _ = name.partition("-")
        if dash and not name.startswith(".") and not topics.isdisjoint(map(int, head.split("+"))):
            _ring_reader(folder_of(log) / name)


def _ring_reader(path: Path) -> None:
    try:
        fifo = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:  # its reader was killed
            path.unlink(missing_ok=True)
        return
    _poke(fifo)
    os.close(fifo)


def _poke(fifo: int) -> None:
    with contextlib.suppress(OSError):  # full: its reader has pokes to read already; broken: its reader has just died
        os.write(fifo, b".")
