"""What an account said of its plan, wherever the rulebook says that this is said; and from when on each of it counts.

Without `since` a plan counts from the event on that says it. With it, from that time on, and then it counts in place of all that
was said before of any time from there on: the newest statement knows best.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from contracts.messages import UsageEvent
from detector.core.facts.facts import Facts
from detector.core.facts.history import PLANS_KEPT_MAX, Entry, History
from detector.core.facts.people import OWN, PLAN
from detector.core.rulebook.decode import scalar
from detector.core.rulebook.model import PlanSource

_SECONDS_BELOW = 1e11
"""Numbers below are seconds since 1970, others milliseconds."""
_TIME_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""


class PlanSaid:
    """`source` None: the trait `plan`. `trait`, `since`: the traits, if it comes from traits; None otherwise."""

    def __init__(self, source: PlanSource | None = None) -> None:
        self._backdated = source is not None and source.since is not None
        self.key = PLAN if source is None else f"{PLAN}\0{sha256(repr(source).encode()).hexdigest()[:8]}"
        of_trait = source is not None and source.path.startswith("account.")
        self._trait = source.path.removeprefix("account.") if source is not None and of_trait else None
        since = source.since if source is not None and of_trait else None
        self._since = None if since is None else since.removeprefix("account.")

    def history(self, facts: Facts) -> History | None:
        """Each plan from when on it counts."""
        said = facts.traits.history(OWN, self.key)
        return _counting(said.entries) if said is not None and self._backdated else said

    def hear_traits(self, facts: Facts, event: UsageEvent, traits: dict[str, Any]) -> None:
        if self._trait is not None and self._trait in traits:
            value = scalar(traits[self._trait])
            if value is not None or traits[self._trait] is None:
                self._keep(facts, event, value, traits.get(self._since) if self._since is not None else None)

    def hear_event(self, facts: Facts, event: UsageEvent, value: object, since: object) -> None:
        """A property that is missing, or null, says nothing."""
        if value is not None and event.trust == "server":
            self._keep(facts, event, value, since)

    def _keep(self, facts: Facts, event: UsageEvent, value: object, since: object) -> None:
        start = _instant(since) if self._backdated else None
        counted = value if start is None else [value, min(start, event.timestamp)]
        facts.traits.add(OWN, self.key, event.timestamp, event.id, counted)

    def start(self, facts: Facts, event: UsageEvent) -> int:
        """From when on counts what the event says; its own time, if it says nothing."""
        said = facts.traits.history(OWN, self.key) if self._backdated else None
        for timestamp, message_id, value in reversed(said.entries) if said is not None else ():
            if (timestamp, message_id) == (event.timestamp, event.id) and isinstance(value, list):
                return int(value[1])
        return event.timestamp


def _counting(said: list[Entry]) -> History:
    entries: list[Entry] = []
    for timestamp, message_id, value in said:
        plan, start = value if isinstance(value, list) else (value, timestamp)
        while entries and entries[-1][0] >= start:
            entries.pop()
        entries.append((start, message_id, plan))
    return History(PLANS_KEPT_MAX, entries)


def _instant(value: object) -> int | None:
    """ISO 8601 (without a zone: UTC), or seconds or milliseconds since 1970; None: it is no time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        ms = value * 1000 if value < _SECONDS_BELOW else value
        return int(ms) if 0 <= ms <= _TIME_MAX else None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is None:
            return None
        ms = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return None
    return round(ms) if 0 <= ms <= _TIME_MAX else None
