"""YAML text into nodes with places, strictly: bytes and depth are bounded, and whatever YAML would silently bend is refused.

YAML 1.2 from ruamel.yaml's events; nothing is built by the library, so no tag runs code and no alias multiplies.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from detector.core.rulebook.problems import Report, RulebookError
from detector.core.rulebook.tree import At, Entry, Fields, Items, Node, Scalar, shortened

BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 32
NODES_MAX: Final = 20_000
"""Keys, values, lists and maps of one file: a bound on time, some ten times what a large rulebook has."""

_DEEP: Final = re.compile(rf"(?:[\[{{][ \t]*){{{DEPTH_MAX + 1}}}")
"""More opening brackets in a row than there are levels: the parser looks so far ahead at them that it takes long to count."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
QUOTE_IT: Final = "Put the whole text in quotes"
_BAD_CHARACTER: Final = "a character that YAML does not allow"
_FEATURES: Final = "Anchors, aliases and tags (& * !) are not read here; write the value out, or put it in quotes"


def load(text: str, report: Report, base: str | None = None) -> Fields:
    """The document's map. Problems that leave a tree go to `report`; raises RulebookError for those that do not."""
    _check_bytes(text, report, base)
    node = _Loader(text, report, base).document()
    if isinstance(node, Fields):
        return node
    if node is None or (isinstance(node, Scalar) and node.is_null):
        report.refuse(At(1, 1, base), "empty", "the file is empty", "Begin with: project: your-product")
    else:
        report.refuse(node.at, "not_a_map", "a rulebook is a map of sections", "Begin with: project: your-product")
    raise RulebookError(report.problems)


def _check_bytes(text: str, report: Report, base: str | None) -> None:
    if len(text) > BYTES_MAX or len(text.encode(errors="replace")) > BYTES_MAX:
        report.refuse(At(1, 1, base), "too_long", f"the file is larger than {BYTES_MAX // 1024} KiB", "Cut lists, merge rules")
        raise RulebookError(report.problems)
    deep = _DEEP.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        at = At(line, deep.start() - text.rfind("\n", 0, deep.start()), base)
        report.refuse(at, "too_deep", f"more than {DEPTH_MAX} levels", "Nothing in a rulebook lies so deep")
        raise RulebookError(report.problems)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        report.refuse(At(line, 1, base), "encoding", "a character that is no Unicode text", "Save the file as UTF-8")
        raise RulebookError(report.problems) from None


