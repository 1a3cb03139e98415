"""Connections of strangers: slow, endless, malformed, idle by the thousand. The others are served meanwhile."""

import asyncio
import base64
import gzip
import json
import resource
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import zstandard

from handraiser.protocol import HEAD_BYTES_MAX, HEADERS_S_MAX, BoundedProtocol
from tests.journey.product import Product

IDLE = 10_000
TRACK = b'{"userId":"ada","event":"Sent","messageId":"m"}'


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("strangers") / "data")
    product.start()
    yield product
    product.close()


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    return product.create_project("shop")


def connect(product: Product) -> socket.socket:
    return socket.create_connection(("127.0.0.1", product.processes["up"].port), timeout=HEADERS_S_MAX + 10)


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of all that comes until the other side ends it."""
    said = b""
    while part := connection.recv(65536):
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def rss_mb(product: Product) -> float:
    status = Path(f"/proc/{product.processes['up'].pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def peak_mb(product: Product) -> float:
    """Since it started."""
    status = Path(f"/proc/{product.processes['up'].pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def is_served(product: Product, key: str) -> bool:
    return product.send(key, [{"type": "track", "userId": "ada", "event": "Sent"}]).status_code == 200


@pytest.mark.parametrize("first", [b"", b"POST /v1/track HTTP/1.1\r\nHost: x\r\nX-A"])
def test_headers_that_do_not_come_are_given_up(product: Product, first: bytes) -> None:
    with connect(product) as connection:
        started = time.monotonic()
        connection.sendall(first)
        status, body = answer(connection)
        assert (status, json.loads(body)["code"]) == (408, "headers_too_slow")
        assert HEADERS_S_MAX - 1 < time.monotonic() - started < HEADERS_S_MAX + 5


def test_headers_that_drip_get_no_more_time(product: Product, key: str) -> None:
    with connect(product) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")  # a request before it: the clock begins anew, once
        served = b""
        while b"}" not in served:
            served += connection.recv(65536)
        assert b" 200 " in served
        started = time.monotonic()
        connection.settimeout(0.5)
        said = b""
        while time.monotonic() - started < HEADERS_S_MAX + 5 and not said:
            connection.sendall(b"G" if time.monotonic() - started < 0.2 else b"E")
            try:
                said = connection.recv(65536)
            except TimeoutError:
                continue
        assert b"headers_too_slow" in said or b"invalid_http" in said
        assert is_served(product, key)


@pytest.mark.parametrize("shape", ["one long line", "many lines", "a long address"])
def test_headers_are_bounded(product: Product, shape: str) -> None:
    head = {
        "one long line": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2 * HEAD_BYTES_MAX,
        "many lines": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * HEAD_BYTES_MAX + b"\r\n",
        "a long address": b"GET /" + b"a" * 2 * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    }[shape]
    with connect(product) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head)
        try:
            status, body = answer(connection)
        except ConnectionResetError:  # the answer came while we were still sending
            return
        assert (status, json.loads(body)["code"]) == (431, "headers_too_big")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NOT HTTP AT ALL\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET  HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_http_or_two_things_at_once_is_refused(product: Product, key: str, request_: bytes) -> None:
    with connect(product) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        status, body = answer(connection)
    assert 400 <= status < 500
    assert b"HTTP/1.1 2" not in body, "nothing behind it is taken for a request"
    assert is_served(product, key)


def test_a_body_whose_other_half_never_comes_harms_nobody(product: Product, key: str) -> None:
    with connect(product) as connection:
        head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nX-Write-Key: %s\r\nContent-Length: 500\r\n\r\n" % key.encode()
        connection.sendall(head + TRACK)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        assert is_served(product, key)


async def test_a_connection_kept_alive_ends_though_stray_bytes_come() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, port=0, http=BoundedProtocol, timeout_keep_alive=1, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        async with asyncio.timeout(10):
            while not reader.at_eof():
                writer.write(b"\r\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.2)
        writer.close()
    finally:
        server.should_exit = True
        await serving


@pytest.mark.timeout(180)
def test_thousands_of_idle_connections_cost_little_and_end(product: Product, key: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, hard - 1_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = rss_mb(product)
    idle: list[socket.socket] = []
    try:
        address = "127.0.0.1", product.processes["up"].port
        idle += [socket.create_connection(address, timeout=10) for _ in range(count)]
        assert is_served(product, key)
        grown = rss_mb(product) - before
        print(f"{count:,} idle connections: {grown:.0f} MB")
        assert grown < 200
        time.sleep(HEADERS_S_MAX + 3)
        assert all(connection.recv(15).startswith(b"HTTP/1.1 408") for connection in idle[:: max(1, count // 50)])
        assert is_served(product, key)
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


HUGE = b"[" + b"0," * (50 * 1024 * 1024)
BOMBS = {
    "gzip": gzip.compress(HUGE),
    "zstd": zstandard.compress(HUGE),
    "deflate": zlib.compress(HUGE),
    "": b'{"batch":[' + b"0," * (5 * 1024 * 1024 - 100) + b"0]}",
}


@pytest.mark.timeout(240)
def test_bombs_from_many_at_once_are_answered_and_memory_stays_bounded(product: Product, key: str) -> None:
    """100 MiB each when they are decompressed, or ten million events: all refused, while others are served."""

    def throw(encoding: str) -> int:
        basic = base64.b64encode(f"{key}:".encode()).decode()
        headers = {"authorization": f"Basic {basic}", "content-encoding": encoding}
        return httpx.post(product.url("ingest") + "/v1/batch", content=BOMBS[encoding], headers=headers, timeout=120).status_code

    before = rss_mb(product)
    with ThreadPoolExecutor(16) as pool:
        thrown = [pool.submit(throw, encoding) for _ in range(12) for encoding in BOMBS]
        while not all(each.done() for each in thrown):
            assert is_served(product, key)
    print(f"from {before:.0f} MB to a peak of {peak_mb(product):.0f} MB")
    assert {each.result() for each in thrown} <= {400, 413, 429, 503}
    assert peak_mb(product) < before + 350
