"""Nodes into plain values (maps of known keys, texts, numbers, durations); whatever does not fit goes to the report."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from detector.core.rulebook import forms, units
from detector.core.rulebook.names import RESERVED
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry, Fields, Items, Node, Scalar, kind_of, shortened

T = TypeVar("T")

TEXT_MAX: Final = forms.TEXT_MAX
RULEBOOK: Final = "a rulebook"
_NAME = re.compile(forms.NAME_PATTERN, re.ASCII)
_WORD = re.compile(forms.WORD_PATTERN, re.ASCII)
_WITH_UNIT: Final = re.compile(r"[0-9.]+\s*[a-zA-Z]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TRUTHS: Final = ("true", "True", "TRUE", "false", "False", "FALSE")


def entries(node: Node | None, what: str, report: Report) -> Mapping[str, Entry]:
    """A section's entries by name; an empty section has none."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return {}
    if isinstance(node, Fields):
        return node.entries
    report.refuse(node.at, "value", f"`{what}` is a map, found {kind_of(node)}", f"Write: {what}: {{name: …}}")
    return {}


def fields(node: Node, what: str, known: Iterable[str], later: Iterable[str], report: Report) -> Mapping[str, Node] | None:
    """The values of a map with fixed keys. `later`: keys of the language that this version does not read yet."""
    if not isinstance(node, Fields):
        report.refuse(node.at, "value", f"{what} is a map, found {kind_of(node)}", f"It has: {', '.join(known)}")
        return None
    known = tuple(known)
    values = {}
    for name, entry in node.entries.items():
        if name in known:
            values[name] = entry.value
        elif name in later:
            where = "" if what == RULEBOOK else f" ({what})"
            report.refuse(entry.key.at, "not_supported_yet", f"not supported yet: {name}{where}", "Remove it for now")
        else:
            message = f"unknown key '{shortened(name)}' in {what}"
            report.refuse(entry.key.at, "unknown_key", message, report.guess(name, known) or "All keys are in docs/rulebook.md")
    return values


def waits(node: Node, later: Iterable[str]) -> bool:
    """Whether a map has a key that is not supported yet: what else it lacks is then not worth a word."""
    return isinstance(node, Fields) and not node.entries.keys().isdisjoint(later)


def require(values: Mapping[str, Node], node: Node, what: str, keys: Mapping[str, str], report: Report) -> None:
    """Refuses each key of `keys` (key -> an example) that is not there."""
    for key, example in keys.items():
        if key not in values:
            report.refuse(node.at, "missing", f"{what} has no `{key}`", f"Add: {key}: {example}")


def name_ok(key: Scalar, what: str, report: Report, *, word: bool = False) -> bool:
    """Whether the key can name something. `word`: conditions use it, so no hyphen and no word of the language."""
    pattern = _WORD if word else _NAME
    if not pattern.fullmatch(key.text):
        letters = "letters, digits and _" if word else "letters, digits, _ and -"
        remedy = f"Use up to 64 {letters}, a letter first"
        report.refuse(key.at, "name", f"'{shortened(key.text)}' cannot be the name of {what}", remedy)
        return False
    if word and key.text in RESERVED:
        report.refuse(key.at, "name", f"'{key.text}' is a word of the language, not a name for {what}", "Choose another name")
        return False
    return True


def text(node: Node, what: str, report: Report) -> str | None:
    """A text of 1 to 200 characters on one line."""
    if (
        isinstance(node, Scalar)
        and not node.is_null
        and node.text.strip()
        and len(node.text) <= TEXT_MAX
        and not _CONTROL.search(node.text)
    ):
        return node.text
    report.refuse(node.at, "value", f"{what} is a text of 1 to {TEXT_MAX} characters, found {kind_of(node)}")
    return None


def pure_text(node: Node, what: str, report: Report) -> str | None:
    """A text that YAML does not read as a number or truth: those would never equal a text."""
    found = text(node, what, report)
    if found is None or not isinstance(node, Scalar) or not node.plain:
        return found
    if found in _TRUTHS or units.number(found) is not None:
        report.refuse(node.at, "value", f"{what} is a text, found {found}", f'If a text is meant, write "{found}" in quotes')
        return None
    return found


def one_of(node: Node, what: str, known: Iterable[str], later: Iterable[str], report: Report) -> str | None:
    """One of the words that stand in `known`."""
    words = tuple(known)
    if isinstance(node, Scalar) and node.text in words:
        return node.text
    if isinstance(node, Scalar) and node.text in later:
        report.refuse(node.at, "not_supported_yet", f"not supported yet: {node.text} ({what})", f"There is: {', '.join(words)}")
    else:
        remedy = report.guess(node.text if isinstance(node, Scalar) else "", words)
        report.refuse(node.at, "value", f"{what} cannot be {kind_of(node)}", remedy)
    return None


def number(node: Node, what: str, report: Report) -> float | None:
    """A plain number, zero or more."""
    if isinstance(node, Scalar) and node.plain:
        value = units.number(node.text)
        if value is not None and value >= 0:
            return value
    remedy = "Write digits, without quotes, separators or units: 10000"
    report.refuse(node.at, "value", f"{what} is a number from 0 to 1e15, found {kind_of(node)}", remedy)
    return None


def amount(node: Node, what: str, unit: str | None, report: Report) -> float | None:
    """How much of a limit, in its unit: plain digits, or `5m` where the unit is a duration, `5 GB` where it is bytes."""
    if isinstance(node, Scalar) and (node.plain or units.number(node.text) is None):
        found = units.amount(node.text, unit)
        if found is not None:
            return found
    if unit in units.UNITS_MS:
        remedy = f"Write 30s, 5m, 2h or 1d; or plain digits, in {unit}"
    elif unit == units.BYTES:
        remedy = "Write 500 MB, 5 GB or 2 GiB; or plain digits, in bytes"
    elif isinstance(node, Scalar) and _WITH_UNIT.fullmatch(node.text):
        remedy = "Write plain digits; or give the limit a unit: `unit: bytes` for 5 GB, `unit: s` for 5m"
    else:
        remedy = "Write digits, without quotes, separators or units: 10000"
    report.refuse(node.at, "value", f"{what} is a number from 0 to 1e15, found {kind_of(node)}", remedy)
    return None


def duration(node: Node, what: str, report: Report) -> int | None:
    """A duration above zero, in milliseconds."""
    value = units.duration_ms(node.text) if isinstance(node, Scalar) else None
    if value:
        return value
    remedy = "Write 30s, 15m, 1h, 14d or 2w; at most 3650d"
    report.refuse(node.at, "value", f"{what} is a duration, found {kind_of(node)}", remedy)
    return None


def each(node: Node, what: str, read: Callable[[Node, str, Report], T | None], report: Report) -> tuple[T, ...]:
    """Every item of a list, or the one value that stands there without a list."""
    if isinstance(node, Fields) or (isinstance(node, Scalar) and node.is_null):
        report.refuse(node.at, "value", f"{what} is a list, found {kind_of(node)}", "Write: [one, two]")
        return ()
    items = node.items if isinstance(node, Items) else (node,)
    found = (read(item, what, report) for item in items)
    return tuple(value for value in found if value is not None)


def bounded(found: Mapping[str, Entry], what: str, most: int, report: Report) -> Mapping[str, Entry]:
    """The entries, or none if there are more than `most`: then nothing of the section is worth a look."""
    if len(found) <= most:
        return found
    first = next(iter(found.values()))
    report.refuse(first.key.at, "too_many", f"{len(found)} {what}: a rulebook has at most {most}", "Merge or remove some")
    return {}
