"""A condition's text into a tree of words and operators, by precedence climbing; names and types are not looked at yet.

Loosest first: `or` · `and` · `not` · `== != < <= > >= between in` and the other words between a value and what it is held
against (these do not chain) · `+ -` · `* /` · unary `-`.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from detector.core.rulebook.lexer import KEYWORDS, LATER, Token, tokens_of
from detector.core.rulebook.model import Type
from detector.core.rulebook.problems import Refusal, closest, did_you_mean

OPERATORS_MAX: Final = 50
"""Operators and parentheses of one condition: keeps every later walk, and the compiled code, shallow."""
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
SEARCHES: Final = ("matches", "contains", "starts", "ends")
CALLS: Final = ("since", "until")
_COMPARING: Final = (*COMPARISONS, *SEARCHES, "between", "in", "covers", "is")
_POWER: Final = {"or": 1, "and": 2, **dict.fromkeys(_COMPARING, 4), "+": 5, "-": 5, "*": 6, "/": 6}
_NOT, _COMPARE, _SUM, _UNARY = 3, 4, 5, 7


@dataclass(frozen=True, slots=True)
class Word:
    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class Literal:
    value: float | str | bool
    type: Type
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`not` or `-`."""

    operator: str
    operand: "Raw"
    offset: int


@dataclass(frozen=True, slots=True)
class Pair:
    operator: str
    left: "Raw"
    right: "Raw"
    offset: int


@dataclass(frozen=True, slots=True)
class Range:
    value: "Raw"
    low: "Raw"
    high: "Raw"
    offset: int


