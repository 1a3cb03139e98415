"""A condition, as nested tuples, and a reader of names in; true, false or None (unknown) out. Unknown never fires.

    ("is", path)                            path is a truth by itself, such as `onboarding.done`
    ("compare", path, operator, value)      operators: >= <= > < == !=
    ("between", path, low, high)            both ends included
    ("in", path, [value, …])
    ("look", path, operator, text)          operators: matches, contains, starts with, ends with
    ("covers", path, [value, …])            path has several values
    ("known", path)  ("missing", path)      something was said
    ("and", a, b)  ("or", a, b)  ("not", a)

Values are numbers, texts and truths; a percentage is ("%", 80), a duration ("duration", "3d"). A path may be `since(path)` or
`until(path)` of a date, and `values(m0)`, the different values that a measure counts; `rules.r0` is another rule.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
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


NOBODY = object()
"""What is read of a person while nobody is at hand."""


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
        case ("look", path, operator, sought):
            return looked(read(path), operator, sought)
        case ("covers", path, values):
            found = read(path)
            return all(member(each, list(found)) is True for each in values) if isinstance(found, list | set) else None
        case ("known", path):
            return None if read(path) is NOBODY else read(path) is not None
        case ("missing", path):
            return negation(truth(("known", path), read))
        case ("and", a, b):
            return both(truth(a, read), truth(b, read))
        case ("or", a, b):
            return negation(both(negation(truth(a, read)), negation(truth(b, read))))
        case ("not", a):
            return negation(truth(a, read))
    raise ValueError(f"not a condition: {condition}")


def looked(value: Any, operator: str, sought: Any) -> bool | None:
    """Into a text, whatever its case; a list contains its items."""
    if isinstance(value, list | set) and operator == "contains":
        return member(sought, list(value))
    if not isinstance(value, str) or not isinstance(sought, str):
        return None
    if operator == "matches":
        return re.search(sought, value, re.IGNORECASE) is not None
    text, sought = value.lower(), sought.lower()
    return {"contains": sought in text, "starts with": text.startswith(sought), "ends with": text.endswith(sought)}[operator]


FORMS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"]


def date(value: Any) -> int | None:
    """A date as a product may send it, in ms: a text, or epoch seconds, or milliseconds."""
    if isinstance(value, str):
        for form in FORMS:
            try:
                at = datetime.strptime(value, form)  # noqa: DTZ007  a form without an offset is UTC
            except ValueError:
                continue
            return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND
        return None
    if kind(value) != "number" or not 10**8 <= value < 10**14:
        return None
    return int(value * SECOND if value < 10**11 else value)


def distance(how: str, at: int | None, t: int) -> int | None:
    """How long since it, or until it; nothing on its other side."""
    gone = None if at is None else t - at if how == "since" else at - t
    return gone if gone is not None and gone >= 0 else None


def aspect(path: str) -> tuple[str, str]:
    """`since(account.x)` -> ("since", "account.x"); of a plain path ("", path)."""
    how, _, inner = path.rpartition("(")
    return how, inner.removesuffix(")")


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
