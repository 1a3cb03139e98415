"""A time as files have it (ISO 8601, epoch seconds, epoch milliseconds) in, ISO 8601 as we send it out. Pure."""

import re
from datetime import UTC, datetime, timedelta

from ingest.core.times import parse_time

SECONDS_MAX = 100_000_000_000
"""Below this a number is seconds (until the year 5138), else milliseconds (since 1973)."""
MILLISECONDS_MAX = 253_402_300_800_000
"""The year 10,000. Microseconds lie beyond."""
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_DATE_LENGTH = 8
"""20260131 is a day, by ISO 8601."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(value: str | float) -> str:
    """Without a zone it is UTC. Raises ValueError for what is no time from 1970 on."""
    text = value.strip() if isinstance(value, str) else repr(value)
    if _NUMBER.fullmatch(text) and not (isinstance(value, str) and len(text) == _DATE_LENGTH):
        return _iso(_milliseconds(text))
    if not isinstance(value, str):
        raise ValueError(text)  # noqa: TRY004 - a number below zero, which is no time of ours
    return _iso(parse_time(text))


def _milliseconds(number: str) -> int:
    value = float(number)
    if value >= MILLISECONDS_MAX:
        raise ValueError(number)
    return round(value * 1000) if value < SECONDS_MAX else round(value)


def _iso(milliseconds: int) -> str:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
