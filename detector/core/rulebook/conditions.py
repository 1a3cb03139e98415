"""A condition's text into a typed Condition: every name known, every operator between types that fit."""

from typing import Any, Final, cast

from detector.core.rulebook import looking
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
from detector.core.rulebook.names import GROWS, Names, Place
from detector.core.rulebook.problems import Refusal, Report, did_you_mean
from detector.core.rulebook.spoken import a_kind, called
from detector.core.rulebook.syntax import (
    COMPARISONS,
    Call,
    Literal,
    Member,
    Pair,
    Presence,
    Range,
    Raw,
    Search,
    Unary,
    Word,
    read,
)
from detector.core.rulebook.tree import Node, Scalar, kind_of

ORDERED: Final = frozenset([Type.NUMBER, Type.PERCENT, Type.DURATION, Type.TIME, Type.ANY])
_SUMS: Final = {
    (Type.NUMBER, "+", Type.NUMBER): Type.NUMBER,
    (Type.NUMBER, "-", Type.NUMBER): Type.NUMBER,
    (Type.NUMBER, "*", Type.NUMBER): Type.NUMBER,
    (Type.NUMBER, "/", Type.NUMBER): Type.NUMBER,
    (Type.NUMBER, "*", Type.PERCENT): Type.NUMBER,
    (Type.PERCENT, "*", Type.NUMBER): Type.NUMBER,
    (Type.PERCENT, "+", Type.PERCENT): Type.PERCENT,
    (Type.PERCENT, "-", Type.PERCENT): Type.PERCENT,
    (Type.DURATION, "+", Type.DURATION): Type.DURATION,
    (Type.DURATION, "-", Type.DURATION): Type.DURATION,
    (Type.DURATION, "*", Type.NUMBER): Type.DURATION,
    (Type.NUMBER, "*", Type.DURATION): Type.DURATION,
    (Type.DURATION, "/", Type.NUMBER): Type.DURATION,
    (Type.DURATION, "/", Type.DURATION): Type.NUMBER,
}
"""Properties and traits (ANY) count as numbers here."""


def condition(node: Node, names: Names, place: Place, report: Report) -> Condition | None:
    """The checked condition; None if it was refused (the report then says why)."""
    if not isinstance(node, Scalar) or node.is_null:
        remedy = "Write a condition such as active_days >= 3; with [ ] { } or : in it, in quotes"
        report.refuse(node.at, "value", f"expected a condition, found {kind_of(node)}", remedy)
        return None
    if node.cut:
        report.refuse(node.at, "cut", f"YAML ends this text at the # that follows: '{node.text}'", CUT_REMEDY)
        return None
    try:
        expr = typed(node.text, names, place)
    except Refusal as refusal:
        report.refuse(node.place(refusal.offset), refusal.code, refusal.message, refusal.remedy)
        return None
    return Condition(node.text, expr, node.at.line)


CUT_REMEDY: Final = "Put the whole text in quotes; or, if the # begins a comment, give the comment a line of its own"


def typed(text: str, names: Names, place: Place) -> Expr:
    """The tree of a condition. Raises Refusal with the offset of what is wrong."""
    raw = read(text)
    expr = _Checker(names, place).expr(raw)
    if type_of(expr) not in (Type.BOOL, Type.ANY):
        raise Refusal(
            raw.offset, "type", f"this is {a_kind(type_of(expr))}, not a condition", "Compare it with something: … >= 1"
        )
    return expr


def type_of(expr: Expr) -> Type:
    """What the expression yields."""
    match expr:
        case Constant() | Name() | Binary():
            return expr.type
        case Negative():
            inner = type_of(expr.operand)
            return Type.NUMBER if inner is Type.ANY else inner
        case Not() | Between() | In() | Look() | Covers() | Known():
            return Type.BOOL


