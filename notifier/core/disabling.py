"""How long an endpoint has failed comes in; whether to disable it goes out, and who is to hear of that."""

from collections.abc import Sequence
from enum import StrEnum

from notifier.core.matching import type_matches

DISABLED_TYPE = "endpoint.disabled"
AFTER_MS = 72 * 3600 * 1000
"""Before the first delivery can die, at 75 hours: then its deliveries are held."""
FAILURES_MIN = 20
"""In a row, of more than one message: one message alone may be what the receiver cannot take."""


class Reason(StrEnum):
    """Why an endpoint was disabled. Stored, shown and sent."""

    GONE = "gone"
    FAILING = "failing"


def has_failed_for_long(failing_since: int, failures: int, now: int) -> bool:
    return now - failing_since >= AFTER_MS and failures >= FAILURES_MIN


def hears(types: Sequence[str]) -> bool:
    """Whether an endpoint hears of others that are disabled. It is about no lead: filters by lead do not matter."""
    return any(type_matches(pattern, DISABLED_TYPE) for pattern in types)
