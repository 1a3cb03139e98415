"""Our own expression tree in, Python source out. Text of the rulebook is never source: constants and names are bound objects."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from detector.core.rulebook import logic
from detector.core.rulebook.model import (
    Between,
    Binary,
    Condition,
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
from detector.core.rulebook.patterns import finder

_FUNCTIONS = {
    "and": "both",
    "or": "either",
    "==": "equal",
    "!=": "unequal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided",
}
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_NUMERIC = {Type.NUMBER, Type.PERCENT, Type.DURATION}


@lru_cache(4_096)
def _code(name: str, source: str) -> CodeType:
    """What is bound has no part in the source: much of it is the same in every rulebook, and in all versions of one."""
    return compile(source, f"<generated {name}>", "exec")


class Source:
    """Collects the objects that a piece of generated source refers to."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {name: getattr(logic, name) for name in (*_FUNCTIONS.values(), *_OTHERS)}

    def bind(self, value: object) -> str:
        """A name in the generated source that stands for `value`."""
        name = f"o{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def build(self, name: str, parameters: str, body: Sequence[str]) -> Callable[..., Any]:
        lines = "\n".join(f"    {line}" for line in body)
        # Every token of this source is ours: fixed words, generated names and numbers, never text that a user wrote.
        exec(_code(name, f"def {name}({parameters}):\n{lines}\n"), self.namespace)  # noqa: S102
        function: Callable[..., Any] = self.namespace[name]
        return function

    def expression(self, expr: Expr, read: Callable[[Name], str]) -> str:  # noqa: PLR0911  one per kind of node
        """`read` gives the source that reads a name."""
        match expr:
            case Constant(value=value):
                return self.bind(value)
            case Name():
                return read(expr)
            case Not(operand=operand):
                return f"negation({self.expression(operand, read)})"
            case Negative(operand=operand):
                return f"negative({self.expression(operand, read)})"
            case Between(value=value, low=low, high=high):
                parts = (self.expression(part, read) for part in (value, low, high))
                return f"between({', '.join(parts)})"
            case In(value=value, options=options):
                bound = self.bind(frozenset((logic.kind(option), option) for option in options))
                return f"member({self.expression(value, read)}, {bound})"
            case Covers(value=value, options=options):
                bound = self.bind(frozenset((logic.kind(option), option) for option in options))
                return f"covers({self.expression(value, read)}, {bound})"
            case Look(operator="matches", value=value, sought=sought):
                return f"{self.bind(finder(str(sought)))}({self.expression(value, read)})"
            case Look(operator=operator, value=value, sought=sought):
                return f"{operator.replace(' ', '_')}({self.expression(value, read)}, {self.bind(sought)})"
            case Known(value=name):
                known = f"knows({read(name)})"
                return f"(None if m.person is None else {known})" if name.path.startswith("person.") else known
            case Binary():
                return self._binary(expr, read)

    def _binary(self, expr: Binary, read: Callable[[Name], str]) -> str:
        left, right = self.expression(expr.left, read), self.expression(expr.right, read)
        if expr.operator in _COMPARISONS and _numeric(expr.left) and isinstance(expr.right, Constant) and _numeric(expr.right):
            # The common line, `measure >= number`, needs no call: its types were checked when the rulebook was.
            value = f"v{len(self.namespace)}"
            self.namespace[value] = None
            return f"(None if ({value} := {left}) is None else {value} {expr.operator} {right})"
        return f"{_FUNCTIONS[expr.operator]}({left}, {right})"

    def all_hold(self, name: str, conditions: Sequence[Condition], read: Callable[[Name], str]) -> Callable[[Any], bool | None]:
        """A function of a moment: Kleene's and over the lines; the first false one ends it."""
        body = ["unknown = False"]
        for condition in conditions:
            body += [
                f"v = truth({self.expression(condition.expr, read)})",
                "if v is False: return False",
                "if v is None: unknown = True",
            ]
        body.append("return None if unknown else True")
        return self.build(name, "m", body)


_OTHERS = ("truth", "knows", "negation", "negative", "between", "member", "covers", "contains", "starts_with", "ends_with")


def _numeric(expr: Expr) -> bool:
    return isinstance(expr, Constant | Name) and expr.type in _NUMERIC
