"""A `say` or `do` text into its parts: literal text, and the names in { }."""

import re
from typing import Final

from detector.core.rulebook.conditions import CUT_REMEDY
from detector.core.rulebook.model import Template
from detector.core.rulebook.names import Names, Place
from detector.core.rulebook.problems import Refusal, Report
from detector.core.rulebook.tree import Node, Scalar, kind_of

CHARACTERS_MAX: Final = 1_000
_PART = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")


def template(node: Node, names: Names, place: Place, report: Report) -> Template:
    """The parts; empty if the text was refused (the report then says why)."""
    if not isinstance(node, Scalar) or not node.text.strip() or node.is_null:
        report.refuse(node.at, "value", f"expected a text, found {kind_of(node)}", "Put the text in quotes: it may hold { }")
    elif node.cut:
        report.refuse(node.at, "cut", f"YAML ends this text at the # that follows: '{node.text}'", CUT_REMEDY)
    else:
        try:
            return _parts(node.text, names, place)
        except Refusal as refusal:
            report.refuse(node.place(refusal.offset), refusal.code, refusal.message, refusal.remedy)
    return ()


def _parts(text: str, names: Names, place: Place) -> Template:
    if len(text) > CHARACTERS_MAX:
        raise Refusal(0, "too_long", f"a text has at most {CHARACTERS_MAX} characters")
    parts = []
    for found in _PART.finditer(text):
        if found[3]:
            raise Refusal(found.start(), "syntax", f"a '{found[3]}' without its partner", "Braces hold one name: {account}")
        if found[2]:
            parts.append(found[2])
        else:
            parts.append(names.find(found[1].strip(), place, found.start() + 1))
    return tuple(parts)
