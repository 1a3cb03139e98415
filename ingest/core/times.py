"""A client's times in, the event's own time out, corrected for a clock that is wrong."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

CLOCKS_DIFFER_MS = 60_000
"""Below this the difference of sentAt and received_at is the way, not the clock."""
FUTURE_MS_MAX = 5 * 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END_MS = 253_402_300_800_000
"""The year 10,000, which no calendar of ours has."""


class EventTime(NamedTuple):
    """Epoch milliseconds. `future`: the client's time lay too far ahead, and `timestamp` is when we received it."""

    timestamp: int
    future: bool


def parse_time(text: str) -> int:
    """ISO 8601 to epoch milliseconds; without a zone it is UTC. Raises ValueError, also before 1970: no event is so old."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    milliseconds = (time - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds < _END_MS:
        raise ValueError(text)
    return milliseconds


def parse_time_or_none(text: str | None) -> int | None:
    """As parse_time; None for what is absent or unreadable."""
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None


def event_time(original: int | None, sent_at: int | None, received_at: int) -> EventTime:
    """Segment's rule: `received_at − (sent_at − original)`, if the clocks differ. An old time sent about now stays old.

    A `sent_at` that would put the event before 1970 corrects nothing.
    """
    if original is None:
        return EventTime(received_at, future=False)
    timestamp = original
    if sent_at is not None and abs(received_at - sent_at) > CLOCKS_DIFFER_MS:
        corrected = received_at - (sent_at - original)
        timestamp = corrected if corrected >= 0 else original
    if timestamp > received_at + FUTURE_MS_MAX:
        return EventTime(received_at, future=True)
    return EventTime(timestamp, future=False)
