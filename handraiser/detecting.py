"""The detector's thread: in, the ground; out, a worker that reads until it is told to stop, and whether it still does."""

import logging
import os
import secrets
import socket
import threading

from detector.store import DetectorStore, TopicMismatchError
from detector.worker import Worker
from eventlog.port import Producer
from handraiser.errors import CommandError
from handraiser.ground import Ground
from handraiser.locks import lock_file

LOCK_S = 3.0
"""How long a former detector has to leave: it does within 2 s of its front process."""

logger = logging.getLogger("handraiser.detector")


class Detecting:
    """One worker on a thread of its own. Raises CommandError if it may not run here."""

    def __init__(self, ground: Ground, store: DetectorStore, producer: Producer) -> None:
        self._lock = None if ground.settings.kafka else _only_one(ground)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        try:
            self._worker = Worker(
                ground.log,
                store,
                producer,
                topics=ground.topics,
                clock=ground.clock,
                owner=owner,
                random_bytes=secrets.token_bytes,
            )
        except TopicMismatchError as error:
            raise CommandError("another_log", str(error)) from error
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
            self._worker.run(self._stop)
        except Exception:
            logger.exception("detector ended by a defect")
        finally:
            try:
                self._worker.close()
            finally:
                self._ended.set()


def _only_one(ground: Ground) -> int:
    refusal = CommandError(
        "detector_running",
        f"Another detector runs on {ground.settings.data}: SQLite means exactly one. Stop the other; for more of them use Kafka "
        "and PostgreSQL (docs/settings.md).",
    )
    return lock_file(ground.settings.data / "detector.lock", LOCK_S, refusal)
