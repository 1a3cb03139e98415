"""A line of `when` in, a tree out that can be asked of any moment: which of its sides hold, and what they compare.

A whole line is asked by the very functions that judge. Its sides have functions of their own, generated from the same tree in
the same way, the first time that somebody asks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.rulebook.conditions import type_of
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.logic import negation
from detector.core.rulebook.model import Between, Binary, Condition, Expr, Known, Name, Not, Type
from detector.core.rulebook.program import Program
from detector.core.rulebook.reading import calculation, course_of, guard, reading
from detector.core.rulebook.references import RULES
from detector.core.rulebook.tree_walk import held_against, names_in
from detector.core.rulebook.uses import asked_properties
from detector.core.rulebook.values import Value
from detector.core.why.written import written

Test: TypeAlias = Callable[[Moment], bool | None]
_Read: TypeAlias = Callable[[Name], Value]
_OTHER: dict[str, Any] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_NO_VALUE = Value(lambda _moment: None)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is not made of other conditions. `wanted` False: it must not be so.

    `value`: what is compared or looked into, of type `type`; `bounds`: with what, none where it is compared with nothing.
    `operator`: as it must be; `names`: every name in it with its reader, the first one first.
    """

    expr: Expr
    wanted: bool
    type: Type
    value: Callable[[Moment], Any]
    bounds: tuple[Callable[[Moment], Any], ...]
    operator: str
    names: tuple[tuple[Name, Value], ...]
    course: Course

    @property
    def name(self) -> Name | None:
        """What is compared, if that is a name by itself."""
        held = _looked_at(self.expr)
        return held if isinstance(held, Name) else None

    @property
    def source(self) -> Value:
        """Of its first name."""
        return self.names[0][1] if self.names else _NO_VALUE

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which it may be otherwise, from what is known."""
        return min(source.next(moment) for _, source in self.names)


@dataclass(frozen=True, slots=True)
class Probe:
    """A condition, or a side of one. Either it is a leaf, or `how` says how many of its sides must hold."""

    text: str
    holds: Test
    leaf: Leaf | None = None
    how: Literal["all", "any"] | None = None
    sides: tuple["Probe", ...] = ()


def probes(program: Program, judged: Judged) -> tuple[Probe, ...]:
    """One for each of its lines, in order."""
    read = reading(judged.rule.when, program.values, asked_properties(judged.rule))
    maker = _Maker(program)
    return tuple(
        replace(maker.probe(condition.expr, read, text=condition.text, test=line.holds), holds=line.holds)
        for condition, line in zip(judged.rule.when, judged.lines, strict=True)
    )


class _Maker:
    def __init__(self, program: Program) -> None:
        self._rules = {rule.name: rule for rule in program.rulebook.rules}
        self._values = program.values

    def probe(  # noqa: PLR0913  what a side inherits from its line
        self, expr: Expr, read: _Read, *, text: str, wanted: bool = True, test: Test | None = None, inner: bool = False
    ) -> Probe:
        """`test`: what answers it, if there is something already. `inner`: it belongs to another rule that was looked at."""
        holds = test or _test(expr, read, wanted=wanted)
        match expr:
            case Not(operand=operand):
                return self.probe(operand, read, text=text, wanted=not wanted, test=test, inner=inner)
            case Binary(operator="and" | "or" as operator):
                sides = (self.probe(side, read, text=written(side, wanted), wanted=wanted, inner=inner) for side in _sides(expr))
                return Probe(text, holds, None, "all" if (operator == "and") is wanted else "any", tuple(sides))
            case Name(path=path) if path.startswith(RULES) and not inner:
                other = self._rules[path.removeprefix(RULES)]
                of_other = reading(other.when, self._values)
                lines = (
                    self.probe(
                        line.expr,
                        of_other,
                        text=line.text if wanted else written(line.expr, wanted=False),
                        wanted=wanted,
                        inner=True,
                    )
                    for line in other.when
                )
                return Probe(text, holds, None, "all" if wanted else "any", tuple(lines))
        return Probe(text, holds, _leaf(expr, read, wanted=wanted))


def _test(expr: Expr, read: _Read, *, wanted: bool) -> Test:
    asked = guard((Condition("", expr),), read)
    return asked if wanted else lambda moment: negation(asked(moment))


def _sides(expr: Binary) -> list[Expr]:
    """`a and b and c` has three."""
    found: list[Expr] = []
    for side in (expr.left, expr.right):
        found += _sides(side) if isinstance(side, Binary) and side.operator == expr.operator else [side]
    return found


def _looked_at(expr: Expr) -> Expr:
    return expr.value if isinstance(expr, Known) else held_against(expr)


def _leaf(expr: Expr, read: _Read, *, wanted: bool) -> Leaf:
    held = _looked_at(expr)
    bounds: tuple[Expr, ...] = ()
    operator = ""
    if isinstance(expr, Binary) and expr.operator in _OTHER:
        bounds, operator = (expr.right,), expr.operator if wanted else _OTHER[expr.operator]
    elif isinstance(expr, Between):
        bounds, operator = (expr.low, expr.high), "between" if wanted else "not between"
    return Leaf(
        expr,
        wanted,
        type_of(held),
        calculation(held, read),
        tuple(calculation(bound, read) for bound in bounds),
        operator,
        tuple((name, read(name)) for name in dict.fromkeys(names_in(expr))),
        course_of(expr, read) if wanted else Course.MOVES,
    )
