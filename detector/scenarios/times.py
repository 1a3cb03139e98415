"""`day 3 09:00` or `2026-05-03 09:00` in, epoch milliseconds out, and back. All in UTC; day 1 is 1 May 2026."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

DAY_1: Final = datetime(2026, 5, 1, tzinfo=UTC)
_DAYS_SHOWN: Final = 400
_TIME: Final = re.compile(
    r"(?:day (?P<day>-?\d{1,5})|(?P<date>\d{4}-\d\d-\d\d))"
    r"(?: (?P<clock>\d\d:\d\d)(?::(?P<second>\d\d)(?:\.(?P<ms>\d{3}))?)?)?",
    re.ASCII,
)


def parsed(text: str) -> int | None:
    """None: it is no time. Without a time of day: the beginning of the day."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        day = datetime.fromisoformat(f"{found['date']}T00:00+00:00") if found["date"] else _day(int(found["day"]))
        clock = datetime.strptime(f"{found['clock'] or '00:00'}:{found['second'] or '00'}", "%H:%M:%S").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    of_day = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, milliseconds=int(found["ms"] or 0))
    return round((day + of_day).timestamp() * 1000)


def of_iso(text: str) -> int:
    """`2026-05-03T09:00:00.000Z`, as lead events have it."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def shown(ms: int) -> str:
    """As a scenario would write it."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    number = (at - DAY_1).days + 1
    day = f"day {number}" if 0 < number <= _DAYS_SHOWN else f"{at:%Y-%m-%d}"
    clock = f"{at:%H:%M:%S}.{ms % 1000:03}".removesuffix(".000").removesuffix(":00")
    return f"{day} {clock}"


def _day(number: int) -> datetime:
    return DAY_1 + timedelta(days=number - 1)
