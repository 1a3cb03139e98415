"""The text of a condition into tokens, each with its offset."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from detector.core.rulebook import units
from detector.core.rulebook.model import Type
from detector.core.rulebook.problems import Refusal

CHARACTERS_MAX: Final = 1_000
KEYWORDS: Final = ("and", "or", "not", "between", "in", "matches", "contains", "covers", "true", "false")
LATER: Final = ("during", "then", "within", "rises")

Kind: TypeAlias = Literal["value", "word", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<number>[0-9][0-9.]*[%\w]*)
      | (?P<word>(?:rules|limits)\.[A-Za-z][\w-]*(?:\.[\w$]+)*|[^\W\d][\w$]*(?:\.[\w$]+)*|\$\w+(?:\.[\w$]+)*)
      | (?P<sign>==|!=|<=|>=|[-<>+*/(),\[\]])""",
    re.VERBOSE,
)
_REMEDIES: Final = {
    "=": "Write == to compare",
    "!": "Write != or not",
    "&": "Write: and",
    "|": "Write: or",
    "≥": "Write >=",
    "≤": "Write <=",
    "≠": "Write !=",
    "“": 'Use straight quotes: "',
    "”": 'Use straight quotes: "',
    "%": "Write the number first: 80%",
}


@dataclass(frozen=True, slots=True)
class Token:
    """`value` and `type` are set for numbers, percentages, durations, texts, true and false."""

    kind: Kind
    text: str
    offset: int
    value: float | str | bool = ""
    type: Type = Type.TEXT


def tokens_of(text: str) -> list[Token]:
    """The tokens, the last of kind `end`. Raises Refusal for what is none."""
    if len(text) > CHARACTERS_MAX:
        raise Refusal(
            0, "too_long", f"a condition has at most {CHARACTERS_MAX} characters", "Split it into several lines of `when`"
        )
    tokens: list[Token] = []
    offset = 0
    while offset < len(text):
        found = _TOKEN.match(text, offset)
        if found is None:
            character = text[offset]
            if character in ("'", '"'):
                raise Refusal(offset, "syntax", "a text without its closing quote", f"Close it with {character}")
            raise Refusal(offset, "syntax", f"'{character}' means nothing here", _REMEDIES.get(character, ""))
        if found.lastgroup != "space":
            tokens.append(_token(found.lastgroup or "", found[0], offset))
        offset = found.end()
    tokens.append(Token("end", "the end", len(text)))
    return tokens


def _token(group: str, text: str, offset: int) -> Token:
    if group == "text":
        return Token("value", text, offset, text[1:-1], Type.TEXT)
    if group == "number":
        return _quantity(text, offset)
    if text in ("true", "false"):
        return Token("value", text, offset, text == "true", Type.BOOL)
    return Token("word" if group == "word" else "sign", text, offset)


def _quantity(text: str, offset: int) -> Token:
    if (number := units.number(text)) is not None:
        return Token("value", text, offset, number, Type.NUMBER)
    if (share := units.percent(text)) is not None:
        return Token("value", text, offset, share, Type.PERCENT)
    if (duration := units.duration_ms(text)) is not None:
        return Token("value", text, offset, duration, Type.DURATION)
    remedy = "Numbers: 5, 2.5, up to 1e15; percentages: 80%; durations: 30s, 15m, 1h, 14d, 2w, up to 3650d"
    raise Refusal(offset, "syntax", f"'{text}' is no number, percentage or duration", remedy)
