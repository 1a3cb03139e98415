"""JSON text that only nearly is JSON in, JSON that any reader takes out.

What SDKs really send: NaN, Infinity and numbers beyond a double become null, lone surrogates U+FFFD, NUL in strings goes,
integers beyond 64 bit become strings. All else that is not JSON stays as it is, for the parser to refuse.
"""

import math
import re

LEVELS_MAX = 200
"""Deeper nesting than this is cut to null before parsing: parsers recurse. It is refused anyway (see event.py)."""
INT_MIN, INT_MAX = -(2**63), 2**64 - 1

# Digits look alike after this, so that a plain search finds long ones; `1e400` and `1E+400` become `0e000` and `0e0000`.
_DIGITS_TO_ZERO = bytes(
    48 if 48 <= byte <= 57 or byte == ord("+") else ord("e") if byte == ord("E") else byte for byte in range(256)
)
_LONG_EXPONENT = re.compile(rb"e000+[,}\]\s]")
_TOKEN = re.compile(
    r"""(?P<plain> (?:                                  # in one go, what needs no look, or has a parser refuse it:
            "[^"\\]*+"                                  #   strings without escapes
          | [^"NI0-9-]++ | N(?!aN) | I(?!nfinity)       #   what stands between values
          | -?[0-9.]{1,18}+ (?![0-9.eE+-]) )++ )        #   short numbers
      | (?P<string> "[^"\\]*+ (?: \\. [^"\\]*+ )*+ "? ) # one that is never closed goes to the end of the body, which is read once
      | (?P<nan> -?Infinity | NaN )
      | (?P<number> [0-9-] [0-9.eE+-]*+ )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u(?P<unit>[0-9a-fA-F]{4})|\\.", re.DOTALL
)
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|(?P<open>[\[{]++)|(?P<close>[\]}]++)', re.DOTALL)


def needs_repair(body: bytes) -> bool:
    """Whether a strict parser would take `body` and yet something of it has to be repaired. May say yes needlessly."""
    if not body.isascii() and not _is_utf8(body):
        return True
    if b"\\" in body and b"\\u0000" in body:
        return True
    zeros = body.translate(_DIGITS_TO_ZERO)
    if b"0" * 19 in zeros and (b"0" * 20 in zeros or b"-" + b"0" * 19 in zeros):
        return True
    return _LONG_EXPONENT.search(zeros) is not None


def repair(body: bytes) -> bytes:
    """`body` with its values repaired, as valid UTF-8."""
    return _TOKEN.sub(_repair_token, body.decode(errors="replace")).encode()


def cut_levels(body: bytes) -> bytes:
    """`body` with everything below LEVELS_MAX levels replaced by null. Brackets that are never closed stay unclosed."""
    text = body.decode()
    kept: list[str] = []
    level, copied = 0, 0
    for token in _BRACKETS.finditer(text):
        opened, closed = token["open"], token["close"]
        if opened:
            if level <= LEVELS_MAX < level + len(opened):
                kept.append(text[copied : token.start() + LEVELS_MAX - level] + "null")
            level += len(opened)
        elif closed:
            if level - len(closed) <= LEVELS_MAX < level:
                copied = token.start() + level - LEVELS_MAX
            level -= len(closed)
    if level > LEVELS_MAX:
        return "".join(kept).encode()
    return ("".join(kept) + text[copied:]).encode()


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repair_token(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "string":
            return _ESCAPE.sub(_repair_escape, text) if "\\u" in text else text
        case "nan":
            return "null"
        case "number":
            return _repair_number(text)
    return text


def _repair_number(text: str) -> str:
    if _is_big_integer(text):
        return f'"{text}"'
    try:
        return "null" if math.isinf(float(text)) else text
    except ValueError:
        return text  # no number at all: the parser says so


def _is_big_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    if len(digits) < 19 or not digits.isdecimal() or digits.startswith("0"):
        return False
    return len(digits) > 20 or not INT_MIN <= int(text) <= INT_MAX


def _repair_escape(escape: re.Match[str]) -> str:
    unit = escape["unit"]
    if unit is None:
        return escape[0]
    code = int(unit, 16)
    if code == 0:
        return ""
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else escape[0]
