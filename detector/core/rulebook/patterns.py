"""Patterns of `matches`: RE2 syntax, looked for anywhere in a text whatever its case, in time that is linear in the text.

What only backtracking can do (backreferences, looking ahead) is refused; so is what would need a program of more than 500
instructions, as nested repetitions do. A text of 1,024 characters then takes milliseconds at the very worst.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

CHARACTERS_MAX: Final = 200
_INSTRUCTIONS_MAX: Final = 500
_BYTES_MAX: Final = 1_000_000


class PatternError(ValueError):
    """Not a pattern; says why."""


@lru_cache(maxsize=4_096)
def compiled(pattern: str) -> Any:
    """Made once, however often a rulebook is checked and compiled. Raises PatternError."""
    if len(pattern) > CHARACTERS_MAX:
        raise PatternError(f"a pattern has at most {CHARACTERS_MAX} characters")
    try:
        found = re2.compile(pattern, _options())
    except re2.error as error:
        raise PatternError(_said(error)) from None
    if found.programsize > _INSTRUCTIONS_MAX:
        raise PatternError("too large: use fewer or shorter repetitions")
    return found


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = _BYTES_MAX
    options.log_errors = False
    return options


def _said(error: Exception) -> str:
    reason = error.args[0] if error.args else b""
    return str(reason.decode(errors="replace") if isinstance(reason, bytes) else reason)


def finder(pattern: str) -> Callable[[object], bool | None]:
    """Whether the pattern is found in a value; None (unknown) for what is no text."""
    search = compiled(pattern).search

    def found(value: object) -> bool | None:
        return search(value.encode(errors="replace")) is not None if isinstance(value, str) else None

    return found
