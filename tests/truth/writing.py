"""A rulebook of the oracle, a dict with conditions as tuples, in; the YAML text that the product reads, or its tree, out."""

import json
import re
from typing import Any

from detector.core.rulebook.tree import At, Entry, Fields, Items, Node, Scalar

_WORD = re.compile(r"[a-z_]+")
_KNOWN = ("plan", "stage", "plan.change", "event", "person.email_kind")
"""Names whose values are words of the rulebook and need no quotes."""


def yaml(rulebook: dict[str, Any]) -> str:
    """One section a line."""
    return "\n".join(f"{section}: {_flow(value)}" for section, value in rulebook.items())


def _flow(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case tuple():
            return json.dumps(text(value))
        case str() if _WORD.fullmatch(value):
            return value
        case _:
            return json.dumps(value)


def tree(value: Any) -> Node:
    """What the product makes of that text; reading it takes a quarter of a case's time."""
    match value:
        case dict():
            return Fields({key: Entry(Scalar(key, _AT), tree(each)) for key, each in value.items()}, _AT)
        case list():
            return Items(tuple(map(tree, value)), _AT)
        case tuple():
            return Scalar(text(value), _AT, plain=False)
        case str():
            return Scalar(value, _AT, plain=_WORD.fullmatch(value) is not None)
        case _:
            return Scalar(json.dumps(value), _AT)


_AT = At(1, 1)


def text(condition: Any) -> str:  # noqa: PLR0911  one per form
    """As a rulebook's author would write it."""
    match condition:
        case ("is", path):
            return str(path)
        case ("compare", path, operator, value):
            return f"{path} {operator} {_value(path, value)}"
        case ("between", path, low, high):
            return f"{path} between {_value(path, low)} and {_value(path, high)}"
        case ("in", path, values):
            return f"{path} in [{', '.join(_value(path, value) for value in values)}]"
        case ("look", path, operator, sought):
            return f"{_path(path)} {operator} {json.dumps(sought)}"
        case ("covers", path, values):
            return f"{_path(path)} covers {json.dumps(values)}"
        case ("known" | "missing" as word, path):
            return f"{path} is {word}"
        case ("and" | "or" as word, a, b):
            return f"({text(a)}) {word} ({text(b)})"
        case ("not", a):
            return f"not ({text(a)})"
    raise ValueError(f"not a condition: {condition}")


def _path(path: str) -> str:
    """Whether the values or their number is meant is seen from the operator."""
    return path.removeprefix("values(").removesuffix(")") if path.startswith("values(") else path


def _value(path: str, value: Any) -> str:
    match value:
        case ("%", number):
            return f"{number}%"
        case ("duration", length):
            return str(length)
        case str() if path in _KNOWN:
            return value
        case _:
            return json.dumps(value)
