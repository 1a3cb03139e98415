"""The event routes' own way in: found by their path alone, before the middleware and the matching of all other routes.

Whatever is not a POST to one of them goes on to the application, which has the same routes: for its OpenAPI document, and for
other methods.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.web import ApiError, error_answer

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
"""Answers one request, or raises ApiError."""


class EventLane:
    """Middleware, outside all other of ours. `handlers` are found by path."""

    def __init__(self, app: ASGIApp, handlers: Mapping[str, Handler]) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        posted = scope["type"] == "http" and scope["method"] == "POST"
        handle = self._handlers.get(scope["path"]) if posted else None
        if handle is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await handle(Request(scope, receive))
        except ApiError as error:
            response = error_answer(error)
        await response(scope, receive, send)
