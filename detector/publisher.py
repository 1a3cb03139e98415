"""Committed outbox rows in, records of the log out: at least once, in order; a log that is down is tried again later."""

import logging
from collections.abc import Collection

from detector.store.outbox import Outbox
from eventlog.port import LogError, Producer, TopicPartition
from runtime.clock import Clock
from runtime.points import reach

ROWS_MAX = 64
APPEND_TIMEOUT_S = 10.0
RETRY_MS = (500, 1_000, 2_000, 5_000)
"""After a failed append, the waits before the next ones; the last repeats."""

_log = logging.getLogger("detector")


class Publisher:
    """Used by one thread at a time."""

    def __init__(self, outbox: Outbox, producer: Producer, clock: Clock) -> None:
        self._outbox = outbox
        self._producer = producer
        self._clock = clock
        self._pending = True  # a crash may have left rows
        self._failures = 0
        self._retry_at = 0

    def expect(self) -> None:
        """Rows have been committed, or partitions acquired whose former owner may have left some."""
        self._pending = True

    def due(self) -> bool:
        """Is there something to send, and is it time to try?"""
        return self._pending and self._clock() >= self._retry_at

    def publish(self, sources: Collection[TopicPartition]) -> None:
        """Send everything that these partitions have in the outbox. A crash after the append sends it again: ids tell."""
        while self.due():
            rows = self._outbox.first(sources, ROWS_MAX)
            if not rows:
                self._pending = False
                return
            reach("outbox.append.before")
            try:
                self._producer.append([row.entry for row in rows], APPEND_TIMEOUT_S)
            except LogError as error:
                self._retry_at = self._clock() + RETRY_MS[min(self._failures, len(RETRY_MS) - 1)]
                self._failures += 1
                _log.warning("outbox waits", extra={"rows": len(rows), "failures": self._failures, "error": str(error)})
                return
            reach("outbox.append.after")
            self._failures = 0
            self._outbox.delete(rows)
            reach("outbox.delete.after")
            if len(rows) < ROWS_MAX:
                self._pending = False