@dataclass(frozen=True, slots=True)
class Member:
    """`value in name` or `value in [a, b]`; the same with `covers`."""

    operator: str
    value: "Raw"
    options: Word | tuple["Word | Literal", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Search:
    """`value matches "…"`, and the others that look into a text."""

    operator: str
    value: "Raw"
    sought: "Raw"
    offset: int


@dataclass(frozen=True, slots=True)
class Presence:
    """`value is known`, or `is missing`."""

    value: "Raw"
    known: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`since(name)`, `until(name)`."""

    function: str
    name: Word
    offset: int

    @property
    def text(self) -> str:
        return f"{self.function}({self.name.path})"


Raw: TypeAlias = Word | Literal | Unary | Pair | Range | Member | Search | Presence | Call


def read(text: str) -> Raw:
    """The tree of one condition. Raises Refusal with the offset of the first thing that does not fit."""
    reader = _Reader(tokens_of(text))
    return reader.whole()


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._operators = 0

    def whole(self) -> Raw:
        raw = self._expression(0)
        if self._peek().kind != "end":
            raise self._unexpected(self._peek())
        return raw

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _expression(self, power: int) -> Raw:
        left = self._prefix()
        while (operator := self._peek()).kind in ("word", "sign") and _POWER.get(operator.text, 0) > power:
            self._take()
            self._count(operator)
            left = self._infix(left, operator)
            if _POWER[operator.text] == _COMPARE and _POWER.get(self._peek().text) == _COMPARE:
                raise Refusal(
                    self._peek().offset, "syntax", "comparisons do not chain", "Write: x between 1 and 5, or join two with `and`"
                )
        return left

    def _prefix(self) -> Raw:
        token = self._take()
        if token.kind == "value":
            return Literal(token.value, token.type, token.text, token.offset)
        if token.kind == "word" and token.text not in KEYWORDS:
            return self._call(token) if self._peek().text == "(" else Word(token.text, token.offset)
        if token.text in ("not", "-"):
            self._count(token)
            return Unary(token.text, self._expression(_NOT if token.text == "not" else _UNARY), token.offset)
        if token.text == "(":
            self._count(token)
            inner = self._expression(0)
            self._expect(")")
            return inner
        if token.text == "[":
            raise Refusal(token.offset, "syntax", "a list stands only after `in` or `covers`", "Write: x in [1, 2]")
        remedy = f"Write it behind a name: x {token.text} …" if _POWER.get(token.text) == _COMPARE else ""
        raise Refusal(token.offset, "syntax", f"expected a name or a value, found {_called(token)}", remedy)

    def _call(self, function: Token) -> Call:
        if function.text not in CALLS:
            message = f"there is no function '{function.text}'"
            raise Refusal(function.offset, "syntax", message, did_you_mean(function.text, CALLS))
        self._count(self._take())
        of = self._take()
        if of.kind != "word" or of.text in KEYWORDS:
            remedy = f"Write: {function.text}(account.created_at)"
            raise Refusal(of.offset, "syntax", f"expected the name of a date, found {_called(of)}", remedy)
        self._expect(")")
        return Call(function.text, Word(of.text, of.offset), function.offset)

    def _infix(self, left: Raw, operator: Token) -> Raw:
        if operator.text == "between":
            low = self._expression(_COMPARE)
            self._expect("and")
            return Range(left, low, self._expression(_COMPARE), operator.offset)
        if operator.text in ("in", "covers"):
            return Member(operator.text, left, self._options(operator.text), operator.offset)
        if operator.text == "is":
            return Presence(left, self._presence(), operator.offset)
        if operator.text in SEARCHES:
            return self._search(left, operator)
        return Pair(operator.text, left, self._expression(_POWER[operator.text]), operator.offset)

    def _presence(self) -> bool:
        token = self._take()
        if token.kind != "word" or token.text not in ("known", "missing"):
            remedy = "Write: x is known, or: x is missing. To compare, write =="
            raise Refusal(token.offset, "syntax", f"expected `known` or `missing` after `is`, found {_called(token)}", remedy)
        return token.text == "known"

    def _search(self, left: Raw, operator: Token) -> Search:
        name = operator.text
        if name in ("starts", "ends"):
            self._expect("with")
            name = f"{name} with"
        return Search(name, left, self._expression(_COMPARE), operator.offset)

    def _options(self, operator: str) -> Word | tuple[Word | Literal, ...]:
        token = self._take()
        if token.kind == "word" and token.text not in KEYWORDS:
            return Word(token.text, token.offset)
        if token.text != "[" or token.kind != "sign":
            message = f"expected a list after `{operator}`, found {_called(token)}"
            raise Refusal(token.offset, "syntax", message, f"Write: x {operator} [1, 2] or x {operator} a_list")
        options = [self._option()]
        while self._peek().text == ",":
            self._take()
            options.append(self._option())
        self._expect("]")
        return tuple(options)

    def _option(self) -> Word | Literal:
        raw = self._expression(_SUM)
        if (
            isinstance(raw, Unary)
            and isinstance(raw.operand, Literal)
            and raw.operator == "-"
            and raw.operand.type is Type.NUMBER
        ):
            return Literal(-float(raw.operand.value), Type.NUMBER, f"-{raw.operand.text}", raw.offset)
        if not isinstance(raw, Word | Literal):
            raise Refusal(raw.offset, "syntax", "a list holds plain values", "Write: x in [1, 2]")
        return raw

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text or token.kind == "value":
            raise Refusal(token.offset, "syntax", f"expected '{text}', found {_called(token)}")

    def _count(self, token: Token) -> None:
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            message = f"a condition has at most {OPERATORS_MAX} operators and parentheses"
            raise Refusal(token.offset, "too_long", message, "Split it into several lines of `when`")

    @staticmethod
    def _unexpected(token: Token) -> Refusal:
        if token.text in LATER:
            return Refusal(token.offset, "not_supported_yet", f"not supported yet: {token.text}")
        remedy = ""
        if token.kind == "word":
            if token.text == "not":
                return Refusal(token.offset, "syntax", "`not` stands before a condition", "Write: not x in [1, 2]")
            near = closest(token.text.lower(), [*KEYWORDS, "is", "starts", "ends", *LATER])
            remedy = f"Did you mean '{near}'?" if near else "Texts of several words need quotes"
        return Refusal(token.offset, "syntax", f"expected an operator or the end, found {_called(token)}", remedy)


def _called(token: Token) -> str:
    return token.text if token.kind == "end" else f"'{token.text}'"
