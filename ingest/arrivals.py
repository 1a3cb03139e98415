"""The inventory of what arrives: counts of durable events in, at most a second later in the table that all processes add to."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from ingest.core.arrived import NAMES_MAX, Named, within_bounds
from ingest.store import IngestStore
from runtime.clock import Clock

FLUSH_S = 1.0
WAITING_MAX = 20 * NAMES_MAX
"""So many names wait for the database at most; while it is away, what is new beyond is not counted."""
_log = logging.getLogger("ingest")


class Arrivals:
    """Counts what arrives, copies too. What was not flushed when the process dies is not counted: these are no leads."""

    def __init__(self, store: IngestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = threading.Lock()
        self._open: Counter[Named] = Counter()

    def count(self, counts: Mapping[Named, int]) -> None:
        with self._turn:
            if len(self._open) < WAITING_MAX:
                for named, number in counts.items():
                    self._open[named] += number

    def flush(self) -> None:
        """Blocks. Raises what SQLAlchemy raises, and then keeps what it had."""
        with self._turn:
            counts, self._open = self._open, Counter()
        if not counts:
            return
        try:
            known = self._store.arrived_names({named.project for named in counts})
            self._store.add_arrived(within_bounds(counts, known), self._clock())
        except sa.exc.SQLAlchemyError:
            self.count(counts)
            raise

    async def keep_flushing(self) -> None:
        """Every FLUSH_S until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await asyncio.to_thread(self.flush)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("the inventory of events is not written", extra={"outcome": type(error).__name__})
