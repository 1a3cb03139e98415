"""Dates that a product sends, and the time since them or until them at a moment."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from detector.core.instants import NEVER

_ISO: Final = re.compile(
    r"""[0-9]{4}-[01][0-9]-[0-3][0-9]
        (?:[T\ ] (?:[01][0-9]|2[0-3]):[0-5][0-9] (?::[0-5][0-9](?:\.[0-9]{1,9})?)? (?:Z|[+-][0-2][0-9]:?[0-5][0-9])? )?""",
    re.VERBOSE,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = (10**8, 10**11)
"""Numbers in between are epoch seconds (1973 to 5138), a thousand times as many are milliseconds. Others are no dates."""


def date_ms(value: object) -> int | None:
    """Epoch ms of what is written in ISO 8601 (a day is its midnight, no offset is UTC), in epoch seconds or in milliseconds.

    None: it is no date.
    """
    if isinstance(value, str):
        return _iso_ms(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if _SECONDS[0] <= value < _SECONDS[1]:
        return int(value * 1_000)
    return int(value) if _SECONDS[1] <= value < _SECONDS[1] * 1_000 else None


def _iso_ms(text: str) -> int | None:
    if len(text) > 40 or not _ISO.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
        since = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None  # 30 February, an offset that leaves the calendar
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def elapsed(how: Literal["since", "until"], date: int | None, t: int) -> int | None:
    """Milliseconds since the date, or until it, 0 at the date itself; None: there is none, or it lies on the other side of t."""
    if date is None:
        return None
    found = t - date if how == "since" else date - t
    return found if found >= 0 else None


def next_elapsed(how: Literal["since", "until"], date: int | None, t: int, thresholds: Sequence[int]) -> int:
    """The first instant after t at which `elapsed` may compare otherwise with one of these (ms); NEVER: there is none.

    `until <= K` and `until > K` change when K is left, `until < K` and `until >= K` a millisecond later, `since` likewise.
    """
    if date is None:
        return NEVER
    sign = 1 if how == "since" else -1
    turns = (date + sign * threshold + late for threshold in (0, *thresholds) for late in (0, 1))
    return min((turn for turn in turns if turn > t), default=NEVER)
