"""HTTP as strangers speak it: connections, headers and the time for these are bounded, and what is no HTTP gets our error.

uvicorn has no such limits. Bodies are bounded where they are read (ingest/intake.py, runtime/web.py).
"""

import asyncio
import json
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime.web import error_body

CONNECTIONS_MAX: Final = 20_000
HEADERS_S_MAX: Final = 10.0
"""From a connection's beginning, or a request's first byte, to the end of its headers."""
HEAD_BYTES_MAX: Final = 64 * 1024
"""Of the request line and the headers."""
_REASONS: Final = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


class TooLongError(Exception):
    """The head of a request is; raised out of the parser."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _in_head = True
    _raw = 0
    """Bytes of the head that came, if it is not complete: a line that does not end is parsed never."""
    _parsed = 0
    _is_long = False
    _head_timer: asyncio.TimerHandle | None = None
    _idle_timer: asyncio.TimerHandle | None = None
    """Runs from the first byte that belongs to no request; uvicorn's own ends with any byte."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            self._refuse(503, "too_many_connections", "There are too many connections just now. Come again in a few seconds.")
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_idling()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # it was refused
            return
        if self._in_head:
            self._raw += len(data)
        super().data_received(data)
        if not self._in_head:
            self._stop_timer()
            # Before the first request there is no cycle, whatever its type says.
            if self._idle_timer is None and getattr(self.cycle, "response_complete", True):
                self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self.transport.close)
        elif self.transport.is_closing():
            pass
        elif self._raw > HEAD_BYTES_MAX:
            self._refuse_head()
        elif self._head_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        self._stop_idling()
        self._in_head, self._parsed = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._measure(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._raw = False, 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser could not take."""
        if self._is_long:
            self._refuse_head()
        else:
            self._refuse(400, "invalid_http", f"{msg} Is there a proxy or a client in between that changes requests?")

    def _measure(self, more: int) -> None:
        self._parsed += more
        if self._parsed > HEAD_BYTES_MAX:
            self._is_long = True
            raise TooLongError

    def _refuse_head(self) -> None:
        self._refuse(
            431,
            "headers_too_big",
            f"Address and headers may hold {HEAD_BYTES_MAX // 1024} KiB together. Send fewer, and data in the body.",
        )

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEADERS_S_MAX, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_idling(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing():
            self._refuse(408, "headers_too_slow", f"The headers were not here after {HEADERS_S_MAX:g} s. Send the request again.")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer, and end the connection: where its next request would begin is not known."""
        body = json.dumps(error_body(code, message)).encode()
        head: list[Any] = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        if status == 503:
            head.append("retry-after: 5")
        self.transport.write("\r\n".join([*head, "connection: close", "", ""]).encode() + body)
        self.transport.close()
