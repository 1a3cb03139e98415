"""Values in, words that a person reads out: numbers, shares, durations, times, lists."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import floor, isfinite
from typing import Any

from detector.core import partly
from detector.core.rulebook import units
from detector.core.rulebook.model import Step, Type

SEVERAL_MAX = 10
_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""Not the platform's: what a lead says must not depend on where it is said."""
_SHORT_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def number(value: float) -> str:
    """1234567.5 -> "1,234,567.5"; at most two decimals."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def tenths(share: float) -> float:
    """In percent, rounded down to a tenth, for just below a step is not at it: 0.7999 -> 79.9."""
    scaled = share * 1_000
    return floor(round(scaled, 6)) / 10 if isfinite(scaled) else share


def percent(share: float) -> str:
    """0.974 -> "97.4 %"."""
    return f"{number(tenths(share))} %"


def step(of: Step | None) -> str | None:
    """0.8 -> "80%", as the rulebook writes it."""
    return of if of is None or isinstance(of, str) else f"{of * 100:g}%"


def duration(ms: float) -> str:
    """In the largest unit that fits: 172800000 -> "2 days"."""
    for unit, size in _UNITS:
        if ms >= size:
            count = int(ms // size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "less than a second"


def amount(of: float, unit: str | None) -> str:
    """In the unit of a limit: 290 s -> "4 minutes 50 seconds", 4870000000 bytes -> "4.87 GB", 3 credits -> "3 credits"."""
    if unit is None:
        return number(of)
    if unit in units.UNITS_MS and abs(of) <= units.NUMBER_MAX:
        return _length(of * units.UNITS_MS[unit])
    return _size(of) if unit == units.BYTES else f"{number(of)} {unit}"


def _length(ms: float) -> str:
    """The two largest units, the second only if there is something of it."""
    sign, left = ("-", -ms) if ms < 0 else ("", ms)
    for place, (_, size) in enumerate(_UNITS):
        if left >= size:
            rest = left % size
            more = place + 1 < len(_UNITS) and rest >= _UNITS[place + 1][1]
            return f"{sign}{duration(left)} {duration(rest)}" if more else f"{sign}{duration(left)}"
    return f"{number(ms / 1_000)} seconds"


def _size(of: float) -> str:
    """In the largest power of 1000 that fits."""
    for name in ("PB", "TB", "GB", "MB", "KB"):
        if abs(of) >= units.SIZES[name]:
            return f"{number(of / units.SIZES[name])} {name}"
    return f"{number(of)} bytes"


def window(ms: int) -> str:
    """As a rulebook writes it: 1209600000 -> "14d"."""
    return next((f"{ms // size}{unit}" for unit, size in _SHORT_UNITS if ms % size == 0), f"{ms}ms")


def time(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def day(ms: int) -> str:
    """As a sentence says it: "15 May 2026", in UTC."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def listed(names: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def several(values: list[Any] | set[Any]) -> str:
    """A list as it was sent, a set in order; of more than ten how many more there are."""
    texts = [str(each) for each in values] if isinstance(values, list) else sorted(map(str, values))
    more = len(texts) - SEVERAL_MAX
    return listed(texts if more <= 0 else [*texts[:SEVERAL_MAX], f"{more} more"])


def value(of: object, kind: Type) -> str:
    """Any value as text; None is "unknown"."""
    if of is None or of is partly.UNSURE or isinstance(of, dict):  # of what was said, and cannot be read, only that is known
        return "unknown"
    if isinstance(of, list | set):
        return several(of)
    if isinstance(of, bool):
        return "yes" if of else "no"
    return _quantity(of, kind) if isinstance(of, int | float) else str(of)


def _quantity(of: float, kind: Type) -> str:
    if kind is Type.PERCENT:
        return percent(of)
    if kind is Type.TIME:
        return day(int(of))
    return duration(of) if kind is Type.DURATION else number(of)


def plain(of: object, kind: Type) -> object:
    """A value as JSON carries it: shares in percent, durations in words, whole numbers whole, beyond 2^53 as text."""
    of = partly.plain(of)
    if isinstance(of, list | set):
        return several(of)
    if of is partly.UNSURE or isinstance(of, dict):
        return None
    if isinstance(of, bool) or not isinstance(of, int | float):
        return of
    if kind is Type.DURATION:
        return duration(of)
    scaled = tenths(of) if kind is Type.PERCENT else of
    whole = int(scaled) if float(scaled).is_integer() else scaled
    return str(whole) if abs(whole) > 2**53 else whole
