"""An expression in, the names that it uses out, in order."""

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
