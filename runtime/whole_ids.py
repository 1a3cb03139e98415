"""Routes of ids that may have slashes in them: the path as it was sent in, which route is meant, and of what id, out."""

from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

_SLASH = "\ud800"
"""For a slash of an id. It is in no path that is decoded: half of a character is no UTF-8."""


class WholeIds(APIRoute):
    """A `%2F` belongs to the id in which it stands, and is never where a part of the path ends.

    So `accounts/a%2Fwhy` is the account `a/why`, and `accounts/a/why` is why of `a`. A plain slash is taken for one of the id
    where no route says otherwise.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches({**scope, "path": _marked(scope)})
        return match, _unmarked(child)


def _marked(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return str(scope["path"])
    parts = raw.replace(b"%2f", b"%2F").split(b"%2F")
    return _SLASH.join(unquote_to_bytes(part).decode(errors="replace") for part in parts)


def _unmarked(child: Scope) -> Scope:
    params: dict[str, Any] = child.get("path_params", {})
    found = {name: value.replace(_SLASH, "/") if isinstance(value, str) else value for name, value in params.items()}
    return {**child, "path_params": found} if params else child