class _Checker:
    def __init__(self, names: Names, place: Place) -> None:
        self._names = names
        self._place = place

    def expr(self, raw: Raw) -> Expr:  # noqa: PLR0911 (one return a kind of node)
        match raw:
            case Word() | Call():
                return self._named(raw)
            case Literal():
                return Constant(raw.value, raw.type)
            case Unary(operator="not"):
                return Not(self._bool(raw.operand, "not"))
            case Unary():
                return self._negative(raw)
            case Range():
                return self._between(raw)
            case Member():
                return self._in(raw) if raw.operator == "in" else self._covers(raw)
            case Search():
                several = looking.several(raw.value, self._names, self._place) if raw.operator == "contains" else None
                value = several or self.expr(raw.value)
                return looking.look(raw, value, type_of(value))
            case Presence():
                found = looking.known(raw.value, self.expr(raw.value))
                return found if raw.known else Not(found)
            case Pair():
                return self._pair(raw)

    def _named(self, raw: Word | Call) -> Expr:
        name = self._moving(raw)
        if name is not None:
            text = raw.text if isinstance(raw, Call) else raw.path
            message = f"'{text}' is only compared with a fixed duration, by <=, <, >=, > or between"
            raise Refusal(raw.offset, "type", message, f"Write: {text} {'>=' if text in GROWS else '<='} 3d")
        assert isinstance(raw, Word)  # noqa: S101  every call moves
        found = self._names.find(raw.path, self._place, raw.offset)
        if found.type is Type.TIME:
            raise Refusal(raw.offset, "type", f"'{raw.path}' is a date", f"Write: since({raw.path}) >= 90d")
        return found

    def _moving(self, raw: Raw) -> Name | None:
        """What moves with every millisecond: it is known when a condition changes only beside a fixed value."""
        if isinstance(raw, Call):
            return looking.elapsed(raw, self._names, self._place)
        if isinstance(raw, Word) and self._names.compared_only(raw.path):
            return self._names.find(raw.path, self._place, raw.offset)
        return None

    def _pair(self, raw: Pair) -> Expr:
        # The operators are those of syntax.py, which are exactly the model's.
        operator = cast("Any", raw.operator)
        if operator in ("and", "or"):
            return Binary(operator, self._bool(raw.left, operator), self._bool(raw.right, operator), Type.BOOL)
        if operator in COMPARISONS:
            left, right = self._against_fixed(raw) or self._sides(raw)
            self._comparable(raw.left, left, raw.right, right, ordered=operator not in ("==", "!="))
            return Binary(operator, left, right, Type.BOOL)
        left, right = self.expr(raw.left), self.expr(raw.right)
        if operator == "/" and isinstance(right, Constant) and right.value == 0:
            raise Refusal(raw.right.offset, "value", "a division by zero")
        sides = [Type.NUMBER if type_of(side) is Type.ANY else type_of(side) for side in (left, right)]
        result = _SUMS.get((sides[0], operator, sides[1]))
        if result is None:
            message = f"{a_kind(sides[0])} {operator} {a_kind(sides[1])} makes no sense"
            raise Refusal(raw.offset, "type", message)
        return Binary(operator, left, right, result)

    def _against_fixed(self, raw: Pair) -> tuple[Expr, Expr] | None:
        """Both sides, if the left may only be compared with a fixed value and is."""
        if not isinstance(raw.right, Literal) or raw.operator in ("==", "!="):
            return None
        left = self._moving(raw.left)
        return None if left is None else (left, Constant(raw.right.value, raw.right.type))

    def _sides(self, raw: Pair) -> tuple[Expr, Expr]:
        """Both sides of a comparison; beside a name with known values a bare word is one of them."""
        left_values, right_values = self._values(raw.left), self._values(raw.right)
        left = self._one_of(raw.left, raw.right, right_values) if right_values is not None else self.expr(raw.left)
        right = self._one_of(raw.right, raw.left, left_values) if left_values is not None else self.expr(raw.right)
        return left, right

    def _values(self, raw: Raw) -> tuple[str, ...] | None:
        if not isinstance(raw, Word) or (values := self._names.values(raw.path)) is None:
            return None
        self._names.find(raw.path, self._place, raw.offset)
        return values

    def _one_of(self, raw: Raw, other: Raw, values: tuple[str, ...]) -> Expr:
        """`raw` beside a name (`other`) that can only have `values`."""
        if isinstance(raw, Word) and raw.path in values:
            return Constant(raw.path, Type.TEXT)
        if isinstance(raw, Word) and self._names.values(raw.path) is not None:
            return self.expr(raw)
        path = other.path if isinstance(other, Word) else ""
        if isinstance(raw, Word) or (isinstance(raw, Literal) and raw.type is Type.TEXT and raw.value not in values):
            word = raw.path if isinstance(raw, Word) else str(raw.value)
            if isinstance(raw, Word) and "." in word:
                return self.expr(raw)
            raise Refusal(
                raw.offset, "unknown_name", f"'{path}' is never '{word}'", did_you_mean(word, values) or f"Define '{word}' first"
            )
        return self.expr(raw)

    def _bool(self, raw: Raw, operator: str) -> Expr:
        expr = self.expr(raw)
        if type_of(expr) not in (Type.BOOL, Type.ANY):
            message = f"`{operator}` needs conditions, and {called(raw)} is {a_kind(type_of(expr))}"
            raise Refusal(raw.offset, "type", message, "Compare it with something: … >= 1")
        return expr

    def _negative(self, raw: Unary) -> Expr:
        operand = self.expr(raw.operand)
        if isinstance(operand, Constant) and operand.type is Type.NUMBER:
            return Constant(-cast("float", operand.value), Type.NUMBER)
        if type_of(operand) not in (Type.NUMBER, Type.PERCENT, Type.DURATION, Type.ANY):
            raise Refusal(raw.offset, "type", f"there is no minus of {a_kind(type_of(operand))}")
        return Negative(operand)

    def _between(self, raw: Range) -> Expr:
        low, high = self.expr(raw.low), self.expr(raw.high)
        fixed = isinstance(low, Constant) and isinstance(high, Constant)
        value = (self._moving(raw.value) if fixed else None) or self.expr(raw.value)
        self._comparable(raw.value, value, raw.low, low, ordered=True)
        self._comparable(raw.value, value, raw.high, high, ordered=True)
        if isinstance(low, Constant) and isinstance(high, Constant) and cast("float", low.value) > cast("float", high.value):
            raise Refusal(
                raw.low.offset, "value", "nothing lies between these: the first is the larger", "Write the smaller one first"
            )
        return Between(value, low, high)

    def _in(self, raw: Member) -> Expr:
        value = self.expr(raw.value)
        values = self._values(raw.value)
        if isinstance(raw.options, Word):
            return self._in_list(raw, value, raw.options)
        options = []
        for option in raw.options:
            constant = self.expr(option) if values is None else self._one_of(option, raw.value, values)
            if not isinstance(constant, Constant):
                raise Refusal(option.offset, "type", f"{called(option)} is not a plain value", "A list holds texts and numbers")
            self._comparable(raw.value, value, option, constant, ordered=False)
            options.append(constant.value)
        return In(value, tuple(options))

    def _covers(self, raw: Member) -> Expr:
        value = looking.several(raw.value, self._names, self._place) or self.expr(raw.value)
        if isinstance(raw.options, Word):
            return looking.covers(raw.value, value, self._list(raw.options), raw.options.offset)
        options = [self.expr(option) for option in raw.options]
        for option, found in zip(raw.options, options, strict=True):
            if not isinstance(found, Constant) or found.type not in (Type.TEXT, Type.NUMBER, Type.BOOL):
                raise Refusal(option.offset, "type", f"{called(option)} is not a plain value", "A list holds texts and numbers")
        plain = tuple(found.value for found in options if isinstance(found, Constant))
        return looking.covers(raw.value, value, plain, raw.offset)

    def _in_list(self, raw: Member, value: Expr, name: Word) -> Expr:
        options = self._list(name)
        if type_of(value) not in (Type.TEXT, Type.ANY):
            raise Refusal(raw.offset, "type", f"a list holds texts, and {called(raw.value)} is {a_kind(type_of(value))}")
        return In(value, options)

    def _list(self, name: Word) -> tuple[str, ...]:
        if name.path not in self._names.lists:
            message = f"there is no list '{name.path}'"
            raise Refusal(
                name.offset, "unknown_name", message, did_you_mean(name.path, self._names.lists) or "Define it in `lists`"
            )
        return self._names.lists[name.path]

    @staticmethod
    def _comparable(raw_left: Raw, left: Expr, raw_right: Raw, right: Expr, *, ordered: bool) -> None:
        a, b = type_of(left), type_of(right)
        for raw, kind in ((raw_left, a), (raw_right, b)):
            if kind is Type.LIST or (ordered and kind not in ORDERED):
                raise Refusal(raw.offset, "type", f"{called(raw)} is {a_kind(kind)}: it has no order", "Use == or !=")
        if a is b or (Type.ANY in (a, b) and not {a, b} & {Type.PERCENT, Type.DURATION}):
            return
        message = f"{called(raw_left)} is {a_kind(a)} and {called(raw_right)} is {a_kind(b)}: they cannot be compared"
        raise Refusal(raw_right.offset, "type", message, _conversion(a, raw_right, b))


def _conversion(wanted: Type, raw: Raw, found: Type) -> str:
    """How to write the right-hand side so that it fits the left."""
    text = raw.text if isinstance(raw, Literal) else "it"
    if wanted is Type.PERCENT and found is Type.NUMBER:
        return f"Write {text}%"
    if wanted is Type.DURATION and found is Type.NUMBER:
        return f"Write a unit: {text}d, {text}h or {text}m"
    if wanted is Type.TEXT:
        return f'Write "{text}", in quotes'
    if wanted is Type.ANY and found is Type.DURATION:
        return f"Write a plain number; of a date: since(…) >= {text}, until(…) <= {text}"
    if wanted in (Type.NUMBER, Type.ANY):
        return "Write a plain number"
    return ""
