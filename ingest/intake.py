"""One HTTP request in; its events, and what was wrong with some, durably in the log before this returns."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import msgspec
from fastapi import Request

from contracts.messages import EventType
from ingest import metrics
from ingest.access import IMPORT_HEADER, check_may_import, find_key
from ingest.arrivals import Arrivals
from ingest.batcher import Batcher, BusyError
from ingest.core.arrived import Named, counted
from ingest.core.browser_form import unwrapped
from ingest.core.dialect import Answer, Sent
from ingest.core.normalise import TYPES, Arrival, normalise
from ingest.core.placement import Placed, place, size
from ingest.core.rejection import Origin, RequestError, dead_letter
from ingest.core.request import REQUEST_BYTES_MAX, plain_body, too_big
from ingest.core.routes import Route
from ingest.keys import KeyRing
from ingest.pace import Pace
from ingest.store import StoredWriteKey
from runtime.clock import Clock
from runtime.web import ApiError

LOOP_BYTES_MAX = 128 * 1024
"""Larger bodies, decompressed, are read in a thread: other requests must not wait for them."""
READERS_MAX = 2
"""Threads that read large bodies: so many are held decompressed at a time, however many small bombs wait."""
BODIES_BYTES_MAX = 64 * 1024 * 1024
"""Of all bodies that are being received and read, as sent. What is read counts as waiting bytes (batcher.py)."""
BODY_S_MAX = 30.0
"""A body that takes longer to arrive is given up, so that clients which send a byte now and then do not hold the room."""


class Work(msgspec.Struct):
    """One request as its log line tells it. `route` is its path; what is an alias has the path of what it stands for."""

    route: str
    bytes: int = 0
    accepted: int = 0
    rejected: int = 0
    key_id: str | None = None
    project: str | None = None
    outcome: str = "internal"


@dataclass(frozen=True, slots=True)
class Judged:
    """A request's events and rejections, ready for the log. `bytes`: about what they take."""

    placed: Placed
    bytes: int
    answer: Answer
    accepted: int
    rejected: Sequence[str]
    """Their codes."""
    traits_dropped: int
    arrived: Mapping[Named, int]


class Intake:
    """`new_id` gives a random id at each call."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a request has to do with
        self,
        keys: KeyRing,
        batcher: Batcher,
        arrivals: Arrivals,
        clock: Clock,
        new_id: Callable[[], str],
        body_s_max: float = BODY_S_MAX,
    ) -> None:
        self._keys = keys
        self._batcher = batcher
        self._arrivals = arrivals
        self._clock = clock
        self._new_id = new_id
        self._body_s_max = body_s_max
        self._bodies_bytes = 0
        self._pace = Pace()
        self._readers = ThreadPoolExecutor(READERS_MAX, "ingest-read")  # its own: others' threads must not wait for large bodies

    async def take(self, request: Request, route: Route, work: Work) -> Answer:
        """Return what to answer when everything is durable; fills `work`.

        Raises RequestError (400), ApiError (401, 403, 408), BusyError, starlette's ClientDisconnect.
        """
        try:
            judged = await self._judged(request, route, work)
        finally:
            self._bodies_bytes -= work.bytes
        await self._batcher.append(judged.placed, judged.bytes)
        self._count(judged, work)
        return judged.answer

    async def _judged(self, request: Request, route: Route, work: Work) -> Judged:
        headers = _headers(request)
        query = dict(request.query_params) if request.scope["query_string"] else {}
        address = (request.scope.get("client") or ("",))[0]
        opened = unwrapped if route.dialect.forms else bytes
        encoding = headers.get("content-encoding", "")
        sent = await self._body(request, headers.get("content-length", ""), work)
        try:
            body = plain_body(sent, encoding, LOOP_BYTES_MAX)
        except RequestError as error:
            if not error.too_big:
                raise
            # inflated there, not here: of small bombs that wait, nothing but their small bytes is held
            in_thread = asyncio.get_running_loop().run_in_executor
            return await in_thread(
                self._readers,
                lambda: self._judge(Sent(route.kind, opened(plain_body(sent, encoding)), headers, query, address), route, work),
            )
        return self._judge(Sent(route.kind, opened(body), headers, query, address), route, work)

    async def _body(self, request: Request, length: str, work: Work) -> bytes:
        if length.isdecimal() and int(length[:20]) > REQUEST_BYTES_MAX:
            raise too_big()
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._body_s_max):
                async for chunk in request.stream():
                    work.bytes += len(chunk)
                    self._bodies_bytes += len(chunk)
                    if work.bytes > REQUEST_BYTES_MAX:
                        raise too_big()
                    if self._bodies_bytes > BODIES_BYTES_MAX:
                        raise BusyError
                    chunks.append(chunk)
        except TimeoutError:
            raise _too_slow(self._body_s_max) from None
        return b"".join(chunks)

    def _judge(self, sent: Sent, route: Route, work: Work) -> Judged:
        envelope = route.dialect.read(sent)
        key = find_key(sent.headers, envelope.write_key, self._keys)
        work.key_id, work.project = key.id, key.project
        historical = envelope.historical or bool(sent.headers.get(IMPORT_HEADER))
        if historical:
            check_may_import(key)
        self._check_pace(key, sent, route)
        kind = cast("EventType", route.kind) if route.kind in TYPES else None
        arrival = Arrival(
            key.project, key.id, key.trust, self._clock(), self._new_id, historical, self._keys.settings(key.project)
        )
        done = normalise(envelope.split(), envelope, kind, arrival, route.dialect)
        self._pace.sent(key, sent.address, self._clock(), len(done.events) + len(done.rejections))
        origin = Origin(key.project, route.path, key.id, arrival.received_at)
        letters = [dead_letter(rejection, origin, self._new_id()) for rejection in done.rejections]
        placed = place(done.events, letters, self._batcher.partitions)
        answer = route.dialect.answer(done.events, done.rejections)
        return Judged(
            placed,
            size(placed, len(sent.body)),
            answer,
            len(done.events),
            [each.code for each in done.rejections],
            done.traits_dropped,
            counted(done.events),
        )

    def _check_pace(self, key: StoredWriteKey, sent: Sent, route: Route) -> None:
        """Raises ApiError 429 (503 where that would lose events) `too_fast`."""
        wait_s = self._pace.wait_s(key, sent.address, self._clock())
        if wait_s:
            raise ApiError(
                route.dialect.too_fast,
                "too_fast",
                f"More events came with this key, or from this address, than it may send. Send the same again in {wait_s} s.",
                headers={"Retry-After": str(wait_s), "X-RateLimit-Reset": str(wait_s)},
            )

    def _count(self, judged: Judged, work: Work) -> None:
        work.accepted, work.rejected = judged.accepted, len(judged.rejected)
        self._batcher.traffic.record(self._clock(), work.accepted, work.rejected)
        metrics.EVENTS.inc(work.accepted)
        self._arrivals.count(judged.arrived)
        if judged.traits_dropped:
            metrics.TRAITS_DROPPED.inc(judged.traits_dropped)
        for code in judged.rejected:
            metrics.REJECTED.labels(code).inc()


def _headers(request: Request) -> dict[str, str]:
    """Each decoded once. Of several with one name the first counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}


def _too_slow(seconds: float) -> ApiError:
    return ApiError(
        408,
        "body_too_slow",
        f"The body was not here after {seconds:g} s. Send it again, in smaller batches if the network is slow.",
        headers={"Connection": "close"},
    )
