"""Where the events of a selector go: what is kept of them, and under which key of the account's facts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from detector.core.rulebook.model import Selector

Keeps: TypeAlias = Literal["count", "gauge", "last", "sum", "distinct", "worst", "plan", "feature", "asked", "milestone"]


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
    hear: Callable[..., None] | None = None
    """plan: what keeps it."""
