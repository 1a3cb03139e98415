"""The JSON Schema of a rulebook, made of the very tables that the checker reads: editors complete and underline by it."""

from collections.abc import Iterable
from typing import Any, Final

from detector.core.rulebook import forms
from detector.core.rulebook.checker import SECTIONS
from detector.core.rulebook.selectors import EVENTS

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""What editors know best."""


def schema(bases: Iterable[str]) -> dict[str, Any]:
    """`bases`: what `use` may name. What is valid by it may still be refused: much takes more than one place to be seen."""
    use = {**SECTIONS["use"], **forms.words(tuple(bases))}
    return {
        "$schema": DIALECT,
        "title": "Handraiser rulebook",
        "description": "Which accounts become leads, and when. The language: docs/rulebook.md",
        **forms.record({**SECTIONS, "use": use}, needs=("project",)),
        "definitions": {"events": {"title": "events", **EVENTS}},
    }
