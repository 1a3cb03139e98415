"""What can stand behind a key of the rulebook, as JSON Schema: the checker's tables of keys are made of these.

A map with fixed keys has one table, beside the code that checks it: `MEASURE` in meters.py, `PLAN` in plans.py, `RULE` in
rules.py, the sections themselves in checker.py. **To add a key, add a row there**: its name, one of the kinds below, and what it
says. The checker then knows it (`shapes.fields` takes the table), and schema.py shows it to editors. Words that both need, as
`_STAGES` in plans.py, are one tuple beside the table: `kinds.words` and `shapes.one_of` take it. A kind is only as strict as
an editor can be; what needs more than one place to be seen is the checker's alone.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from detector.core.rulebook import units

Kind: TypeAlias = Mapping[str, Any]
"""A JSON Schema."""
Keys: TypeAlias = Mapping[str, Kind]
"""key -> what stands behind it."""

TEXT_MAX: Final = 200
CONDITION_MAX: Final = 1_000
TEMPLATE_MAX: Final = 1_000
NAME_PATTERN: Final = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
WORD_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
PATH_PATTERN: Final = r"properties(\.[\w$]+)+"

TEXT: Final[Kind] = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
TRUTH: Final[Kind] = {"type": "boolean"}
NUMBER: Final[Kind] = {"type": "number", "minimum": 0, "maximum": units.NUMBER_MAX}
DURATION: Final[Kind] = {"type": "string", "pattern": f"^{units.DURATION_PATTERN}$", "examples": ["15m", "1h", "14d"]}
PERCENT: Final[Kind] = {"type": "string", "pattern": f"^{units.PERCENT_PATTERN}$", "examples": ["80%"]}
PROPERTY: Final[Kind] = {
    "type": "string",
    "pattern": f"^{PATH_PATTERN}$",
    "maxLength": TEXT_MAX,
    "examples": ["properties.total"],
}
CONDITION: Final[Kind] = {"type": "string", "minLength": 1, "maxLength": CONDITION_MAX}
TEMPLATE: Final[Kind] = {"type": "string", "minLength": 1, "maxLength": TEMPLATE_MAX}
EVENTS: Final[Kind] = {"$ref": "#/$defs/events"}
"""Names of events, alone, with `where`, or a list of both. Of which keys: selectors.py."""


def said(kind: Kind, says: str) -> Kind:
    """The kind, with what an editor shows of the key."""
    return {**kind, "description": says}


def whole(least: int, most: int) -> Kind:
    return {"type": "integer", "minimum": least, "maximum": most}


def words(known: tuple[str, ...]) -> Kind:
    """One of these words."""
    return {"enum": list(known)}


def either(*kinds: Kind) -> Kind:
    return {"anyOf": list(kinds)}


def listed(kind: Kind, most: int | None = None) -> Kind:
    return {"type": "array", "items": kind} | ({} if most is None else {"maxItems": most})


def some(kind: Kind) -> Kind:
    """A list, which may be empty, or its only item without one."""
    return either(kind, listed(kind))


def one_or_more(kind: Kind) -> Kind:
    return either(kind, {**listed(kind), "minItems": 1})


def record(keys: Keys, needs: tuple[str, ...] = ()) -> Kind:
    """A map with fixed keys."""
    found: dict[str, Any] = {"type": "object", "properties": dict(keys), "additionalProperties": False}
    return {**found, "required": list(needs)} if needs else found


def named(kind: Kind, most: int | None = None, *, word: bool = False) -> Kind:
    """A map of names that the file chooses; an empty section has none. `word`: conditions use the names."""
    pattern = WORD_PATTERN if word else NAME_PATTERN
    found: Kind = {"type": ["object", "null"], "propertyNames": {"pattern": f"^{pattern}$"}, "additionalProperties": kind}
    return {**found, "maxProperties": most} if most is not None else found
