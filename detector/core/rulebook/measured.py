"""Measures as checked data: what is kept of an account under a name, and what it looks at. No YAML, no code, nothing unresolved.

Durations are milliseconds.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from detector.core.rulebook.model import Selector


@dataclass(frozen=True, slots=True)
class Rolling:
    """(t - ms, t]: what happened exactly a window ago has left it."""

    ms: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """From the beginning of the period that t is in, in the rulebook's time zone, until t."""

    unit: Literal["day", "week", "month", "billing period"]


@dataclass(frozen=True, slots=True)
class During:
    """[t0 + begins, t0 + ends), of it what is until t; t0 is the account's first event of `of`. `text`: as it was written."""

    of: Selector
    begins_ms: int
    ends_ms: int
    text: str = field(compare=False)


Window: TypeAlias = Rolling | Calendar | During
"""What a measure looks at, as of t. None in its place: since the beginning."""


def _selectors(of: Selector, window: Window | None) -> tuple[Selector, ...]:
    return (of, window.of) if isinstance(window, During) else (of,)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events."""

    name: str
    of: Selector
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different `of_value`: `day` (of the time zone), `person`, `feature`, or a path: `properties.viewer_id`, or
    `person.department` for the trait of those who did it.
    """

    name: str
    of: Selector
    of_value: str | None
    window: Window | None = None
    most_by: str | None = None
    """Of persons: only those who have the value of this trait that most of them have."""

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest `of_value`, a path such as `properties.tone` (written `last`)."""

    name: str
    of: Selector
    of_value: str | None
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Calculated:
    """The sum of what is above zero in `of_value`, or the least or the largest of it; a path such as `properties.seconds`."""

    name: str
    how: Literal["sum", "min", "max"]
    of: Selector
    of_value: str | None
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Streak:
    """On how many days (or in how many weeks) without a gap there was an event, until today or yesterday."""

    name: str
    of: Selector
    unit: Literal["day", "week"]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Since:
    """How long ago the first event was (written `since`). Another at every millisecond."""

    name: str
    of: Selector

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """How long after the first `after` the first `of` came; unknown if it came before."""

    name: str
    of: Selector
    after: Selector

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of, self.after)


@dataclass(frozen=True, slots=True)
class Steps:
    """A truth: whether each of `steps` happened in (t - within_ms, t]; `ordered`: each later than the one before."""

    name: str
    steps: tuple[Selector, ...]
    within_ms: int
    ordered: bool

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return self.steps


@dataclass(frozen=True, slots=True)
class Absent:
    """A truth: whether, since the first `after` that no `of` has answered yet, `within_ms` have passed."""

    name: str
    of: Selector
    after: Selector
    within_ms: int

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of, self.after)


Measure: TypeAlias = Counted | Distinct | Newest | Calculated | Streak | Since | Elapsed | Steps | Absent
"""What is kept of an account under a name. `selectors`: all the events that can change it."""
