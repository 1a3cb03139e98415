"""Text of numbers, percentages, durations and sizes into values: the one place that knows how they are written."""

import re
from decimal import Decimal
from typing import Final

SECOND_MS: Final = 1_000
UNITS_MS: Final = {"s": SECOND_MS, "m": 60 * SECOND_MS, "h": 3_600 * SECOND_MS, "d": 86_400 * SECOND_MS, "w": 604_800 * SECOND_MS}
DURATION_MAX_MS: Final = 3_650 * UNITS_MS["d"]
NUMBER_MAX: Final = 1e15
"""Up to here a float still counts in whole numbers."""
BYTES: Final = "bytes"
SIZES: Final = {
    "B": 1,
    **{name: 1000**power for power, name in enumerate(("KB", "MB", "GB", "TB", "PB"), 1)},
    **{name: 1024**power for power, name in enumerate(("KiB", "MiB", "GiB", "TiB", "PiB"), 1)},
}

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?", re.ASCII)
PERCENT_PATTERN: Final = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)%"
DURATION_PATTERN: Final = r"([0-9]{1,10})([smhdw])"
SIZE_PATTERN: Final = r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([KMGTP]i?B|B)"
_PERCENT = re.compile(PERCENT_PATTERN, re.ASCII)
_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)


def number(text: str) -> float | None:
    """`500` -> 500, `12.5` -> 12.5; None if it is not a number, or one beyond ± 1e15. Whole numbers come back as int."""
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if not -NUMBER_MAX <= value <= NUMBER_MAX:
        return None
    return int(value) if value.is_integer() else value


def percent(text: str) -> float | None:
    """`80%` -> 0.8 (the float nearest to 80/100); None if it is not a percentage."""
    found = _PERCENT.fullmatch(text)
    return float(Decimal(found[1]) / 100) if found else None


def duration_ms(text: str) -> int | None:
    """`15m` -> 900000. Units: s, m, h, d (24 hours), w. None if it is not a duration, or one beyond 3,650 days."""
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    value = int(found[1]) * UNITS_MS[found[2]]
    return value if value <= DURATION_MAX_MS else None


def size(text: str) -> float | None:
    """`5 GB` -> 5000000000 (bytes). B, KB … PB are powers of 1000, KiB … PiB of 1024. None: no size up to 1e15."""
    found = _SIZE.fullmatch(text)
    value = Decimal(found[1]) * SIZES[found[2]] if found else None
    if value is None or value > NUMBER_MAX:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def amount(text: str, unit: str | None) -> float | None:
    """A number, in `unit`: plain digits, a duration where the unit is one (`5m` in s -> 300), a size where it is bytes.

    None: it is none of these, or negative.
    """
    value = number(text)
    if value is None and unit in UNITS_MS:
        ms = duration_ms(text)
        value = None if ms is None else _whole(ms / UNITS_MS[unit])
    elif value is None and unit == BYTES:
        value = size(text)
    return value if value is not None and value >= 0 else None


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value
