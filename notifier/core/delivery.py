"""A delivery's state and one attempt's answer come in; its next state and its endpoint's go out.

`pending → sending → delivered | waiting | held | dead`, and from pending, waiting, held or capped `skipped`. Source of the
schedule: Standard Webhooks, stretched to 75 hours.
"""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from notifier.core.answers import Answer, ErrorKind

TRY_DELAYS_S = (0, 5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds from the try before (the first: from the lead event): 11 tries in 75.6 hours."""
JITTER_SHARE = 0.1
"""A delay grows by up to this share of itself, so that a receiver that comes back is not met by all at once."""
RETRY_AFTER_S_MIN = 1
RETRY_AFTER_S_MAX = 24 * 3600
DEAD_AFTER_MS = 7 * 24 * 3600 * 1000
DEAD_NEVER_BEFORE_MS = 75 * 3600 * 1000


class Status(StrEnum):
    """A delivery's state. `held`: its endpoint is disabled; it goes on when that is enabled again.

    `skipped`: its format tells the latest revision of a lead only, and a newer one waits, or has gone, to the same endpoint; or
    it was capped for too long. `capped`: the endpoint does not know its lead yet, and it waits for room (`core.noise`).
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    WAITING = "waiting"
    HELD = "held"
    DEAD = "dead"
    SKIPPED = "skipped"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt leads to. Times are epoch milliseconds."""

    status: Status
    tries: int
    """Tries spent so far."""
    next_at: int | None = None
    """When a waiting delivery is tried again."""
    pause_until: int | None = None
    """The endpoint asked for silence until then (Retry-After)."""


def settle(since: int, tries: int, answer: Answer, now: int, jitter: float) -> Settled:
    """What becomes of a delivery that had spent `tries` since `since` before this answer; `jitter` in 0 … 1."""
    if answer.delivered:
        return Settled(Status.DELIVERED, tries + 1)
    if answer.error is ErrorKind.GONE:
        return Settled(Status.HELD, tries)
    if answer.error is ErrorKind.TOO_LARGE:
        return Settled(Status.DEAD, tries + 1)
    pause_ms = retry_after_ms(answer.retry_after, now)
    spent = tries if pause_ms is not None else tries + 1
    age = now - since
    if age >= DEAD_AFTER_MS or (spent >= len(TRY_DELAYS_S) and age >= DEAD_NEVER_BEFORE_MS):
        return Settled(Status.DEAD, spent)
    if pause_ms is not None:
        return Settled(Status.WAITING, spent, next_at=now + pause_ms, pause_until=now + pause_ms)
    delay_ms = TRY_DELAYS_S[min(spent, len(TRY_DELAYS_S) - 1)] * 1000
    return Settled(Status.WAITING, spent, next_at=now + delay_ms + int(delay_ms * JITTER_SHARE * jitter))


def retry_after_ms(header: str | None, now: int) -> int | None:
    """How long a Retry-After (seconds, or an HTTP date) asks to wait, within 1 s … 24 h. None: absent or not readable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])  # twelve digits are already far beyond the cap
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now / 1000
    return int(min(max(seconds, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX) * 1000)
