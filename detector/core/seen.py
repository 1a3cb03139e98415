"""Which hour, and which 64-bit hash, recognises a copy of a usage event."""

from siphashc import siphash

from contracts.columns import Columns

KEY_BYTES = 16
HOUR_MS = 3_600_000
UNTIMED_REACH_H = 2
"""A copy of an event without any time of its own is recognised if received within so many hours."""
DAY_MS = 24 * HOUR_MS
WINDOW_DAYS = 7
"""An id counts as seen to the end of the so-manieth day of partition time after the day on which it came first. By whole days,
so that neither a batch's edge nor a restart decides what is remembered."""


def hashes_of(columns: Columns, key: bytes) -> list[int]:
    """64 bits of (project, account, id) of each event: SipHash-2-4, keyed, so that nobody can choose an id that hides another's
    event."""
    ids = zip(columns.each(columns.project), columns.each(columns.account), columns.id, strict=True)
    return [siphash(key, f"{project}\0{account}\0{id_}") for project, account, id_ in ids]


def hour_of(original_timestamp: int | None, received_at: int) -> int:
    """Where an event's id is kept. A retry keeps its original timestamp, so a copy always comes to the same hour."""
    return (received_at if original_timestamp is None else original_timestamp) // HOUR_MS


def hours_around(hour: int) -> list[int]:
    """Where else an earlier copy of an event without any time of its own can be."""
    return [each for each in range(hour - UNTIMED_REACH_H, hour + UNTIMED_REACH_H + 1) if each != hour]