class _Loader:
    """Reads one document's events. Recursion is bounded by DEPTH_MAX."""

    def __init__(self, text: str, report: Report, base: str | None) -> None:
        self._text = text.removeprefix("\ufeff")
        self._report = report
        self._base = base

    def document(self) -> Node | None:
        """The only document's root; None for an empty stream."""
        try:
            events = self._events()
            first = next(events, None)
            root = None if first is None else self._node(first, events)
            for extra in events:
                self._stop(self._at(extra), "yaml", "a second document begins here", "Keep one rulebook in a file; remove `---`")
        except YAMLError as error:
            self._syntax(error)
        return root

    def _events(self) -> Iterator[Any]:
        """Node events only; each is looked at before the next is read."""
        depth = nodes = 0
        for event in YAML(typ="safe", pure=True).parse(self._text):
            if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
                self._stop(At(1, 1, self._base), "yaml", "directives such as %YAML are not read", "Remove the line")
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                depth += 1
                if depth > DEPTH_MAX:
                    self._stop(self._at(event), "too_deep", f"more than {DEPTH_MAX} levels", "Nothing in a rulebook lies so deep")
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                depth -= 1
            if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent | AliasEvent):
                self._check_plainness(event)
                nodes += 1
                if nodes > NODES_MAX:
                    self._stop(self._at(event), "too_many", f"more than {NODES_MAX} keys and values", "Shorten lists")
            elif not isinstance(event, MappingEndEvent | SequenceEndEvent):
                continue
            yield event

    def _check_plainness(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            self._stop(self._at(event), "alias", f"an alias (*{shortened(str(event.anchor))})", _FEATURES)
        if event.anchor is not None:
            self._stop(self._at(event), "anchor", f"an anchor (&{shortened(str(event.anchor))})", _FEATURES)
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._stop(self._at(event), "tag", f"a tag ({shortened(tag)})", _FEATURES)

    def _node(self, event: Any, events: Iterator[Any]) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(inner := next(events), SequenceEndEvent):
                items.append(self._node(inner, events))
            return Items(tuple(items), self._at(event))
        return self._fields(event, events)

    def _fields(self, start: Any, events: Iterator[Any]) -> Fields:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._node(event, events)
            after = next(events)
            value = self._node(after, events)
            if not isinstance(key, Scalar):
                remedy = "A text that begins with { or [ needs quotes"
                self._report.refuse(key.at, "yaml", "a key must be a text", remedy)
            elif start.flow_style and key.plain and self._has_no_colon(event, after):
                message = f"'{shortened(key.text)}' has no value: inside {{ }} a comma ends a text, and {{ begins a map"
                self._report.refuse(key.at, "swallowed", message, QUOTE_IT)
            elif key.text in entries:
                first = entries[key.text].key.at.line
                message = f"'{shortened(key.text)}' is already there, in line {first}"
                self._report.refuse(key.at, "duplicate_key", message, "Keep one of them")
            else:
                entries[key.text] = Entry(key, value)
        return Fields(entries, self._at(start))

    def _has_no_colon(self, key: Any, value: Any) -> bool:
        empty = isinstance(value, ScalarEvent) and value.start_mark.index == value.end_mark.index
        return empty and ":" not in self._text[key.end_mark.index : value.start_mark.index]

    def _scalar(self, event: Any) -> Scalar:
        plain = event.style is None
        end = event.end_mark.index
        rest = self._text[end : end + 1_000].split("\n", 1)[0].lstrip(" \t") if plain else ""
        if _SURROGATE.search(event.value):
            self._report.refuse(self._at(event), "encoding", "an escape that is no Unicode character", "Remove the \\ud… escape")
        one_line = event.style in (None, "'", '"') and event.start_mark.line == event.end_mark.line
        cut = rest.startswith("#") and event.value != ""
        return Scalar(_SURROGATE.sub("\ufffd", event.value), self._at(event), plain, cut, one_line)

    def _at(self, event: Any) -> At:
        return At(event.start_mark.line + 1, event.start_mark.column + 1, self._base)

    def _stop(self, at: At, code: str, message: str, remedy: str) -> None:
        self._report.refuse(at, code, message, remedy)
        self._report.raise_if_any()

    def _syntax(self, error: YAMLError) -> None:
        """YAML's own words are for YAML's authors: say what usually is behind them."""
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        problem = (error.problem if isinstance(error, MarkedYAMLError) else None) or _BAD_CHARACTER
        at = At(mark.line + 1, mark.column + 1, self._base) if mark else At(self._bad_character_line(error), 1, self._base)
        self._stop(at, "yaml", f"not YAML: {shortened(problem)}", _syntax_remedy(problem))

    def _bad_character_line(self, error: YAMLError) -> int:
        position = getattr(error, "position", 0)
        return self._text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _syntax_remedy(problem: str) -> str:
    if problem == _BAD_CHARACTER:
        return "Remove it, or write it as an escape in double quotes"
    if r"'\t'" in problem:
        return "Indent with spaces; YAML does not take tabs"
    if "'<scalar>'" in problem or "cannot start" in problem or "got '['" in problem or "got '{'" in problem:
        return "A text that begins with { [ % @ or `, or holds [ ] { } inside a list, needs quotes"
    if "mapping values" in problem:
        return "A text with ': ' in it needs quotes; else check the indentation"
    if "<stream end>" in problem or "end of stream" in problem:
        return "Something was opened and not closed: look for a missing ] } or quote"
    return "Check the indentation, and quotes around unusual texts"
