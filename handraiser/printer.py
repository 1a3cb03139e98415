"""The lines of `up`: in, text from any thread; out, one by one and flushed, by a thread that may wait for its reader."""

import queue
import threading
from typing import TextIO

from handraiser.output import seen

WAITING_MAX = 10_000


class Printer:
    """A terminal stopped with Ctrl-S, or a full pipe, must not stop the product: then lines are dropped, never waited for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._write, name="printer", daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            return

    def printed(self) -> None:
        """Wait until everything so far is out."""
        self._lines.join()

    def close(self, wait_s: float) -> None:
        self._lines.put(None)
        self._thread.join(wait_s)

    def _write(self) -> None:
        readable = True
        while (text := self._lines.get()) is not None:
            if readable:
                try:
                    self._stream.write(seen(text) + "\n")
                    self._stream.flush()
                except (OSError, ValueError):
                    readable = False  # nobody reads any more: `handraiser up | head`
            self._lines.task_done()
