"""A URL, headers and a body come in; what the receiver answered goes out. The notifier's only HTTP client.

httpcore is used directly: it has no redirects, cookies, proxies from the environment or decompression that would have to be
switched off. Addresses are vetted where the connection is made, by the pool's network backend, never where the URL was saved.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import httpcore

from notifier.core.addresses import Policy, why_refused
from notifier.core.answers import Answer, ErrorKind, error_of
from notifier.core.urls import Target, UrlRefusedError, parse_url

USER_AGENT = "Handraiser-Webhooks/1"
BODY_BYTES_MAX = 16 * 1024
HEAD_BYTES_MAX = 32 * 1024
"""Of an answer. Reading on costs the time of others' deliveries."""
httpcore.AsyncHTTP11Connection.MAX_INCOMPLETE_EVENT_SIZE = HEAD_BYTES_MAX  # its only place; httpcore's own is 100 KiB
CONNECTIONS_PER_ENDPOINT = 5
"""Its four deliveries in flight, and a test."""
KEEP_S = 4.0
"""Below the 5 s after which Node and uvicorn close an idle connection: one closed under our hands would cost a try."""
LOOKUPS_MAX = 64

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to IP addresses; raises OSError."""
Phase: TypeAlias = Literal["dns", "connect", "tls", "headers"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `connect_s` is with TLS, `headers_s` from the request's first byte, `whole_s` all of it up to the headers."""

    dns_s: float = 2
    connect_s: float = 5
    headers_s: float = 15
    whole_s: float = 20
    body_s: float = 1


class AddressRefusedError(Exception):
    """The host leads to an address that policy forbids."""


class _LookupFailedError(Exception):
    """The host name has no address."""


