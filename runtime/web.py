"""What every HTTP surface of ours has in common: the error body, who may ask, and how much one may send."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Authenticate: TypeAlias = Callable[[str], bool]
"""Is this text an API key (`ak_<id>_<secret>`) that is good now? Must not block: keys are in memory."""


API_BODY_BYTES_MAX = 2 * 1024 * 1024
"""Of any request; routes may ask for less. A route that reads and bounds its body itself says so with `reads_own_body`."""
API_BODY_S_MAX = 60.0
"""How long it may take to arrive."""
_READS_OWN_BODY = "handraiser.reads_own_body"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("write a number")  # noqa: TRY004 - what pydantic takes for a refusal
    return value


WHOLE = BeforeValidator(_number)
"""Of an `int`: as JSON has it, 2.0 too; but true is not 1, and "1" is not either."""


class ErrorBody(BaseModel):
    """Every error of ours. `code` is for programs, `message` for people; `error` repeats `message` for SDKs reading only that."""

    code: str
    message: str
    detail: str
    error: str


def error_body(code: str, message: str, detail: str = "") -> dict[str, str]:
    return {"code": code, "message": message, "detail": detail or message, "error": message}


class ApiError(Exception):
    """An answer that is an error: status, a code for programs, a message that says what to do."""

    def __init__(self, status: int, code: str, message: str, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message, detail)
        self.headers = headers


def error_response(
    status: int, code: str, message: str, detail: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(error_body(code, message, detail), status, dict(headers) if headers else None)


def error_answer(error: ApiError) -> JSONResponse:
    """The answer that `error` is."""
    return JSONResponse(error.body, error.status, dict(error.headers) if error.headers else None)


def reads_own_body(request: Request) -> None:
    """Lift API_BODY_BYTES_MAX from this request."""
    request.scope[_READS_OWN_BODY] = True


class BodyBound:
    """Middleware: 413 beyond API_BODY_BYTES_MAX. FastAPI reads a whole body before anybody asks who sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        comes = True
        until = asyncio.get_running_loop().time() + API_BODY_S_MAX

        async def bounded() -> Message:
            nonlocal size, comes
            try:
                async with asyncio.timeout_at(until if comes and _READS_OWN_BODY not in scope else None):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The body was not here after {API_BODY_S_MAX:g} s. Send it again.") from None
            comes = message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > API_BODY_BYTES_MAX and _READS_OWN_BODY not in scope:
                raise HTTPException(
                    413, f"The body of this request may hold {API_BODY_BYTES_MAX // 1024 // 1024} MiB. Send less."
                )
            return message

        await self._app(scope, bounded, send)


class NoNul:
    """Middleware: 422 where the address has a NUL. No id of ours has one, and PostgreSQL takes none, not even to look for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            refusal = error_response(
                422, "invalid_request", "The address has a NUL (%00) in it, and no id has one. Leave it out."
            )
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CODES = {401: "unauthorized", 404: "not_found", 413: "request_too_big"}


def install_error_answers(app: FastAPI) -> None:
    """Give every error of `app`, 404, 405, 413, 422 and 500 too, the one error body."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)  # noqa: S101 - registered for this type only
        return error_answer(error)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        if error.status_code == 400:  # FastAPI's answer to bytes that are not UTF-8; elsewhere it says 422
            return error_response(422, "invalid_request", "The body is not JSON in UTF-8.")
        if error.status_code == 405:
            return _not_allowed(request)
        code = _CODES.get(error.status_code, "http_error")
        # Starlette says `Not Found`; we say what to do.
        found = error.status_code != 404
        message = error.detail if found else "There is nothing at this path. /openapi.json lists what there is."
        return error_response(error.status_code, code, message, headers=error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        if isinstance(error.body, bytes):  # not even tried as JSON
            problems += ". Say `Content-Type: application/json` of a JSON body"
        return error_response(422, "invalid_request", f"The request does not have the shape that this route takes: {problems}.")

    async def internal(_request: Request, _error: Exception) -> JSONResponse:
        return error_response(500, "internal", "Something went wrong on our side; it is logged. Sending the same again is safe.")

    app.add_exception_handler(ApiError, ours)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, internal)
    app.add_middleware(BodyBound)
    app.add_middleware(NoNul)


def _not_allowed(request: Request) -> JSONResponse:
    """Starlette names the methods of the first route of that path; a path of ours may have two."""
    routes, scope = request.app.routes, request.scope
    answered = [name for name in _METHODS if any(each.matches({**scope, "method": name})[0] is Match.FULL for each in routes)]
    methods = ", ".join(answered)
    return error_response(
        405, "method_not_allowed", f"{request.method} is not answered here: use {methods}.", headers={"Allow": methods}
    )


def api_key_required(authenticate: Authenticate) -> Any:
    """A FastAPI dependency: 401 unless the request carries `Authorization: Bearer ak_…`."""

    async def check(request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not authenticate(key.strip()):
            raise ApiError(
                401,
                "unauthorized",
                "This needs an API key: send `Authorization: Bearer ak_…` (the first one is in <data>/api-key).",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return Depends(check)


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody},
    404: {"model": ErrorBody},
    413: {"model": ErrorBody},
    422: {"model": ErrorBody},
}
"""`responses=` of an API route: what the OpenAPI document says of errors."""
