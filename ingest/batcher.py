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
from itertools import compress

from eventlog.port import Entry, LogError, Producer
from ingest import metrics
from ingest.core.placement import Partitions, Placed, values
from ingest.traffic import Traffic
from runtime.points import reach

LOG_S = 2.0
"""How long the log may take for an append, before the spool is asked (spooling.py)."""
DURABLE_S = 5.0
"""A request that is not durable by then is told to come again. The log's time, the spool's, and as much for the queue."""
WAITING_BYTES_MAX = 128 * 1024 * 1024
APPEND_BYTES_MAX = 16 * 1024 * 1024
"""Of one append, or it is one request, as they take it in memory: so that a long queue never makes an append that takes over
LOG_S."""
_log = logging.getLogger("ingest")


class BusyError(Exception):
    """It is not known to be durable: sending it again is right, and doubles nothing."""


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

    async def append(self, placed: Placed, bytes_: int) -> None:
        """Return when it is durable. `bytes_`: what it takes (`placement.size`).

        Raises BusyError if it is not within DURABLE_S, or too much waits already.
        """
        if not (placed.events or placed.dead_letters):
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
        loop = asyncio.get_running_loop()
        while group := self._next_group():
            outcomes = await loop.run_in_executor(self._thread, self.append_now, [waiting.placed for waiting in group])
            self.failing = all(outcomes)
            for waiting, error in zip(group, outcomes, strict=True):
                self.waiting_bytes -= waiting.bytes
                if waiting.durable.done():  # its request gave up waiting
                    continue
                if error is None:
                    waiting.durable.set_result(None)
                else:
                    waiting.durable.set_exception(error)
        self._draining = None

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

    def append_now(self, requests: Sequence[Placed]) -> list[BusyError | None]:
        """One append for all of them, in the thread, where they are encoded too; what each is told, None: it is durable.

        One that cannot be encoded, which is a defect, is told so alone.
        """
        sound = [True] * len(requests)
        try:
            entries: Callable[[], list[Entry]] = partial(list, _entries(requests))
        except Exception:
            _log.exception("encoding failed", extra={"outcome": "internal", "requests": len(requests)})
            sound = list(map(_can_be_encoded, requests))
            entries = partial(_entries, list(compress(requests, sound)))
        error = self._append(entries, sum(sound)) if any(sound) else None
        return [error if is_sound else BusyError() for is_sound in sound]

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
            return BusyError()
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


def _can_be_encoded(request: Placed) -> bool:
    try:
        _entries([request])
    except Exception:  # whatever it is
        return False
    return True
