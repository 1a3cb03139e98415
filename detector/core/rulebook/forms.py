"""What can stand behind a key of the rulebook, as JSON Schema: the checker's tables of keys are made of these.

A map with fixed keys has one table, beside the code that checks it: `KEYS` in measures.py, `PLAN` in plans.py, `RULE` in
rules.py, the sections themselves in checker.py. **To add a key, add a row there**: its name, one of the forms below, and what it
says. The checker then knows it (`shapes.fields` takes the table), and schema.py shows it to editors. Words that both need, as
`_STAGES` in plans.py, are one tuple beside the table: `forms.words` and `shapes.one_of` take it. A form is only as strict as
an editor can be; what needs more than one place to be seen is the checker's alone. docs/keys.md is made of the same tables: its
test says how to write it anew.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from detector.core.rulebook import lexer, templates, units

Form: TypeAlias = Mapping[str, Any]
"""A JSON Schema."""
Keys: TypeAlias = Mapping[str, Form]
"""key -> what stands behind it."""

TEXT_MAX: Final = 200
NAME_PATTERN: Final = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
WORD_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
PATH_PATTERN: Final = r"properties(\.[\w$]+)+"
ROOT_PATTERN: Final = r"(account|properties)(\.[\w$]+)+"
DAY_PATTERN: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

TEXT: Final[Form] = {"title": "text", "type": "string", "minLength": 1, "maxLength": TEXT_MAX}
NUMBER: Final[Form] = {"title": "number", "type": "number", "minimum": 0, "maximum": units.NUMBER_MAX}
DURATION: Final[Form] = {
    "title": "duration",
    "type": "string",
    "pattern": f"^{units.DURATION_PATTERN}$",
    "examples": ["15m", "14d"],
}
PERCENT: Final[Form] = {"title": "percentage", "type": "string", "pattern": f"^{units.PERCENT_PATTERN}$", "examples": ["80%"]}
AMOUNT: Final[Form] = {
    "title": "amount",
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": units.NUMBER_MAX,
    "pattern": f"^({units.DURATION_PATTERN}|{units.SIZE_PATTERN}|[0-9.]+)$",
    "examples": ["500", "5m", "5 GB"],
}
"""How much of a limit, in its unit."""
PROPERTY: Final[Form] = {
    "title": "property",
    "type": "string",
    "pattern": f"^{PATH_PATTERN}$",
    "maxLength": TEXT_MAX,
    "examples": ["properties.total"],
}
TRAIT_OR_PROPERTY: Final[Form] = {
    "title": "trait or property",
    "type": "string",
    "pattern": rf"^{ROOT_PATTERN}$",
    "maxLength": TEXT_MAX,
    "examples": ["account.subscription"],
}
CONDITION: Final[Form] = {"title": "condition", "type": "string", "minLength": 1, "maxLength": lexer.CHARACTERS_MAX}
TEMPLATE: Final[Form] = {"title": "text with {names}", "type": "string", "minLength": 1, "maxLength": templates.CHARACTERS_MAX}
EVENTS: Final[Form] = {"$ref": "#/definitions/events"}
"""Names of events, alone, with `where`, or a list of both: selectors.py."""


def said(form: Form, says: str) -> Form:
    """The form, with what an editor shows of the key."""
    return {"allOf": [form], "description": says} if "$ref" in form else {**form, "description": says}


def whole(least: int, most: int) -> Form:
    return {"title": "whole number", "type": "integer", "minimum": least, "maximum": most}


def matching(pattern: str, most: int, example: str) -> Form:
    """A text of which the letters are fixed."""
    return {"title": "text", "type": "string", "pattern": f"^{pattern}$", "maxLength": most, "examples": [example]}


def words(known: tuple[str, ...]) -> Form:
    """One of these words."""
    return {"enum": list(known)}


def either(*forms: Form) -> Form:
    return {"anyOf": list(forms)}


def listed(form: Form, most: int | None = None) -> Form:
    return {"type": "array", "items": form} | ({} if most is None else {"maxItems": most})


def some(form: Form) -> Form:
    """A list, which may be empty, or its only item without one."""
    return either(form, listed(form))


def one_or_more(form: Form) -> Form:
    return either(form, {**listed(form), "minItems": 1})


def record(keys: Keys, needs: tuple[str, ...] = ()) -> Form:
    """A map with fixed keys."""
    found: dict[str, Any] = {"type": "object", "properties": dict(keys), "additionalProperties": False}
    return {**found, "required": list(needs)} if needs else found


def named(form: Form, most: int | None = None, *, word: bool = False) -> Form:
    """A map of names that the file chooses; an empty section has none. `word`: conditions use the names."""
    pattern = WORD_PATTERN if word else NAME_PATTERN
    found: Form = {"type": ["object", "null"], "propertyNames": {"pattern": f"^{pattern}$"}, "additionalProperties": form}
    return {**found, "maxProperties": most} if most is not None else found
