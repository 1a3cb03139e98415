"""A condition of `when` in, the line that is judged out: with what keeps it from holding, and what can end that it holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil, floor

from detector.core.facts.series import KEPT_MAX
from detector.core.measures.reader import Reader
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged, Line
from detector.core.rulebook.model import Binary, Condition, Constant, Expr, Name, Type
from detector.core.rulebook.reading import calculation, course_of, guard
from detector.core.rulebook.tree_walk import held_against, names_in
from detector.core.rulebook.values import Value


@dataclass(frozen=True, slots=True)
class Habits:
    """Of names in conditions: what an event that comes in order does to them, at most."""

    by_one: frozenset[str]
    """It raises them by no more than one."""
    climb: frozenset[str]
    """Above zero it does not lower them, nor bring nearer what time alone will do to them."""
    drawn: frozenset[str]
    """Once known they change with time alone."""

    @classmethod
    def of(cls, readers: Mapping[str, Reader], limits: Iterable[LimitReader]) -> "Habits":
        """Of all measures, and of the limit at hand, whichever it is."""
        return cls(
            frozenset(name for name, reader in readers.items() if reader.rises_by_one),
            frozenset(name for name, reader in readers.items() if reader.climbs),
            frozenset() if any(limit.hangs_on_events for limit in limits) else frozenset(["limit.full_in"]),
        )


def line_of(condition: Condition, read: Callable[[Name], Value], habits: Habits) -> Line:
    expr = condition.expr
    compared = expr if isinstance(expr, Binary) and expr.operator not in ("and", "or") else None
    left = held_against(expr)
    names = names_in(expr)
    source = read(names[0]) if names else Value(lambda _moment: None)
    kind = left.type if isinstance(left, Name) else Type.ANY
    return Line(
        text=condition.text,
        value=calculation(left, read),
        threshold=calculation(compared.right, read) if compared is not None else lambda _moment: None,
        source=source,
        type=kind,
        holds=guard((condition,), read),
        course=course_of(expr, read),
        sources=tuple(map(read, dict.fromkeys(names))),
        counted_to=_counted_to(expr, habits.by_one),
        share=_share(expr),
        lasts=_lasts(expr, habits),
    )


def shaken_by(judged: Judged) -> int | None:
    """Bits of the lines that an event in order can end while the rule stands. None: more than lines decide that."""
    if judged.stepped or judged.asked_key is not None or judged.of_person or judged.follows:
        return None
    return sum(1 << n for n, line in enumerate(judged.lines) if not line.lasts)


def _counted_to(expr: Expr, names: frozenset[str]) -> int | None:
    match expr:
        case Binary(operator=">=", left=Name(path=path), right=Constant(value=int() | float() as number)) if path in names:
            return ceil(number)
        case Binary(operator=">", left=Name(path=path), right=Constant(value=int() | float() as number)) if path in names:
            return floor(number) + 1
        case _:
            return None


def _share(expr: Expr) -> float | None:
    match expr:
        case Binary(operator=">=" | ">", left=Name(path="limit.percent"), right=Constant(value=int() | float() as number)):
            return number
        case _:
            return None


def _lasts(expr: Expr, habits: Habits) -> bool:
    """Of more than 1,000 events a count over a window may say less than there were."""
    counted = _counted_to(expr, habits.climb)
    if counted is not None:
        return 0 < counted <= KEPT_MAX
    match expr:
        case Binary(operator="<=" | "<" | ">=" | ">", left=Name(path=path), right=Constant()):
            return path in habits.drawn
        case _:
            return False
