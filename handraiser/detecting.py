"""The detector's thread: in, the ground; out, a worker that reads until it is told to stop, and whether it still does."""

import logging
import os
import secrets
import socket
import threading

from detector.store import DetectorStore
from detector.worker import Worker
from eventlog.port import Producer
from handraiser.ground import Ground
from handraiser.locks import only_one
from runtime.pages import huge_pages

logger = logging.getLogger("handraiser.detector")


class Detecting:
    """One worker on a thread of its own. Raises CommandError if it may not run here."""

    def __init__(self, ground: Ground, store: DetectorStore, producer: Producer) -> None:
        self._lock = only_one(ground.settings, "detector")
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._worker = Worker(
            ground.log,
            store,
            producer,
            topics=ground.topics,
            clock=ground.clock,
            owner=owner,
            random_bytes=secrets.token_bytes,
            group=ground.group("detector"),
        )
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="detector", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch that was begun, then end. From any thread."""
        self._stop.set()
        self._worker.wake()

    def ended(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, however it came."""
        return self._ended.wait(timeout_s)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            with huge_pages():
                self._worker.run(self._stop)
        except Exception:
            logger.exception("detector ended by a defect")
        finally:
            try:
                self._worker.close()
            finally:
                self._ended.set()
