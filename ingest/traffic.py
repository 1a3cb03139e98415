"""What arrived in the last five minutes: counts in, rates out. Times are epoch milliseconds."""

from collections import deque
from dataclasses import dataclass

SLOT_MS = 10_000
SPAN_MS = 300_000
RATE_SPAN_MS = 60_000


@dataclass(slots=True)
class _Slot:
    start: int
    accepted: int = 0
    rejected: int = 0


class Traffic:
    """Counts in slots of SLOT_MS, over SPAN_MS."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque()
        self.last_event_at: int | None = None
        self.last_refused_at: int | None = None

    def record(self, now: int, accepted: int, rejected: int) -> None:
        """A request was answered with so many events durable and so many rejected."""
        start = now - now % SLOT_MS
        if not self._slots or self._slots[-1].start < start:
            self._slots.append(_Slot(start))
            while self._slots[0].start <= start - SPAN_MS:
                self._slots.popleft()
        self._slots[-1].accepted += accepted
        self._slots[-1].rejected += rejected
        if accepted:
            self.last_event_at = now

    def record_refused(self, now: int) -> None:
        """A request was told to come again."""
        self.last_refused_at = now

    def events_per_s(self, now: int) -> float:
        """Over the last minute."""
        return sum(slot.accepted for slot in self._slots if slot.start > now - RATE_SPAN_MS) / (RATE_SPAN_MS / 1000)

    def rejected_ratio(self, now: int) -> float:
        """Rejected of all events of the last five minutes."""
        recent = [slot for slot in self._slots if slot.start > now - SPAN_MS]
        rejected = sum(slot.rejected for slot in recent)
        total = rejected + sum(slot.accepted for slot in recent)
        return rejected / total if total else 0.0
