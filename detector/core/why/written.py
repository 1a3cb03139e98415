"""One side of a condition in, its text out, as a rulebook would say it."""

from detector.core import words
from detector.core.rulebook.model import (
    Aspect,
    Between,
    Binary,
    Constant,
    Covers,
    Expr,
    In,
    Known,
    Look,
    Name,
    Negative,
    Not,
    Type,
)


def written(expr: Expr, wanted: bool = True) -> str:  # noqa: PLR0911, PLR0912  one per kind of node
    """`wanted` False: that it is not so."""
    if not wanted:
        return f"not {_in_brackets(expr)}"
    match expr:
        case Constant():
            return _constant(expr.value, expr.type)
        case Aspect(how="values", path=path):
            return path
        case Aspect(how=how, path=path):
            return f"{how}({path})"
        case Name(path=path):
            return path
        case Not(operand=Known(value=name)):
            return f"{name.path} is missing"
        case Not(operand=operand):
            return written(operand, wanted=False)
        case Negative(operand=operand):
            return f"-{_in_brackets(operand)}"
        case Binary(operator=operator, left=left, right=right):
            return f"{_in_brackets(left)} {operator} {_in_brackets(right)}"
        case Between(value=value, low=low, high=high):
            return f"{_in_brackets(value)} between {written(low)} and {written(high)}"
        case In(value=value, options=options):
            return f"{_in_brackets(value)} in {_listed(options)}"
        case Covers(value=value, options=options):
            return f"{written(value)} covers {_listed(options)}"
        case Look(operator=operator, value=value, sought=sought):
            return f"{_in_brackets(value)} {operator} {_constant(sought, Type.ANY)}"
        case Known(value=name):
            return f"{name.path} is known"


def _in_brackets(expr: Expr) -> str:
    compound = isinstance(expr, Binary | Between | In | Covers | Look | Not)
    return f"({written(expr)})" if compound else written(expr)


def _listed(options: tuple[float | str | bool, ...]) -> str:
    return "[" + ", ".join(_constant(option, Type.ANY) for option in options) + "]"


def _constant(value: float | str | bool, kind: Type) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{value}"'
    if kind is Type.DURATION:
        return words.window(int(value))
    return f"{value * 100:g}%" if kind is Type.PERCENT else f"{value:g}"
