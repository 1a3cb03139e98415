"""What a measure must be able to say of a moment."""

from collections.abc import Collection
from enum import IntEnum
from typing import Any

from detector.core.measures.moment import Moment
from detector.core.measures.sink import Sink


class Course(IntEnum):
    """What time alone, without any event, can do to a value, and so to a rule: nothing, only let it fall, or anything."""

    STILL = 0
    FALLS = 1
    MOVES = 2


class Reader:
    """Of one measure. What a kind does not say stays as it is here."""

    sinks: tuple[Sink, ...] = ()
    """Where its events go."""
    course: Course = Course.STILL
    window: str | None = None
    """What it looks at, as evidence says it: `7d`, `month`."""
    rises_by_one: bool = False
    """Whether no event raises it by more than one."""

    def value(self, moment: Moment) -> Any:
        """From events until the moment; None: unknown."""
        raise NotImplementedError

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which the value may be another, from what is known now; NEVER: there is none."""
        raise NotImplementedError

    def until(self, moment: Moment) -> int:  # noqa: ARG002  of most, each event can change it
        """The instant before which no event in order changes the value."""
        return 0

    def known(self, moment: Moment) -> Collection[str]:  # noqa: ARG002  of most, it does not matter whose event it is
        """The people of whom no event that comes in order raises the value."""
        return ()

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages behind the value, newest first."""
        raise NotImplementedError

    def at_least(self, moment: Moment) -> bool:  # noqa: ARG002  most know exactly
        """Whether a bound was reached, so that the value may be more."""
        return False

    def values(self, moment: Moment) -> Collection[Any] | None:  # noqa: ARG002  most are no set
        """Of a measure that tells values apart: those values, in any order; None: unknown."""
        return None

    def listed(self, moment: Moment) -> list[str] | None:  # noqa: ARG002  most are numbers
        """What a text says instead of the number, for measures of names."""
        return None
