"""How attempts to an endpoint ended comes in; whether nothing more goes there for a while, and until when, goes out.

Closed; open until a time; then one attempt, the probe, decides. What waits for that spends no try.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

FAILURES_IN_A_ROW = 5
SPAN_MS = 5 * 60_000
ATTEMPTS_MIN = 10
FAILED_PERCENT = 70
"""Of at least ATTEMPTS_MIN attempts within SPAN_MS."""
OPEN_MS_MIN = 30_000
OPEN_MS_MAX = 15 * 60_000
PIECE_MS = 30_000
"""Attempts are counted by pieces of this length: a row of every one would be long."""

Piece: TypeAlias = tuple[int, int, int]
"""When it began, attempts in it, and how many of them failed."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`opened`: how often it did since the last success; 0: it is closed. `until`: when a probe may go, if it is open."""

    opened: int = 0
    until: int = 0
    recent: Sequence[Piece] = ()
    """The oldest first. Empty while it is open."""


CLOSED = Breaker()


def after_success(breaker: Breaker, at: int) -> Breaker:
    """Closed; if it was open, what was before is forgotten."""
    return replace(breaker, recent=_counted(breaker.recent, at, 0)) if breaker.opened == 0 else CLOSED


def after_failure(breaker: Breaker, failures: int, at: int, *, is_probe: bool, pause_until: int | None = None) -> Breaker:
    """`failures`: in a row, with this one. `pause_until`: the receiver said itself when to come again, and is believed."""
    if pause_until is not None:
        return replace(breaker, until=pause_until) if is_probe else breaker
    if breaker.opened:
        return _opened(breaker.opened + 1, at) if is_probe else breaker  # another one was under way when it opened
    recent = _counted(breaker.recent, at, 1)
    attempts, failed = (sum(piece[n] for piece in recent) for n in (1, 2))
    if failures >= FAILURES_IN_A_ROW or (attempts >= ATTEMPTS_MIN and failed * 100 >= FAILED_PERCENT * attempts):
        return _opened(1, at)
    return replace(breaker, recent=recent)


def _opened(times: int, at: int) -> Breaker:
    return Breaker(times, at + min(OPEN_MS_MIN << min(times - 1, 16), OPEN_MS_MAX))


def _counted(recent: Sequence[Piece], at: int, failed: int) -> Sequence[Piece]:
    """With one attempt more, without what is older than SPAN_MS; of a clock that was set back, without what is yet to come."""
    begin = at - at % PIECE_MS
    kept = [piece for piece in recent if at - SPAN_MS < piece[0] <= begin]
    _, attempts, failures = kept.pop() if kept and kept[-1][0] == begin else (begin, 0, 0)
    return (*kept, (begin, attempts + 1, failures + failed))
