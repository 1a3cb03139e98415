"""An expression in, the names that it uses out, in order; and the fixed values that one of them is compared with."""

from detector.core.rulebook.model import Between, Binary, Constant, Expr, In, Name, Negative, Not


def names_in(expr: Expr) -> list[Name]:
    match expr:
        case Name():
            return [expr]
        case Constant():
            return []
        case Not(operand=operand) | Negative(operand=operand):
            return names_in(operand)
        case In(value=value):
            return names_in(value)
        case Between(value=value, low=low, high=high):
            return [*names_in(value), *names_in(low), *names_in(high)]
        case Binary(left=left, right=right):
            return [*names_in(left), *names_in(right)]


def compared_with(expr: Expr, path: str) -> list[float | str | bool]:
    """The constants on the right of comparisons that have this name alone on their left, in order."""
    match expr:
        case Binary(left=Name(path=left), right=Constant(value=value)) if left == path:
            return [value]
        case Binary(left=left, right=right):
            return [*compared_with(left, path), *compared_with(right, path)]
        case Not(operand=operand):
            return compared_with(operand, path)
        case _:
            return []
