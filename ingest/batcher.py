"""What many requests brought in, one append at a time out; each request learns when its own is durable.

While an append runs, what arrives gathers for the next. When it is calm nothing waits.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from eventlog.port import Entry, LogError, Producer
from ingest import metrics
from ingest.core.placement import Partitions, Placed, size, values
from ingest.traffic import Traffic
from runtime.points import reach

LOG_S = 2.0
"""How long the log may take for an append, before the spool is asked (spooling.py)."""
DURABLE_S = 5.0
"""A request whose lines are not durable by then is told to come again. The log's time, the spool's, and as much for the queue."""
WAITING_BYTES_MAX = 64 * 1024 * 1024
APPEND_BYTES_MAX = 8 * 1024 * 1024
"""Of one append, or it is one request: so that a long queue never makes an append that takes over LOG_S."""
_log = logging.getLogger("ingest")


class BusyError(Exception):
    """The lines are not known to be durable: sending them again is right, and doubles nothing."""


class DefectError(BusyError):
    """Nobody knows why. It may be one of the requests alone, and none of the others."""


@dataclass(eq=False, slots=True)
class _Waiting:
    placed: Placed
    bytes: int
    durable: asyncio.Future[None]


class Batcher:
    """Lives on one event loop. `partitions`: how many each topic of the log has."""

    def __init__(self, producer: Producer, partitions: Partitions, durable_s: float = DURABLE_S) -> None:
        self.partitions = partitions
        self.traffic = Traffic()
        self.waiting_bytes = 0
        self.failing = False
        """Whether the last append failed."""
        self._producer = producer
        self._durable_s = durable_s
        self._queue: deque[_Waiting] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest-append")
        metrics.WAITING_BYTES.set_function(lambda: self.waiting_bytes)

    async def append(self, placed: Placed) -> None:
        """Return when it is durable. Raises BusyError if they are not within DURABLE_S, or too much waits already."""
        bytes_ = size(placed)
        if not bytes_:
            return
        if self._closed or self.waiting_bytes + bytes_ > WAITING_BYTES_MAX:
            raise BusyError
        loop = asyncio.get_running_loop()
        waiting = _Waiting(placed, bytes_, loop.create_future())
        self._queue.append(waiting)
        self.waiting_bytes += bytes_
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        too_late = loop.call_later(self._durable_s, _give_up, waiting.durable)  # a quarter of what asyncio.timeout costs
        try:
            await waiting.durable
        finally:
            too_late.cancel()

    async def append_alone(self, entries: Sequence[Entry]) -> None:
        """Return when `entries` are durable, after all that is being appended. Raises BusyError as `append` does."""
        if self._closed:
            raise BusyError
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            async with asyncio.timeout(self._durable_s):
                error = await in_thread(self._thread, self._append, lambda: entries, 1)
        except TimeoutError:
            raise BusyError from None
        if error is not None:
            raise error

    async def close(self) -> None:
        """Take no more, and return when all that waits is appended or has failed."""
        self._closed = True
        if self._draining is not None:
            await self._draining
        self._thread.shutdown()

    async def _drain(self) -> None:
        while group := self._next_group():
            error = await self._in_thread(group)
            is_one_of_them = isinstance(error, DefectError) and len(group) > 1
            self.failing = error is not None and not is_one_of_them
            for waiting in group:
                outcome = await self._in_thread([waiting]) if is_one_of_them else error
                self.waiting_bytes -= waiting.bytes
                if waiting.durable.done():  # its request gave up waiting
                    continue
                if outcome is None:
                    waiting.durable.set_result(None)
                else:
                    waiting.durable.set_exception(outcome)
        self._draining = None

    async def _in_thread(self, group: Sequence[_Waiting]) -> BusyError | None:
        """One append for these."""
        requests = [waiting.placed for waiting in group]
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.append_now, requests)

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        bytes_ = 0
        while self._queue and (not group or bytes_ + self._queue[0].bytes <= APPEND_BYTES_MAX):
            waiting = self._queue.popleft()
            if waiting.durable.done():
                self.waiting_bytes -= waiting.bytes
                continue
            group.append(waiting)
            bytes_ += waiting.bytes
        return group

    def append_now(self, requests: Sequence[Placed]) -> BusyError | None:
        """One append for all of them, in the thread, where they are encoded too; what their requests are told, None: durable."""
        return self._append(partial(_entries, requests), len(requests))

    def _append(self, entries: Callable[[], Sequence[Entry]], requests: int) -> BusyError | None:
        reach("ingest.append.before")
        started = time.perf_counter()
        try:
            self._producer.append(entries(), LOG_S)
        except LogError as error:
            _log.warning("append failed", extra={"outcome": "log_error", "detail": str(error), "requests": requests})
            return BusyError()
        except Exception:
            _log.exception("append failed", extra={"outcome": "internal", "requests": requests})
            return DefectError()
        finally:
            metrics.APPEND_SECONDS.observe(time.perf_counter() - started)
        reach("ingest.append.after")
        return None


def _give_up(durable: asyncio.Future[None]) -> None:
    if not durable.done():
        durable.set_exception(BusyError())


def _entries(requests: Sequence[Placed]) -> list[Entry]:
    """In the order in which the requests came."""
    return [Entry(target.topic, target.partition, value) for target, value in values(requests)]
