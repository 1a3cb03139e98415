"""A client of ingest that costs little: connections that send prepared requests and wait for each answer."""

import asyncio
import base64
import json
import time
from itertools import count
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 32
PREPARED = 256


def body(size: int, n: int) -> bytes:
    """A batch of `size` events as an SDK sends it, the `n`th of its kind."""
    events = [
        {
            "type": "track",
            "messageId": f"m-{n}-{k}",
            "userId": f"user-{k % 50}",
            "event": "Contact Count Changed",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "properties": {"total": k, "source": "web", "campaign": "spring"},
            "context": {"groupId": f"account-{(n * 7 + k) % 5000}", "library": {"name": "analytics-python", "version": "2.2.3"}},
        }
        for k in range(size)
    ]
    return json.dumps({"batch": events, "sentAt": "2026-01-01T00:00:00.000Z"}).encode()


def request(url: str, key: str, content: bytes) -> bytes:
    """POST /v1/batch, to the byte."""
    head = (
        f"POST /v1/batch HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n"
        f"authorization: Basic {base64.b64encode(f'{key}:'.encode()).decode()}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def drive(url: str, key: str, size: int, seconds: float) -> tuple[int, float]:
    """(events acknowledged, wall seconds) of CONNECTIONS clients, batches of `size`."""
    requests = [request(url, key, body(size, n)) for n in range(PREPARED)]
    return uvloop.run(_drive(url, requests, size, seconds))


async def _drive(url: str, requests: list[bytes], size: int, seconds: float) -> tuple[int, float]:
    began, numbers = time.monotonic(), count()
    acknowledged = await asyncio.gather(*(_client(url, requests, numbers, began + seconds) for _ in range(CONNECTIONS)))
    return sum(acknowledged) * size, time.monotonic() - began


async def _client(url: str, requests: list[bytes], numbers: "count[int]", end: float) -> int:
    """Requests answered until `end`."""
    where, answered = urlsplit(url), 0
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    while time.monotonic() < end:
        writer.write(requests[next(numbers) % len(requests)])
        await _answer(reader)
        answered += 1
    writer.close()
    return answered


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    lines = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
    content = await reader.readexactly(int(lines["content-length"]))
    assert " 200 " in head.splitlines()[0], head + content.decode(errors="replace")


async def steady(url: str, key: str, size: int, batches_per_s: float) -> None:
    """One connection, a batch of `size` on every beat, until it is cancelled."""
    where, began = urlsplit(url), time.monotonic()
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    for n in count():
        writer.write(request(url, key, body(size, n)))
        await _answer(reader)
        await asyncio.sleep(max(0.0, began + (n + 1) / batches_per_s - time.monotonic()))
