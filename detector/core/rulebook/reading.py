"""Names and conditions of the rulebook in; what reads and judges them at a moment out."""

from collections.abc import Callable, Mapping

from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.usage import Existence
from detector.core.rulebook.generate import Source
from detector.core.rulebook.model import Binary, Condition, Constant, Covers, Expr, Limit, Name, Type
from detector.core.rulebook.tree_walk import compared_with, names_in
from detector.core.rulebook.values import Value, aspect, property_value, trait_value


def value_of(path: str, values: Mapping[str, Value], properties: tuple[str, ...]) -> Value:
    """The reader of a name; `properties`: those that an explicit request keeps."""
    known = values.get(path)
    if known is not None:
        return known
    if path in properties:
        return property_value(properties.index(path))
    return trait_value(path) if "." in path else Value(lambda _moment: None)


def reading(
    conditions: tuple[Condition, ...], values: Mapping[str, Value], properties: tuple[str, ...]
) -> Callable[[Name], Value]:
    """The reader of a name in these conditions: of what moves with time it depends on what it is compared with."""

    def read(name: Name) -> Value:
        with_this = (fixed for condition in conditions for fixed in compared_with(condition.expr, name))
        lengths = tuple(int(fixed) for fixed in with_this if isinstance(fixed, int | float))
        return aspect(value_of(name.path, values, properties), name, lengths)

    return read


def course_of(expr: Expr, read: Callable[[Name], Value]) -> Course:
    """What time alone can do to a condition. A value that only falls can end `value >= number`, and begin nothing."""
    worst = max((read(name).course for name in names_in(expr)), default=Course.STILL)
    if worst is not Course.FALLS:
        return worst
    if isinstance(expr, Binary) and expr.operator in ("and", "or"):
        return max(course_of(expr.left, read), course_of(expr.right, read))
    match expr:
        case Name(type=Type.BOOL) | Covers():
            return Course.FALLS
        case Binary(operator=">=", left=Name(), right=Constant(value=int() | float() as number)) if number > 0:
            return Course.FALLS  # from 0 on it would hold already where a window begins, and unknown ends
        case Binary(operator=">", left=Name(), right=Constant(value=int() | float() as number)) if number >= 0:
            return Course.FALLS
        case _:
            return Course.MOVES


def guard(conditions: tuple[Condition, ...], read: Callable[[Name], Value]) -> Callable[[Moment], bool | None]:
    source = Source()
    return source.all_hold("holds", conditions, lambda name: f"{source.bind(read(name).read)}(m)")


def existence(limit: Limit, values: Mapping[str, Value]) -> Existence | None:
    condition = limit.only_if
    if condition is None:
        return None
    read = reading((condition,), values, ())
    sources = [read(name) for name in names_in(condition.expr)]
    return Existence(
        guard((condition,), read),
        lambda moment: min((source.next(moment) for source in sources), default=NEVER),
        course_of(condition.expr, read),
    )
