"""What is known in part: of facts that began to be kept only when a rulebook was applied, for accounts that were there before.

A condition gets the answer that holds whatever came before, or unknown (None): of at least 5, `>= 5` is true, `< 5` false and
`>= 6` unknown.
"""

from typing import Any, Final


class _Partly:
    """A number that may be more. Comparisons are three-valued; calculations are plain, so who calculates asks first."""

    __slots__ = ()
    plain: Any

    def __ge__(self, other: Any) -> Any:
        return None if isinstance(other, _Partly) or not self.plain >= other else True

    def __gt__(self, other: Any) -> Any:
        return None if isinstance(other, _Partly) or not self.plain > other else True

    def __lt__(self, other: Any) -> Any:
        return None if isinstance(other, _Partly) or not self.plain >= other else False

    def __le__(self, other: Any) -> Any:
        return None if isinstance(other, _Partly) or not self.plain > other else False

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, int | float):
            return False
        return None if isinstance(other, _Partly) or not self.plain > other else False

    def __ne__(self, other: object) -> Any:
        equal = self == other
        return None if equal is None else not equal

    def __hash__(self) -> int:
        return hash(self.plain)


class _Whole(_Partly, int):
    __slots__ = ()

    @property
    def plain(self) -> int:
        return int(self)


class _Real(_Partly, float):
    __slots__ = ()

    @property
    def plain(self) -> float:
        return float(self)


class SomeOf(set[Any]):
    """Values that were seen; there may be more."""


class _Unsure:
    """Of a trait: nothing was said since it is kept. What was said before is not known."""

    __slots__ = ()


UNSURE: Final = _Unsure()


def at_least(number: float) -> Any:
    """So much, and maybe more."""
    return _Whole(number) if isinstance(number, int) else _Real(number)


def is_partly(value: object) -> bool:
    """Whether it is a number that may be more."""
    return isinstance(value, _Partly)


def plain(value: Any) -> Any:
    """The number itself, as far as it is known."""
    return value.plain if isinstance(value, _Partly) else value
