"""What a limit says, how it is used and what is allowed of it, at any instant."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.conditions import UNITS, truth
from tests.oracle.events import Event, dig

BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Limit:
    """`until`: (selector, t) -> the events until t. `value`: (name, t) -> its value.

    `period`: (unit, t, time zone) -> when it began and ends; without a time zone that of the rulebook.
    """

    def __init__(
        self,
        name: str,
        said: dict[str, Any],
        until: Callable[[Any, int], list[Event]],
        value: Callable[[str, int], Any],
        period: Callable[[str, int, str | None], tuple[int, int]],
    ) -> None:
        self.name, self.said = name, said
        self.until, self.value, self.period = until, value, period

    def is_there(self, t: int) -> bool:
        return "if" not in self.said or truth(self.said["if"], lambda path: self.value(path, t)) is True

    def used(self, t: int) -> float | None:
        """A gauge that was never told is unknown; all else begins again with each of its periods."""
        if not self.is_there(t):
            return None
        if "last" in self.said or "max" in self.said:
            return self.worst(t)[1] if "worst_by" in self.said else self.newest(self.until(self.said["of"], t))
        events = self.until(self.said.get("count", self.said.get("of")), t)
        start = self.period_at(t)[0]
        inside = [event for event in events if event["timestamp"] >= start]
        if "count" in self.said:
            return len(inside)
        if "sum" in self.said:
            values = [number(dig(event, self.said["sum"])) for event in inside]
            return float(sum(Fraction(value) for value in values if value is not None and value >= 0))
        path = self.said["distinct"]
        values = [event["person"] if path == "person" else text_of(dig(event, path)) for event in inside]
        return len({value for value in values if value is not None})

    def period_at(self, t: int) -> tuple[int, int | None]:
        """When it began to count, and when it begins again; None: never. Sums and different values go by months of UTC."""
        resets = self.said.get("resets", "never")
        if resets == "never":
            return 0, None
        return self.period(resets, t, None if "count" in self.said else "UTC")

    def newest(self, events: list[Event]) -> float | None:
        values = [number(dig(event, self.said.get("last") or self.said["max"])) for event in events]
        return next((value for value in reversed(values) if value is not None), None)

    def worst(self, t: int) -> tuple[Any, float | None]:
        """Part by part; of equally bad ones the first name."""
        parts: dict[Any, list[Event]] = {}
        for event in self.until(self.said["of"], t):
            part = text_of(dig(event, self.said["worst_by"]))
            if part is not None:
                parts.setdefault(part, []).append(event)
        values = {part: value for part, events in parts.items() if (value := self.newest(events)) is not None}
        if not values:
            return None, None
        return min(values.items(), key=lambda each: (-each[1], repr(each[0])))

    def allowed(self, plan: dict[str, Any] | None, overridden: list[Any], t: int) -> float | None:
        """`overridden`: what sales said of it until t, the newest last. None: no cap, or unknown."""
        if not self.is_there(t):
            return None
        most = None if plan is None else plan.get("allows", {}).get(self.name)
        if overridden and overridden[-1] != "plan":
            most = overridden[-1]
        if most == "none" or most is None:
            return None
        unit = self.said.get("unit")
        if overridden and overridden[-1] != "plan":
            return amount(most, unit)
        more: list[float] = [
            number * amount(adds[self.name], unit) for number, adds in (plan or {}).get("added", []) if self.name in adds
        ]
        return amount(most, unit) + sum(more)


def amount(said: Any, unit: str | None) -> float:
    """`5m` in seconds, `2 KB` in bytes; a number as it is."""
    if not isinstance(said, str):
        return float(said)
    if unit == "bytes":
        digits, size = said.split()
        return float(digits) * BYTES[size]
    return int(said[:-1]) * UNITS[said[-1]] / UNITS[unit or ""]


def number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text_of(value: Any) -> Any:
    """What values are told apart by: a truth is a text."""
    return str(value).lower() if isinstance(value, bool) else value
