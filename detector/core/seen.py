"""Which hour, and which 64-bit hash, recognises a copy of a usage event."""

from siphashc import siphash

from contracts.messages import UsageEvent

KEY_BYTES = 16
HOUR_MS = 3_600_000
UNTIMED_REACH_H = 2
"""A copy of an event without any time of its own is recognised if received within so many hours."""
DAY_MS = 24 * HOUR_MS
WINDOW_DAYS = 7
"""An id counts as seen to the end of the so-manieth day of partition time after the day on which it came first. By whole days,
so that neither a batch's edge nor a restart decides what is remembered."""


def hash_of(event: UsageEvent, key: bytes) -> int:
    """64 bits of (project, account, id): SipHash-2-4, keyed, so that nobody can choose an id that hides another's event."""
    return siphash(key, f"{event.project}\0{event.account}\0{event.id}")


def hour_of(event: UsageEvent) -> int:
    """Where the event's id is kept. A retry keeps its original timestamp, so a copy always comes to the same hour."""
    time = event.received_at if event.original_timestamp is None else event.original_timestamp
    return time // HOUR_MS


def hours_around(hour: int) -> list[int]:
    """Where else an earlier copy of an event without any time of its own can be."""
    return [each for each in range(hour - UNTIMED_REACH_H, hour + UNTIMED_REACH_H + 1) if each != hour]
