"""A YAML document as three kinds of node, each with its place; no value is interpreted yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class At:
    """A place in a text, counted from 1. `base`: the imported rulebook that it is in; None: the project's own file."""

    line: int
    column: int
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """`plain`: written without quotes. `cut`: a comment follows on the same line, where YAML ends an unquoted text."""

    text: str
    at: At
    plain: bool = True
    cut: bool = False
    one_line: bool = True

    @property
    def is_null(self) -> bool:
        """YAML 1.2's empty value."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    def place(self, offset: int) -> At:
        """Where the character at `offset` of `text` stands (the start, for a text that spans lines)."""
        if not self.one_line:
            return self.at
        return At(self.at.line, self.at.column + offset + (not self.plain), self.at.base)


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple["Node", ...]
    at: At


@dataclass(frozen=True, slots=True)
class Entry:
    key: Scalar
    value: "Node"


@dataclass(frozen=True, slots=True)
class Fields:
    """A map, in the order of the file; keys are unique texts."""

    entries: Mapping[str, Entry]
    at: At


Node: TypeAlias = Scalar | Items | Fields


def kind_of(node: Node) -> str:
    """What a person would call the node: for messages."""
    if isinstance(node, Fields):
        return "a map"
    if isinstance(node, Items):
        return "a list"
    return "nothing" if node.is_null else f"'{shortened(node.text)}'"


def shortened(text: str) -> str:
    """`text` on one line, at most 60 characters: for messages."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"
