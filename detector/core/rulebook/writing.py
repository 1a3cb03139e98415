"""Nodes back into YAML text: canonical, one value a line, no comments; read again it gives equal nodes."""

import re
from collections.abc import Iterator
from typing import Final

from detector.core.rulebook import units
from detector.core.rulebook.tree import Fields, Items, Node, Scalar

_HARMLESS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./%<>=+*() -]*", re.ASCII)
_ESCAPES: Final = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}


def written(root: Fields) -> str:
    """The document."""
    return "".join(f"{line}\n" for line in _lines(root))


def on_one_line(node: Node) -> str:
    """A node as a message shows it: `[80%, 100%]`, `{count: sent, window: 7d}`."""
    if isinstance(node, Fields):
        return "{" + ", ".join(f"{_key(entry.key)}: {on_one_line(entry.value)}" for entry in node.entries.values()) + "}"
    if isinstance(node, Items):
        return "[" + ", ".join(map(on_one_line, node.items)) + "]"
    return _scalar(node)


def _lines(node: Node) -> Iterator[str]:
    """The lines of a map or list that stands at the margin; a scalar, or what is empty, is one line."""
    if isinstance(node, Fields) and node.entries:
        for entry in node.entries.values():
            yield from _hung(f"{_key(entry.key)}:", entry.value)
    elif isinstance(node, Items) and node.items:
        for item in node.items:
            yield from _hung("-", item)
    elif isinstance(node, Scalar):
        yield _scalar(node)
    else:
        yield "{}" if isinstance(node, Fields) else "[]"


def _hung(head: str, node: Node) -> Iterator[str]:
    """`head` with the node behind it, or indented below it."""
    lines = list(_lines(node))
    if isinstance(node, Scalar) or lines in (["{}"], ["[]"]):
        yield f"{head} {lines[0]}"
    else:
        yield head
        yield from (f"  {line}" for line in lines)


def _key(key: Scalar) -> str:
    return key.text if _plain_is_safe(key) and ":" not in key.text else quoted(key.text)


def _scalar(node: Scalar) -> str:
    if node.is_null:
        return "null"
    return node.text if _plain_is_safe(node) else quoted(node.text)


def _plain_is_safe(node: Scalar) -> bool:
    """A text in quotes stays so (it is never a number); a plain one only where nothing in it can mean something to YAML."""
    if not node.plain or node.is_null:
        return False
    return units.number(node.text) is not None or (_HARMLESS.fullmatch(node.text) is not None and node.text == node.text.strip())


def quoted(text: str) -> str:
    """`text` as a double-quoted YAML scalar on one line."""
    return '"' + "".join(_ESCAPES.get(letter) or (letter if letter.isprintable() else _escaped(letter)) for letter in text) + '"'


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
