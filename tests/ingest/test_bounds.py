"""What one client, or many together, can make ingest hold: bounded, and everybody told what to do."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from fastapi import Request

from contracts.messages import DEAD_LETTERS, EVENTS, UNATTRIBUTED
from ingest.core.dialect import Sent
from ingest.core.native import read_events
from ingest.core.normalise import Arrival, normalise
from ingest.core.placement import Placed, place, size, values
from ingest.core.rejection import Origin, RequestError, dead_letter
from ingest.core.request import REQUEST_BYTES_MAX
from ingest.core.routes import ROUTES
from ingest.intake import BODIES_BYTES_MAX, READERS_MAX, Intake, Work
from runtime.web import ApiError
from tests.ingest.served import NOW, Served

MIB = 1024 * 1024


@pytest.mark.parametrize("event", [b"0", b"{}", b'""'])
def test_a_million_empty_events_are_refused_and_never_held(event: bytes) -> None:
    body = b"[" + (event + b",") * 1_000_000 + event + b"]"
    tracemalloc.start()
    with pytest.raises(RequestError, match="5,000 events"):
        read_events(body).split()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(body) + MIB


LONG = dict.fromkeys(("event", "userId", "groupId", "anonymousId"), "x" * 900)


@pytest.mark.parametrize(
    ("events", "each", "whole"),
    [
        (1, {}, {}),
        (100, {}, {}),
        (100, {}, {"context": {"library": "x" * 5_000}}),
        (100, {"context": {"library": "x" * 5_000}}, {}),
        (1, {}, {"unknown": "x" * 2 * MIB}),
        (1, {}, {"unknown": "x" * 2 * MIB, "context": {"library": "x"}}),
        (10, {"unknown": "x" * 100_000, "properties": {"n": 1}}, {"context": {"library": "x"}}),
        (100, LONG, {}),
        (100, {"type": "identify", "traits": {"email": "x"}} | LONG, {}),
        (100, dict.fromkeys(LONG, "\x01" * 150), {}),
        (100, {"groupId": ""}, {}),
        (2, {"properties": {"x": "x" * 200_000}}, {}),
        (20, {"type": "none", "event": "x" * 60_000}, {}),
    ],
    ids=str,
)
def test_what_a_request_takes_until_it_is_durable_is_what_is_counted(
    events: int, each: dict[str, Any], whole: dict[str, Any]
) -> None:
    """Also of what nobody keeps, and of what is cut out of something larger; and of the log it takes no more."""
    event = {"type": "track", "event": "Sent", "userId": "ada", "groupId": "bolt", "timestamp": "2026-05-28T20:26:40Z"} | each
    body = {"batch": [{**event, "messageId": f"m{n}"} for n in range(events)]} | whole
    requests = [msgspec.json.encode(body | {"n": n}) for n in range(5)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        placed = [_placed(bytes(request)) for request in map(bytearray, requests)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = sum(size(each, len(request)) for each, request in zip(placed, requests, strict=True))
    assert taken < 1.7 * counted, f"{taken / counted:.2f}"
    assert sum(len(value) for each in placed for _, value in values([each])) < 1.2 * counted


def _placed(body: bytes) -> Placed:
    route = ROUTES["/v1/batch"]
    envelope = route.dialect.read(Sent(route.kind, body, {"authorization": "Basic d2s6"}, {}))
    done = normalise(envelope.split(), envelope, None, Arrival("mail", "k", "server", NOW, lambda: "id"), route.dialect)
    letters = [dead_letter(each, Origin("mail", "/v1/batch", "k", NOW), "id") for each in done.rejections]
    return place(done.events, letters, {EVENTS: 4, UNATTRIBUTED: 4, DEAD_LETTERS: 2})


@pytest.mark.parametrize(("count", "taken"), [(5_000, True), (5_001, False)])
def test_the_5000th_event_is_taken_and_the_5001st_refuses_the_request(count: int, taken: bool) -> None:
    envelope = read_events(b"[" + b",".join([b'{"a":1,"b":2}'] * count) + b"]")
    if taken:
        assert len(envelope.split()) == count
        return
    with pytest.raises(RequestError) as refused:
        envelope.split()
    assert refused.value.code == "too_many_events"


async def test_bodies_that_are_being_received_are_bounded_together(served: Served) -> None:
    go_on = asyncio.Event()
    waiting = asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"batch":[]' + b" " * (REQUEST_BYTES_MAX - MIB)
        waiting.release()
        await go_on.wait()
        yield b"}"

    async def send(body: Any) -> tuple[int, str | None]:
        answer = await served.client.post("/v1/batch", content=body, auth=(served.key, ""))
        return answer.status_code, answer.headers.get("retry-after")

    fitting = BODIES_BYTES_MAX // (REQUEST_BYTES_MAX - MIB)
    uploads = [asyncio.create_task(send(slow())) for _ in range(fitting)]
    for _ in uploads:
        await waiting.acquire()
    assert await send(b'{"batch":[]}' + b" " * 2 * MIB) == (429, "2")
    assert await send(b'{"batch":[]}') == (200, None)
    go_on.set()
    assert await asyncio.gather(*uploads) == [(200, None)] * fitting
    assert await send(b'{"batch":[]}' + b" " * 2 * MIB) == (200, None)


async def test_a_body_that_does_not_arrive_is_given_up(served: Served) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    intake = Intake(served.keys, served.batcher, served.arrivals, lambda: served.now, lambda: "id", body_s_max=0.01)
    request = Request({"type": "http", "method": "POST", "headers": [], "query_string": b""}, receive)
    with pytest.raises(ApiError) as given_up:
        await intake.take(request, ROUTES["/v1/batch"], Work("/v1/batch"))
    assert (given_up.value.status, given_up.value.body["code"]) == (408, "body_too_slow")


async def test_small_bombs_that_wait_are_not_held_inflated(served: Served) -> None:
    bomb = gzip.compress(b'{"batch":[]}' + b" " * (REQUEST_BYTES_MAX - MIB))
    await served.post("batch", bomb)
    tracemalloc.start()
    answers = await asyncio.gather(*(served.post("batch", bomb) for _ in range(20)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {answer.status_code for answer in answers} == {200}
    assert peak < (READERS_MAX * 5 + 1) * REQUEST_BYTES_MAX
