"""Browsers may send events from any page: CORS headers on every answer under our paths for events, errors included, and
preflights answered.

Wrap the whole application with it (`CorsAnswers(app)`), outside all other middleware: 404, 405 and 500 need the headers too.
"""

import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFLIGHT_AGE_S = 600
_OPEN = re.compile(r"/(v1|batch|capture|e|i|api/v1|flags|decide|array)(/|$)")
"""Where SDKs send to, and where they ask for their settings."""
_ALWAYS = ((b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset"), (b"vary", b"Origin"))


class CorsAnswers:
    """No credentials are allowed: a page of another origin can use only a key that it knows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _OPEN.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"*")
        if scope["method"] == "OPTIONS":
            await _preflight(Headers(scope=scope), origin.decode("latin-1"))(scope, receive, send)
            return

        ours = [(b"access-control-allow-origin", origin), *_ALWAYS]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *ours]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _preflight(request: Headers, origin: str) -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": request.get("access-control-request-method", "POST"),
            "Access-Control-Allow-Headers": request.get("access-control-request-headers", "Authorization, Content-Type"),
            "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset",
            "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
            "Vary": "Origin, Access-Control-Request-Headers",
        },
    )
