"""What every HTTP surface of ours has in common: the error body, and who may ask."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

Authenticate: TypeAlias = Callable[[str], bool]
"""Is this text an API key (`ak_<id>_<secret>`) that is good now? Must not block: keys are in memory."""


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


_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed"}


def install_error_answers(app: FastAPI) -> None:
    """Give every error of `app`, 404, 405, 422 and 500 too, the one error body."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)  # noqa: S101 - registered for this type only
        return JSONResponse(error.body, error.status, dict(error.headers) if error.headers else None)

    async def http_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        if error.status_code == 400:  # FastAPI's answer to bytes that are not UTF-8; elsewhere it says 422
            return error_response(422, "invalid_request", "The body is not JSON in UTF-8.")
        code = _CODES.get(error.status_code, "http_error")
        return error_response(error.status_code, code, error.detail, headers=error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return error_response(422, "invalid_request", "The request does not have the shape that this route takes.", problems)

    async def internal(_request: Request, _error: Exception) -> JSONResponse:
        return error_response(500, "internal", "Something went wrong on our side; it is logged. Sending the same again is safe.")

    app.add_exception_handler(ApiError, ours)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, internal)


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
    422: {"model": ErrorBody},
}
"""`responses=` of an API route: what the OpenAPI document says of errors."""
