"""A condition's text into a tree of words and operators, by precedence climbing; names and types are not looked at yet.

Loosest first: `or` · `and` · `not` · `== != < <= > >= between in` (these do not chain) · `+ -` · `* /` · unary `-`.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from detector.core.rulebook.lexer import KEYWORDS, LATER, Token, tokens_of
from detector.core.rulebook.model import Type
from detector.core.rulebook.problems import Refusal, closest

OPERATORS_MAX: Final = 50
"""Operators and parentheses of one condition: keeps every later walk, and the compiled code, shallow."""
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_POWER: Final = {"or": 1, "and": 2, **dict.fromkeys((*COMPARISONS, "between", "in"), 4), "+": 5, "-": 5, "*": 6, "/": 6}
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
    """`value in name` or `value in [a, b]`."""

    value: "Raw"
    options: Word | tuple["Word | Literal", ...]
    offset: int


Raw: TypeAlias = Word | Literal | Unary | Pair | Range | Member


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
            return Word(token.text, token.offset)
        if token.text in ("not", "-"):
            self._count(token)
            return Unary(token.text, self._expression(_NOT if token.text == "not" else _UNARY), token.offset)
        if token.text == "(":
            self._count(token)
            inner = self._expression(0)
            self._expect(")")
            return inner
        if token.text == "[":
            raise Refusal(token.offset, "syntax", "a list stands only after `in`", "Write: x in [1, 2]")
        raise Refusal(token.offset, "syntax", f"expected a name or a value, found {_called(token)}")

    def _infix(self, left: Raw, operator: Token) -> Raw:
        if operator.text == "between":
            low = self._expression(_COMPARE)
            self._expect("and")
            return Range(left, low, self._expression(_COMPARE), operator.offset)
        if operator.text == "in":
            return Member(left, self._options(), operator.offset)
        return Pair(operator.text, left, self._expression(_POWER[operator.text]), operator.offset)

    def _options(self) -> Word | tuple[Word | Literal, ...]:
        token = self._take()
        if token.kind == "word" and token.text not in KEYWORDS:
            return Word(token.text, token.offset)
        if token.text != "[" or token.kind != "sign":
            raise Refusal(
                token.offset, "syntax", f"expected a list after `in`, found {_called(token)}", "Write: x in [1, 2] or x in a_list"
            )
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
            near = closest(token.text.lower(), [*KEYWORDS, *LATER])
            remedy = f"Did you mean '{near}'?" if near else "Texts of several words need quotes"
        return Refusal(token.offset, "syntax", f"expected an operator or the end, found {_called(token)}", remedy)


def _called(token: Token) -> str:
    return token.text if token.kind == "end" else f"'{token.text}'"
