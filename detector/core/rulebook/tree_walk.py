"""An expression in, the names that it uses out, in order; and the fixed values that one of them is compared with."""

from detector.core.rulebook.model import Between, Binary, Constant, Covers, Expr, In, Known, Look, Name, Negative, Not


def names_in(expr: Expr) -> list[Name]:
    match expr:
        case Name():
            return [expr]
        case Constant():
            return []
        case Not(operand=operand) | Negative(operand=operand):
            return names_in(operand)
        case In(value=value) | Look(value=value) | Covers(value=value) | Known(value=value):
            return names_in(value)
        case Between(value=value, low=low, high=high):
            return [*names_in(value), *names_in(low), *names_in(high)]
        case Binary(left=left, right=right):
            return [*names_in(left), *names_in(right)]


def compared_with(expr: Expr, name: Name) -> list[float | str | bool]:
    """The constants that this name alone is compared with, on its right or as the ends of a range, in order."""
    match expr:
        case Binary(left=left, right=Constant(value=value)) if left == name:
            return [value]
        case Between(value=value, low=Constant(value=low), high=Constant(value=high)) if value == name:
            return [low, high]
        case Binary(left=left, right=right):
            return [*compared_with(left, name), *compared_with(right, name)]
        case Not(operand=operand):
            return compared_with(operand, name)
        case _:
            return []


def held_against(expr: Expr) -> Expr:
    """What a condition compares, or looks into; of any other the whole, which holds or not."""
    match expr:
        case Binary(operator=operator, left=left) if operator not in ("and", "or"):
            return left
        case Between(value=value) | In(value=value) | Look(value=value) | Covers(value=value):
            return value
        case _:
            return expr
