"""Values in, three-valued answers out: what generated conditions call. None is unknown; a mismatch of types is unknown.

A bool is no number here: in Python `True == 1`, in the rulebook it is a mismatch.
"""

import operator
from collections.abc import Callable
from typing import Any


def kind(value: object) -> str | None:
    """What may be compared with what; None: nothing may."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def negation(value: object) -> bool | None:
    return not value if isinstance(value, bool) else None


def both(left: object, right: object) -> bool | None:
    """Kleene's and: false wins over unknown."""
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def either(left: object, right: object) -> bool | None:
    """Kleene's or: true wins over unknown."""
    if left is True or right is True:
        return True
    return False if left is False and right is False else None


def _compare(compare: Callable[[Any, Any], bool], *, ordered: bool) -> Callable[[Any, Any], bool | None]:
    def compared(left: Any, right: Any) -> bool | None:
        common = kind(left)
        if common is None or common != kind(right) or (ordered and common == "bool"):
            return None
        return compare(left, right)

    return compared


equal = _compare(operator.eq, ordered=False)
unequal = _compare(operator.ne, ordered=False)
less = _compare(operator.lt, ordered=True)
less_equal = _compare(operator.le, ordered=True)
greater = _compare(operator.gt, ordered=True)
greater_equal = _compare(operator.ge, ordered=True)


def between(value: Any, low: Any, high: Any) -> bool | None:
    """Both ends included."""
    return both(less_equal(low, value), less_equal(value, high))


def contains(value: Any, sought: float | str) -> bool | None:
    """A text a text, whatever its case; a list one of its items."""
    if isinstance(value, list):
        return (kind(sought), sought) in {(kind(item), item) for item in value}
    return _folded(value, sought, operator.contains)


def starts_with(value: Any, sought: str) -> bool | None:
    return _folded(value, sought, str.startswith)


def ends_with(value: Any, sought: str) -> bool | None:
    return _folded(value, sought, str.endswith)


def _folded(value: Any, sought: Any, holds: Callable[[str, str], bool]) -> bool | None:
    both_texts = isinstance(value, str) and isinstance(sought, str)
    return holds(value.casefold(), sought.casefold()) if both_texts else None


def covers(values: Any, options: frozenset[tuple[str | None, Any]]) -> bool | None:
    """Whether each of `options`, as (kind, value), is among several values."""
    return options <= {(kind(value), value) for value in values} if isinstance(values, list | set) else None


def member(value: Any, options: frozenset[tuple[str | None, Any]]) -> bool | None:
    """Whether (kind, value) is among `options`."""
    common = kind(value)
    return None if common is None else (common, value) in options


def _arithmetic(calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], float | None]:
    def calculated(left: Any, right: Any) -> float | None:
        if kind(left) != "number" or kind(right) != "number":
            return None
        try:
            return float(calculate(left, right))
        except (ZeroDivisionError, OverflowError):
            return None

    return calculated


plus = _arithmetic(operator.add)
minus = _arithmetic(operator.sub)
times = _arithmetic(operator.mul)
divided = _arithmetic(operator.truediv)


def negative(value: Any) -> float | None:
    return -value if kind(value) == "number" else None
