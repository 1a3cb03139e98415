"""Days by the wall clock of a time zone: instants in, when periods began out. By the standard library, date by date."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tests.oracle.conditions import duration

PERIODS = ("day", "week", "month", "billing period")


def local_date(t: int, zone: str) -> date:
    return datetime.fromtimestamp(t // 1000, UTC).astimezone(ZoneInfo(zone)).date()


def midnight(of: date, zone: str) -> int:
    return int(datetime(of.year, of.month, of.day, tzinfo=ZoneInfo(zone)).timestamp()) * 1000


@lru_cache(64)
def midnights(first: int, last: int, zone: str) -> frozenset[int]:
    """Of all days from an instant on until another."""
    return frozenset(midnight(local_date(day, zone), zone) for day in range(first, last, 86_400_000 // 2))


@lru_cache(10_000)
def began(period: str, t: int, zone: str, billed_on: int = 1) -> int:
    """When the period began that t is in: the newest day until t on which one begins."""
    day = local_date(t, zone)
    while not begins(period, day, billed_on):
        day -= timedelta(days=1)
    return midnight(day, zone)


@lru_cache(10_000)
def ends(period: str, t: int, zone: str, billed_on: int = 1) -> int:
    """When the next one begins."""
    day = local_date(t, zone) + timedelta(days=1)
    while not begins(period, day, billed_on):
        day += timedelta(days=1)
    return midnight(day, zone)


def begins(period: str, day: date, billed_on: int) -> bool:
    match period:
        case "day":
            return True
        case "week":
            return day.isoweekday() == 1
        case "month":
            return day.day == 1
        case "year":
            return (day.month, day.day) == (1, 1)
        case _:
            return day.day == min(billed_on, monthrange(day.year, day.month)[1])


def during(text: str) -> tuple[int, int, str]:
    """`first 10d of signed`, `week 4 of signed`: (from, to, the event), in milliseconds after its first."""
    what, _, event = text.partition(" of ")
    word, _, rest = what.partition(" ")
    if word == "first":
        return 0, duration(rest), event
    length = duration(f"1{word[0]}")
    return (int(rest) - 1) * length, int(rest) * length, event
