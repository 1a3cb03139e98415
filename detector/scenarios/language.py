"""What a line of a scenario may say: its verbs, the keys beside each, and how the value of a key is read."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from detector.core.rulebook import shapes, units
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Fields, Items, Node, Scalar, kind_of
from detector.scenarios import times

Keys = Mapping[str, tuple[str, ...]]
"""Verb -> the keys that may stand beside it."""

EVENTS: Final[Keys] = {
    "track": ("at", "received", "every", "times", "id", "person", "anonymous", "properties"),
    "page": ("at", "received", "every", "times", "id", "person", "anonymous", "properties"),
    "group": ("at", "received", "id", "person", "traits"),
    "identify": ("at", "received", "id", "traits"),
}
COMMANDS: Final[Keys] = {
    "outcome": ("at", "lead", "reason", "amount", "by", "account"),
    "snooze": ("at", "lead", "account"),
    "owner": ("at", "lead", "account"),
    "override": ("at", "allowed", "account"),
    "opt_out": ("at", "account"),
    "opt_in": ("at", "account"),
}
GIVEN: Final[Keys] = {**EVENTS, **COMMANDS, "import": ("at",), "rulebook": ("at",), "now": ()}
NEEDS: Final[Keys] = {
    **dict.fromkeys((*EVENTS, "import", "rulebook", "opt_out", "opt_in"), ("at",)),
    **dict.fromkeys(("outcome", "snooze", "owner"), ("at", "lead")),
    "override": ("at", "allowed"),
}
_STATUSES: Final = ("accepted", "opportunity", "won", "lost", "rejected", "recycled", "expired", "superseded", "retracted")
OVERDUE: Final = "overdue"
"""Nearly every lead of a scenario is, for nobody answers it: that is told only to who asks."""
_HEARD: Final = (
    *("at", "qualified_at", "says", "temperature", "person", "step", "adds", "loses", "owner", "disputed", "reason"),
    *("score", "fit", "behaviour", "segments", "signals", "account"),
)
HEARS: Final[Keys] = {
    **dict.fromkeys(("created", "updated", "snoozed", OVERDUE, *_STATUSES), _HEARD),
    "refused": ("at",),
}
LEAD: Final = (
    *("qualified_at", "says", "temperature", "owner", "disputed", "told", "signals"),
    *("score", "fit", "behaviour", "segments", "account"),
)
SIGNALS: Final[Keys] = {"rule": ("step", "at", "lead", "account")}
STATUSES: Final = ("open", *_STATUSES)
TIMES_MAX: Final = 5_000
EXAMPLES: Final = {"at": "day 1 10:00", "lead": "pql", "allowed": "1000"}


def time(node: Node, what: str, report: Report) -> int | None:
    found = times.parsed(node.text) if isinstance(node, Scalar) else None
    if found is None:
        remedy = "Write day 3 09:00 (day 1 is 1 May 2026), or 2026-05-03 09:00; all in UTC"
        report.refuse(node.at, "value", f"{what} is a time, found {kind_of(node)}", remedy)
    return found


def _until(node: Node, what: str, report: Report) -> int | None:
    return None if isinstance(node, Scalar) and node.is_null else time(node, what, report)


def _points(node: Node, what: str, report: Report) -> float | None:
    """Points of a score: they may be negative."""
    found = units.number(node.text) if isinstance(node, Scalar) and node.plain else None
    if found is None:
        report.refuse(node.at, "value", f"{what} is a number, found {kind_of(node)}", "Write digits: 35, -7.5")
    return found


def truth(node: Node, what: str, report: Report) -> bool:
    return shapes.one_of(node, what, ("true", "false"), (), report) == "true"


def _times(node: Node, what: str, report: Report) -> int | None:
    number = units.number(node.text) if isinstance(node, Scalar) and node.plain else None
    if number is not None and 1 <= number <= TIMES_MAX and number == int(number):
        return int(number)
    report.refuse(node.at, "value", f"{what} is a whole number from 1 to {TIMES_MAX:,}, found {kind_of(node)}", "Write: times: 3")
    return None


def _allowed(node: Node, what: str, report: Report) -> float | str | None:
    """`none`: no cap; `plan`: what the plan allows, again."""
    if isinstance(node, Scalar) and node.text in ("none", "plan"):
        return node.text
    return shapes.number(node, what, report)


def _texts(node: Node, what: str, report: Report) -> tuple[str, ...]:
    if isinstance(node, Items) and not node.items:
        return ()
    return shapes.each(node, what, shapes.text, report)


def _one_or_more(node: Node, what: str, report: Report) -> str | tuple[str, ...] | None:
    return _texts(node, what, report) if isinstance(node, Items) else shapes.text(node, what, report)


def _object(node: Node, what: str, report: Report) -> dict[str, Any]:
    return {name: _json(entry.value) for name, entry in shapes.entries(node, what, report).items()}


def _json(node: Node) -> Any:
    """A plain number, truth or null is one; all else is text."""
    if isinstance(node, Fields):
        return {name: _json(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, Items):
        return [_json(item) for item in node.items]
    if node.is_null:
        return None
    if node.plain and node.text in ("true", "false"):
        return node.text == "true"
    number = units.number(node.text) if node.plain else None
    return node.text if number is None else number


READERS: Final[Mapping[str, Callable[[Node, str, Report], Any]]] = {
    **dict.fromkeys(("at", "received", "now", "qualified_at"), time),
    "every": shapes.duration,
    "times": _times,
    "snooze": _until,
    "amount": shapes.number,
    "allowed": _allowed,
    "properties": _object,
    "traits": _object,
    "signals": _texts,
    "segments": _texts,
    **dict.fromkeys(("adds", "loses", "step"), _one_or_more),
    **dict.fromkeys(("score", "fit", "behaviour"), _points),
    "told": truth,
    "disputed": truth,
}
"""All other keys are texts."""
