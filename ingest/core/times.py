"""A client's times in, the event's own time out, corrected for a clock that is wrong."""

from datetime import UTC, datetime

CLOCKS_DIFFER_MS = 60_000
"""Below this the difference of sentAt and received_at is the way, not the clock."""
FUTURE_MS_MAX = 5 * 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_MS = 253_402_300_800_000
"""The year 10,000, which no calendar of ours has."""


def parse_time(text: str) -> int:
    """ISO 8601 to epoch milliseconds; without a zone it is UTC. Raises ValueError, also before 1970: no event is so old."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    since = time - _EPOCH
    milliseconds = since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
    if not 0 <= milliseconds < END_MS:
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


def event_time(original: int | None, sent_at: int | None, received_at: int) -> tuple[int, bool]:
    """The event's own time, and whether the client's lay too far ahead, so that it is when we received it.

    Segment's rule: `received_at − (sent_at − original)`, if the clocks differ. An old time sent about now stays old.
    A `sent_at` that would put the event before 1970 corrects nothing.
    """
    if original is None:
        return received_at, False
    timestamp = original
    if sent_at is not None and abs(received_at - sent_at) > CLOCKS_DIFFER_MS:
        corrected = received_at - (sent_at - original)
        timestamp = corrected if corrected >= 0 else original
    if timestamp > received_at + FUTURE_MS_MAX:
        return received_at, True
    return timestamp, False
