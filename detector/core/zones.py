"""Local days of a time zone: instants in, days by the wall clock out, and back. From the tzdata package, never from the machine.

A day begins with the instant of its midnight: the first of two, if the clock shows it twice; where the clock skips it, when it
would have been. So days follow one another whatever the clock does, and have 23, 24 or 25 hours (a day that a country left out
altogether has none).
"""

from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

UTC: Final = "UTC"
DAY_MS: Final = 86_400_000
VERSION: Final = version("tzdata")
"""Of the rules of all time zones: 2025.2."""
Unit: TypeAlias = Literal["day", "week", "month", "year", "billing period"]
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Zone:
    """Of one name. A day is a number: days since 1 January 1970 there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.utc = name == UTC
        with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as rules:
            self._rules = ZoneInfo.from_file(rules, key=name)
        self._midnights: dict[int, tuple[int, list[int]]] = {}

    def day(self, t: int) -> int:
        """The day that the instant t (epoch ms) is of."""
        if self.utc:
            return t // DAY_MS
        of_utc = t // DAY_MS
        known = self._midnights.get(of_utc)
        if known is None:
            known = self._midnights[of_utc] = self._within(of_utc)
        return known[0] + bisect_right(known[1], t)

    def begins(self, day: int) -> int:
        """The first instant of a day, epoch ms."""
        return day * DAY_MS if self.utc else self._midnight(day)

    def _midnight(self, day: int) -> int:
        local = datetime.fromordinal(_EPOCH + day)
        offset = local.replace(tzinfo=self._rules).utcoffset()
        return day * DAY_MS - (offset or timedelta()) // timedelta(milliseconds=1)

    def _within(self, of_utc: int) -> tuple[int, list[int]]:
        """(the day at the beginning of a day of UTC, the midnights within)."""
        start = of_utc * DAY_MS
        near = [(day, self._midnight(day)) for day in range(of_utc - 2, of_utc + 4)]
        return max(day for day, begins in near if begins <= start), [at for _, at in near if start < at < start + DAY_MS]


@cache
def zone(name: str) -> Zone:
    """Raises KeyError for a name that is not in `names()`."""
    if name not in names():
        raise KeyError(name)
    return Zone(name)


@cache
def names() -> frozenset[str]:
    """Of every time zone, such as Europe/Berlin."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=65_536)
def period(unit: Unit, day: int, billing_day: int = 1) -> tuple[int, int]:
    """(its first day, the first day of the next one) of the period that a day is of. Weeks begin on Monday.

    `billing_day`: the day of the month on which a billing period begins; on the last, in months that are shorter.
    """
    on = date.fromordinal(_EPOCH + day)
    match unit:
        case "day":
            return day, day + 1
        case "week":
            return day - on.weekday(), day - on.weekday() + 7
        case "year":
            return _number(on.year, 1, 1), _number(on.year + 1, 1, 1)
        case _:
            months = month_of(day)
            first = billing_day if unit == "billing period" else 1
            if day < _in_month(months, first):
                months -= 1
            return _in_month(months, first), _in_month(months + 1, first)


@lru_cache(maxsize=4_096)
def month_of(day: int) -> int:
    """Months since year 0."""
    on = date.fromordinal(_EPOCH + day)
    return on.year * 12 + on.month - 1


def first_of_month(month: int) -> int:
    """The first day of a month of `month_of`."""
    return _number(month // 12, month % 12 + 1, 1)


def _in_month(month: int, of_month: int) -> int:
    """A day of a month, or its last."""
    return min(first_of_month(month) + of_month, first_of_month(month + 1)) - 1


def _number(year: int, month: int, of_month: int) -> int:
    return date(year, month, of_month).toordinal() - _EPOCH
