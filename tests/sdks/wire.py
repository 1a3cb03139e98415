"""The way to ingest, with its bad days: counts requests, answers some of them itself, goes away for a while."""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True, slots=True)
class Request:
    """`received_at`: epoch ms; `answered`: the status; `by_us`: ingest has not seen it."""

    received_at: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answered: int
    by_us: bool


def refusal(status: int, retry_after_s: int | None = None) -> tuple[int, dict[str, str], bytes]:
    """As ingest words its errors."""
    said = "The tests say so."
    body = json.dumps({"code": f"says_{status}", "message": said, "detail": said, "error": said}).encode()
    headers = {"content-type": "application/json", "access-control-allow-origin": "*"}
    if retry_after_s is not None:
        headers |= {"retry-after": str(retry_after_s), "x-ratelimit-reset": str(retry_after_s)}
    return status, headers, body


Fault = Callable[[int], "tuple[int, dict[str, str], bytes] | None"]
"""Of the n-th request that carries events, from 0: what to answer in place of ingest; None: ingest answers."""


class Wire:
    """Listens on a port of its own before `target`'s. Close it."""

    def __init__(self, target: int, fault: Fault = lambda _: None) -> None:
        self.requests: list[Request] = []
        self._target = target
        self._fault = fault
        self._events = 0
        self._turn = threading.Lock()
        self._away_s: float | None = None
        self._away_since: float | None = None
        self._server = self._listen(0)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _listen(self, port: int) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", port), self._handler())
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def posted(self) -> list[Request]:
        return [each for each in self.requests if each.method == "POST"]

    def go_away(self, seconds: float) -> None:
        """From the first connection on, for so long, connections end at once with nothing said: as of a process that is gone."""
        self._away_s = seconds

    def _is_away(self) -> bool:
        if self._away_s is None:
            return False
        self._away_since = self._away_since or time.monotonic()
        return time.monotonic() - self._away_since < self._away_s

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                if wire._is_away():
                    reset = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                else:
                    super().handle()

            def log_message(self, *_: Any) -> None:
                """pytest's output is not the place."""

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, headers, answer = wire._answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_OPTIONS = _any  # noqa: N815 - http.server's names

        return Handler

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        refused, received_at = None, time.time_ns() // 1_000_000
        if method == "POST" and not path.startswith(("/flags", "/decide", "/v1/m")):
            with self._turn:
                refused = self._fault(self._events)
                self._events += 1
        answer = refused or self._forward(method, path, headers, body)
        self.requests.append(Request(received_at, method, path, headers, body, answer[0], refused is not None))
        return answer

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=30)
        connection.request(method, path, body, {name: value for name, value in headers.items() if name.lower() not in _HOP})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}, content


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes in the middle is its own affair."""
