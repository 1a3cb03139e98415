"""Many webhook receivers in one process, some of which can be made to have a bad day: requests in; when each came, out.

`python -m benchmarks.receivers COUNT`. Their ports are the first line printed. Then a line in is answered by a line: `behave DAY
FIRST`, which gives those from number FIRST on that day (`calm`: all answer 204), or `report`: what has come since the last one.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
FLOOD = b"x" * 65_536
DRIP_S = 1.0

Day: TypeAlias = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """One, to receiver `number`."""

    def __init__(self, number: int, all_: "Receivers") -> None:
        self._number = number
        self._all = all_
        self._got = b""
        self._paused = False
        self.wire: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < int(_header(head, b"content-length:")):
            return
        self._got = b""
        self._all.came.append((self._number, _header(head, b"webhook-id:").decode(), time.monotonic()))
        self._all.day_of(self._number)(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def repeat(self, piece: bytes, every_s: float) -> None:
        """Without end, as fast as it is read; `every_s`: one so often."""
        if not self.wire.is_closing():
            if not self._paused:
                self.wire.write(piece)
            asyncio.get_running_loop().call_later(max(every_s, 0.001), self.repeat, piece, every_s)


def _header(head: bytes, name: bytes) -> bytes:
    return next(line.partition(b":")[2].strip() for line in head.split(b"\r\n") if line.lower().startswith(name))


def _hang(_: Connection) -> None:
    pass


def _drip(connection: Connection) -> None:
    connection.wire.write(b"HTTP/1.1 200 OK\r\nx: ")
    connection.repeat(b"y", DRIP_S)


def _close_midway(connection: Connection) -> None:
    connection.wire.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    connection.wire.close()


def _endless_headers(connection: Connection) -> None:
    connection.wire.write(b"HTTP/1.1 200 OK\r\n")
    connection.repeat(b"x-more: and more\r\n" * 1_000, 0)


def _endless_body(connection: Connection) -> None:
    connection.wire.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
    connection.repeat(FLOOD, 0)


def _says(answer: bytes) -> Day:
    return lambda connection: connection.wire.write(answer)


DAYS: dict[str, Day] = {
    "refusing": _hang,  # and nobody listens
    "hanging": _hang,
    "dripping": _drip,
    "500": _says(b"HTTP/1.1 500 Oh No\r\ncontent-length: 0\r\n\r\n"),
    "redirecting": _says(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
    "closing midway": _close_midway,
    "endless headers": _endless_headers,
    "endless body": _endless_body,
}


class Receivers:
    """Each on a port of its own."""

    def __init__(self) -> None:
        self.came: list[tuple[int, str, float]] = []
        self.ports: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._day: str | None = None
        self._first_bad = 0

    async def open(self, count: int) -> None:
        for number in range(count):
            server = await self._listen(number, 0)
            self._servers.append(server)
            self.ports.append(server.sockets[0].getsockname()[1])

    def day_of(self, number: int) -> Day:
        return _says(OK) if self._day is None or number < self._first_bad else DAYS[self._day]

    async def behave(self, day: str, first_bad: int) -> None:
        if self._day == "refusing":
            for number in range(self._first_bad, len(self.ports)):
                self._servers[number] = await self._listen(number, self.ports[number])
        self._day, self._first_bad = None if day == "calm" else day, first_bad
        if day == "refusing":
            for server in self._servers[first_bad:]:
                server.close()

    def report(self) -> list[tuple[int, str, float]]:
        came, self.came = self.came, []
        return came

    async def _listen(self, number: int, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: Connection(number, self), "127.0.0.1", port)


async def serve(count: int) -> None:
    receivers = Receivers()
    await receivers.open(count)
    print(json.dumps(receivers.ports), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, _, rest = line.strip().partition(" ")
        if command == "behave":
            day, _, first_bad = rest.rpartition(" ")
            await receivers.behave(day, int(first_bad))
        print(json.dumps(receivers.report() if command == "report" else command), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
