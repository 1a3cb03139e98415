"""One HTTP request in; its events, and what was wrong with some, durably in the log before this returns."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar, cast

from fastapi import Request

from contracts.messages import EventType
from ingest import metrics
from ingest.access import find_key
from ingest.batcher import Batcher
from ingest.core.envelope import Envelope
from ingest.core.native import read_native
from ingest.core.normalise import TYPES, Arrival, normalise
from ingest.core.placement import Lines, place
from ingest.core.rejection import Origin, Rejection, dead_letter
from ingest.core.request import REQUEST_BYTES_MAX, plain_body, too_big
from ingest.core.segment import read_segment
from ingest.keys import KeyRing
from ingest.store import StoredWriteKey
from runtime.clock import Clock

NATIVE = "events"
"""The native route; all others are Segment's."""
LOOP_BYTES_MAX = 128 * 1024
"""Larger bodies are read in a thread: other requests must not wait for them."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Work:
    """One request as its log line tells it."""

    route: str
    bytes: int = 0
    accepted: int = 0
    rejected: int = 0
    key_id: str | None = None
    project: str | None = None
    outcome: str = "internal"


@dataclass(frozen=True, slots=True)
class Judged:
    """A request's events and rejections, encoded for the log."""

    lines: Lines
    accepted: int
    rejections: list[Rejection]
    traits_dropped: int


class Intake:
    """`new_id` gives a random id at each call."""

    def __init__(self, keys: KeyRing, batcher: Batcher, clock: Clock, new_id: Callable[[], str]) -> None:
        self._keys = keys
        self._batcher = batcher
        self._clock = clock
        self._new_id = new_id

    async def take(self, request: Request, work: Work) -> list[Rejection]:
        """Return what was rejected when everything is durable; fills `work`.

        Raises RequestError (400), ApiError (401), BusyError, starlette's ClientDisconnect.
        """
        body = plain_body(await self._body(request, work), request.headers.get("content-encoding", ""))
        envelope = await _off_loop(len(body), _read, work.route, body)
        key = find_key(request.headers, envelope.write_key, self._keys)
        work.key_id, work.project = key.id, key.project
        judged = await _off_loop(len(body), self._judge, work.route, envelope, key)
        await self._batcher.append(judged.lines)
        self._count(judged, work)
        return judged.rejections

    async def _body(self, request: Request, work: Work) -> bytes:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > REQUEST_BYTES_MAX:
            raise too_big()
        chunks: list[bytes] = []
        async for chunk in request.stream():
            work.bytes += len(chunk)
            if work.bytes > REQUEST_BYTES_MAX:
                raise too_big()
            chunks.append(chunk)
        return b"".join(chunks)

    def _judge(self, route: str, envelope: Envelope, key: StoredWriteKey) -> Judged:
        kind = cast("EventType", route) if route in TYPES else None
        arrival = Arrival(key.project, key.id, key.trust, self._clock(), self._new_id)
        done = normalise(envelope.split(), envelope, kind, arrival)
        origin = Origin(key.project, f"/v1/{route}", key.id, arrival.received_at)
        letters = [dead_letter(rejection, origin, self._new_id()) for rejection in done.rejections]
        lines = place(done.events, letters, self._batcher.partitions)
        return Judged(lines, len(done.events), done.rejections, done.traits_dropped)

    def _count(self, judged: Judged, work: Work) -> None:
        work.accepted, work.rejected = judged.accepted, len(judged.rejections)
        self._batcher.traffic.record(self._clock(), work.accepted, work.rejected)
        metrics.EVENTS.inc(work.accepted)
        metrics.TRAITS_DROPPED.inc(judged.traits_dropped)
        for rejection in judged.rejections:
            metrics.REJECTED.labels(rejection.code).inc()


def _read(route: str, body: bytes) -> Envelope:
    return read_native(body) if route == NATIVE else read_segment(route, body)


async def _off_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    if size <= LOOP_BYTES_MAX:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
