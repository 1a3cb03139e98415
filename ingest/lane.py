"""The event routes' own way in: found by their path alone, before the middleware and the matching of all other routes.

Whatever is not a plain POST to one of them goes on to the application, which has the same routes: for its OpenAPI document, for
other methods, and for addresses with a query.
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
        plain = scope["type"] == "http" and scope["method"] == "POST" and not scope["query_string"]
        handle = self._handlers.get(scope["path"]) if plain else None
        if handle is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await handle(Request(scope, receive))
        except ApiError as error:
            response = error_answer(error)
        await response(scope, receive, send)
