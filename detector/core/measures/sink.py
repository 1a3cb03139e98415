"""Where the events of a selector go: what is kept of them, and under which key of the account's facts."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from detector.core.rulebook.model import Selector

Keeps: TypeAlias = Literal["count", "gauge", "last", "distinct", "feature", "asked", "milestone"]


@dataclass(frozen=True, slots=True)
class Sink:
    """`value`: what is kept with each event (`day`, `person`, a property path, or None)."""

    key: str
    selector: Selector
    kind: Keeps
    value: str | None = None
    properties: tuple[str, ...] = ()
    """asked: the property paths that the rule reads."""
    title: str = ""
    """asked: the event's name in the rulebook."""
