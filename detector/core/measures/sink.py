"""Where the events of a selector go: what is kept of them, and under which key of the account's facts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from detector.core.rulebook.model import Selector
from detector.core.zones import UTC

Keeps: TypeAlias = Literal["count", "gauge", "last", "sum", "distinct", "worst", "sight", "plan", "feature", "asked", "milestone"]


class Sought(NamedTuple):
    """Only what lies in [first + begins, first + ends) is asked for; `after`: the milestone that says when that first was."""

    after: str
    begins_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Sink:
    """`value`: what is kept with each event (`day`, `person`, a property path, or None)."""

    key: str
    selector: Selector
    kind: Keeps
    value: str | None = None
    properties: tuple[str, ...] = ()
    """asked: the property paths that the rule reads. worst: the one that tells parts apart. plan: of the plan, and its time."""
    title: str = ""
    """asked: the event's name in the rulebook."""
    zone: str = UTC
    """Whose days are meant."""
    unit: Literal["day", "week", "month"] | None = None
    """sight: of each period the first is kept."""
    sought: Sought | None = None
    """What comes after that is not kept."""
    hear: Callable[..., None] | None = None
    """plan: what keeps it."""
