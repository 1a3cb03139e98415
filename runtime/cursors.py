"""Cursors of lists that come in pages: an answer's `next` in; where the next page begins, as a database compares it, out."""

from typing import Any

from fastapi import Query

from runtime.web import ApiError

DIGITS_MAX = 18
NUMBER = rf"\d{{1,{DIGITS_MAX}}}"
PLACE = rf"{NUMBER}\..+"
"""A time and an id, as in `1700000000000.ld_1`."""


def cursor(pattern: str) -> Any:
    """The parameter `cursor` of a route. Another one than the pattern is refused by what reads it, with words of ours."""
    return Query(description="`next` of the answer before.", json_schema_extra={"pattern": f"^{pattern}$"})


def number_of(text: str) -> int:
    """Raises ApiError."""
    if text.isdecimal() and len(text) <= DIGITS_MAX:
        return int(text)
    raise ApiError(422, "invalid_cursor", "cursor is not the `next` of an answer; leave it out to begin at the first page.")


def place_of(text: str | None) -> tuple[int, str] | None:
    """Raises ApiError."""
    if text is None:
        return None
    time, _, id_ = text.partition(".")
    return number_of(time if id_ else ""), id_
