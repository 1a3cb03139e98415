"""The job that Handraiser and every peer does, as a plain loop over the input; and what each engine's output says of it.

Per account: how many events it had on the day, the gauge's last value, and a signal when the gauge first reaches 80 % and first
reaches 100 % of what the plan allows (both at once: one signal, of 100 %).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from benchmarks.events import GAUGE
from contracts.codec import decode
from contracts.messages import LeadEvent, UsageEvent

ALLOWED = 500
LEVELS = (100, 80)
DAY_MS = 86_400_000
RULE = "limit/contacts"


class Signal(NamedTuple):
    """`total`: the gauge. `events`: of the account on that day up to then; None: this engine does not say."""

    account: str
    level: int
    total: int
    events: int | None


class PlainLoop:
    """What must come out."""

    def __init__(self) -> None:
        self.signals: set[Signal] = set()
        self._days: dict[str, tuple[int, int]] = {}
        self._levels: dict[str, int] = {}

    def take(self, event: UsageEvent) -> None:
        account, day = str(event.account), event.timestamp // DAY_MS
        of, count = self._days.get(account, (day, 0))
        count = count + 1 if of == day else 1
        self._days[account] = (day, count)
        if event.name != GAUGE:
            return
        total = msgspec.json.decode(event.properties)["total"]
        level = next((level for level in LEVELS if total * 100 >= level * ALLOWED), 0)
        if level > self._levels.get(account, 0):
            self._levels[account] = level
            self.signals.add(Signal(account, level, total, count))


class OurSignals:
    """Values of `lead-events` in, the signals of the contacts' limit out, each once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int]] = set()

    def __call__(self, value: bytes) -> Iterator[Signal]:
        message = decode(value)
        assert isinstance(message, LeadEvent), message
        for signal in message.data["signals"]:
            level = int(signal["step"].rstrip("%")) if signal["rule"] == RULE else 0
            if level and (message.account, level) not in self._seen:
                self._seen.add((message.account, level))
                (used,) = (usage["used"] for usage in message.data["usage"] if usage["limit"] == "contacts")
                yield Signal(message.account, level, used, None)


def their_signals(value: bytes) -> Iterator[Signal]:
    """A peer writes each signal as a JSON object with Signal's keys."""
    found: dict[str, Any] = msgspec.json.decode(value)
    yield Signal(**found)
