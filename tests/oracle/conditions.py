"""A condition, as nested tuples, and a reader of names in; true, false or None (unknown) out. Unknown never fires.

    ("is", path)                            path is a truth by itself, such as `onboarding.done`
    ("compare", path, operator, value)      operators: >= <= > < == !=
    ("between", path, low, high)            both ends included
    ("in", path, [value, …])
    ("and", a, b)  ("or", a, b)  ("not", a)

Values are numbers, texts and truths; a percentage is ("%", 80), a duration ("duration", "3d").
"""

from collections.abc import Callable, Iterator
from typing import Any

SECOND = 1_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND, "w": 604_800 * SECOND}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def duration(text: str) -> int:
    """`3d` in milliseconds."""
    return int(text[:-1]) * UNITS[text[-1]]


def plain(value: Any) -> Any:
    """A value as it is compared: a percentage is a fraction of 1, a duration milliseconds."""
    if isinstance(value, tuple):
        return value[1] / 100 if value[0] == "%" else duration(value[1])
    return value


def truth(condition: Any, read: Callable[[str], Any]) -> bool | None:  # noqa: PLR0911  one per form
    """`read` gives the value of a name, None if it is unknown."""
    match condition:
        case ("is", path):
            value = read(path)
            return value if isinstance(value, bool) else None
        case ("compare", path, operator, value):
            return compared(read(path), operator, plain(value))
        case ("between", path, low, high):
            return both(compared(read(path), ">=", plain(low)), compared(read(path), "<=", plain(high)))
        case ("in", path, values):
            return member(read(path), values)
        case ("and", a, b):
            return both(truth(a, read), truth(b, read))
        case ("or", a, b):
            return negation(both(negation(truth(a, read)), negation(truth(b, read))))
        case ("not", a):
            return negation(truth(a, read))
    raise ValueError(f"not a condition: {condition}")


def kind(value: Any) -> str:
    """What a value may be compared with. A truth is no number."""
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else "nothing"


def compared(left: Any, operator: str, right: Any) -> bool | None:
    if kind(left) == "nothing" or kind(left) != kind(right):
        return None
    if kind(left) == "truth" and operator not in ("==", "!="):
        return None
    return COMPARE[operator](left, right)


def member(value: Any, values: list[Any]) -> bool | None:
    if kind(value) == "nothing":
        return None
    return any(kind(value) == kind(each) and value == each for each in values)


def both(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def negation(a: bool | None) -> bool | None:
    return None if a is None else not a


def leaves(condition: Any) -> Iterator[Any]:
    """The parts that name something."""
    if condition[0] in ("and", "or", "not"):
        for part in condition[1:]:
            yield from leaves(part)
    else:
        yield condition