@dataclass(slots=True)
class _Progress:
    """How far one attempt is, and the one timeout that moves on with it."""

    timeout: asyncio.Timeout
    begun: float
    whole_at: float
    deadlines: Deadlines
    phase: Phase = "dns"
    entered: float = 0.0
    ms: dict[Phase, int] = field(default_factory=dict)
    address: str | None = None
    socket: httpcore.AsyncNetworkStream | None = None
    """The bare connection while TLS is not yet made."""

    def enter(self, phase: Phase, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if self.entered:
            self.ms[self.phase] = _ms(now - self.entered)
        self.phase, self.entered = phase, now
        self.timeout.reschedule(min(now + seconds, self.whole_at))

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        """httpcore tells each step of the request here."""
        if name == "connection.start_tls.started":
            self.phase = "tls"  # within the connection's time
        elif name == "http11.send_request_headers.started":
            self.enter("headers", self.deadlines.headers_s)


_progress: ContextVar[_Progress] = ContextVar("attempt")


class Sender:
    """Sends to one pool of connections per endpoint, so that a slow one has its own. Close it with `aclose`."""

    def __init__(
        self,
        policy: Policy,
        deadlines: Deadlines | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self.policy = policy
        self._deadlines = deadlines or Deadlines()
        self._tls = tls or ssl.create_default_context()
        # threads of its own: a name server that hangs must not take the threads that serve the database
        self._lookups = ThreadPoolExecutor(LOOKUPS_MAX, "notifier-dns")
        self._resolve = resolve or self._look_up
        self._backend = _VettedBackend(self._resolve, policy)
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def send(self, endpoint_id: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST once, within the deadlines. Never raises for what the receiver or the network does."""
        try:
            target = parse_url(url, self.policy)
        except UrlRefusedError as error:
            return Answer(error=ErrorKind.URL_REFUSED, detail=error.code)
        begun = asyncio.get_running_loop().time()
        whole_at = begun + self._deadlines.whole_s
        progress = _Progress(asyncio.timeout_at(whole_at), begun, whole_at, self._deadlines)
        return await self._attempt(endpoint_id, _request(target, headers, body, progress), progress)

    async def _attempt(self, endpoint_id: str, request: httpcore.Request, progress: _Progress) -> Answer:
        pool = self._pool(endpoint_id)
        _progress.set(progress)
        try:
            async with progress.timeout:
                response = await pool.handle_async_request(request)
        except _RECEIVERS_FAULT as error:
            kind = _kind(error, progress.phase)
            if progress.phase == "tls" and progress.socket is not None:
                await progress.socket.aclose()  # httpcore leaves it open when our timeout ends the handshake
            return self._answer(progress, error=kind, detail=str(error) if kind in _TELLING else type(error).__name__)
        progress.ms["headers"] = _ms(asyncio.get_running_loop().time() - progress.entered)
        peer = response.extensions["network_stream"].get_extra_info("server_addr")
        progress.address = peer[0] if peer else progress.address
        read = await _head_of_body(response, self._deadlines.body_s)
        return self._answer(
            progress,
            status=response.status,
            error=error_of(response.status),
            retry_after=_header(response, b"retry-after"),
            body=read,
        )

    def _answer(self, progress: _Progress, **known: Any) -> Answer:
        return Answer(
            address=progress.address,
            dns_ms=progress.ms.get("dns"),
            connect_ms=progress.ms.get("connect", progress.ms.get("tls")),
            headers_ms=progress.ms.get("headers"),
            ms=_ms(asyncio.get_running_loop().time() - progress.begun),
            **known,
        )

    async def refusal(self, target: Target) -> str | None:
        """Why the host of `target` would be refused now, or None; also None if it has no address yet."""
        try:
            async with asyncio.timeout(self._deadlines.dns_s):
                _vet(await self._resolve(target.host, target.port), self.policy)
        except AddressRefusedError as error:
            return str(error)
        except OSError:  # a TimeoutError is one
            return None
        return None

    async def forget(self, endpoint_id: str) -> None:
        """Close an endpoint's connections."""
        pool = self._pools.pop(endpoint_id, None)
        if pool is not None:
            await pool.aclose()

    async def aclose(self) -> None:
        for endpoint_id in list(self._pools):
            await self.forget(endpoint_id)
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _pool(self, endpoint_id: str) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(endpoint_id)
        if pool is None:
            pool = self._pools[endpoint_id] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=CONNECTIONS_PER_ENDPOINT,
                keepalive_expiry=KEEP_S,
                network_backend=self._backend,
            )
        return pool

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._lookups, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except UnicodeError as error:  # a label of over 63 characters
            raise OSError(str(error)) from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _VettedBackend(httpcore.AsyncNetworkBackend):
    """Resolves once, vets every answer, and connects to an address that was vetted. TLS keeps the host's name."""

    def __init__(self, resolve: Resolve, policy: Policy) -> None:
        self._resolve = resolve
        self._policy = policy
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        progress = _progress.get()
        progress.enter("dns", progress.deadlines.dns_s)
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise _LookupFailedError from error
        if not addresses:
            raise _LookupFailedError
        _vet(addresses, self._policy)
        progress.enter("connect", progress.deadlines.connect_s)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            progress.address = address
            try:
                # one that hangs leaves time for the next; the last has all that is left
                share = progress.deadlines.connect_s / len(addresses) if left > 1 else timeout
                progress.socket = await self._sockets.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
            else:
                return progress.socket
        raise AssertionError("not reached")


_TELLING = (ErrorKind.ADDRESS_REFUSED,)
"""Kinds whose exception's text is ours and may be shown."""
_TIMEOUTS: dict[Phase, ErrorKind] = {
    "dns": ErrorKind.DNS_TIMEOUT,
    "connect": ErrorKind.CONNECT_TIMEOUT,
    "tls": ErrorKind.CONNECT_TIMEOUT,
    "headers": ErrorKind.HEADERS_TIMEOUT,
}
_RECEIVERS_FAULT = (
    AddressRefusedError,
    _LookupFailedError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    OSError,  # TimeoutError and ssl.SSLError among them
)
"""What a receiver, its name servers or the network can provoke. Anything else is a defect of ours and is raised."""


def _vet(addresses: Sequence[str], policy: Policy) -> None:
    """Raises AddressRefusedError if even one of the answers is forbidden: a mixed answer is an attack or a mistake."""
    for address in addresses:
        why = why_refused(address, policy)
        if why is not None:
            raise AddressRefusedError(f"{address} ({why})")


def _kind(error: Exception, phase: Phase) -> ErrorKind:
    """What went wrong, from the exception and from how far the attempt was."""
    kinds: dict[Phase, ErrorKind] = {
        "dns": ErrorKind.DNS_FAILED,
        "connect": ErrorKind.CONNECT_FAILED,
        "tls": ErrorKind.TLS_FAILED,
        "headers": ErrorKind.CLOSED,
    }
    if isinstance(error, AddressRefusedError):
        return ErrorKind.ADDRESS_REFUSED
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        kinds = _TIMEOUTS
    elif isinstance(error, httpcore.ProtocolError) and "disconnected" not in str(error):
        return ErrorKind.NOT_HTTP
    return kinds[phase]


def _request(target: Target, headers: Mapping[str, str], body: bytes, progress: _Progress) -> httpcore.Request:
    ours = {
        "host": target.authority,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
    }
    return httpcore.Request(
        "POST",
        httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers=list((dict(headers) | ours).items()),
        content=body,
        extensions={"trace": progress.trace},
    )


async def _head_of_body(response: httpcore.Response, seconds: float) -> bytes:
    """The first BODY_BYTES_MAX bytes, as far as they come in time: the status has decided already."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) >= BODY_BYTES_MAX:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    await response.aclose()
    return bytes(body[:BODY_BYTES_MAX])


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
