"""Conditions that look into a text or among several values, ask whether something was said, or how far away a date is."""

from typing import Any, Final

from detector.core.rulebook.decode import countable
from detector.core.rulebook.model import Aspect, Covers, Expr, Known, Look, Name, Type
from detector.core.rulebook.names import Names, Place
from detector.core.rulebook.patterns import PatternError, compiled
from detector.core.rulebook.problems import Refusal
from detector.core.rulebook.spoken import a_kind, called
from detector.core.rulebook.syntax import Call, Literal, Raw, Search, Word

_TRAITS: Final = ("account.", "person.", "properties.")


def several(raw: Raw, names: Names, place: Place) -> Name | None:
    """The different values of a measure, if `raw` names one that counts different ones."""
    if not isinstance(raw, Word) or raw.path not in names.several:
        return None
    return Aspect(names.find(raw.path, place, raw.offset).path, Type.LIST, "values")


def look(raw: Search, value: Expr, kind: Type) -> Expr:
    """`value`, of type `kind`, is looked into."""
    among = raw.operator == "contains" and kind in (Type.LIST, Type.ANY)
    if kind not in (Type.TEXT, Type.ANY) and not among:
        raise Refusal(raw.value.offset, "type", f"{called(raw.value)} is {a_kind(kind)}: `{raw.operator}` looks into texts")
    sought = _sought(raw, among=among)
    if raw.operator == "matches":
        _check_pattern(raw.sought, str(sought))
    if kind is Type.LIST and isinstance(value, Name):
        return Covers(value, (_counted(sought),))
    operator: Any = raw.operator  # those of syntax.py are exactly the model's
    return Look(operator, value, sought)


def _sought(raw: Search, *, among: bool) -> float | str:
    sought = raw.sought
    if not isinstance(sought, Literal):
        remedy = (
            f'A text needs quotes: "{sought.path}"'
            if isinstance(sought, Word) and "." not in sought.path
            else f'Write: … {raw.operator} "vp"'
        )
        raise Refusal(sought.offset, "type", f"`{raw.operator}` needs a text that is fixed, found {called(sought)}", remedy)
    if isinstance(sought.value, bool) or (sought.type is not Type.TEXT and not (among and sought.type is Type.NUMBER)):
        remedy = f'If a text is meant, write "{sought.text}"'
        raise Refusal(sought.offset, "type", f"`{raw.operator}` needs a text, and {sought.text} is {a_kind(sought.type)}", remedy)
    if sought.value == "":
        raise Refusal(sought.offset, "value", "an empty text is in every text", "Write what must be there")
    return sought.value


def _check_pattern(raw: Raw, pattern: str) -> None:
    if not pattern.isprintable():
        remedy = r"YAML makes a control character of \b in double quotes: put the whole condition in single quotes"
        raise Refusal(raw.offset, "value", "a pattern with a control character", remedy)
    try:
        compiled(pattern)
    except PatternError as error:
        remedy = "Patterns are those of RE2: head|vp, ^chief, [0-9]+, \\bcto\\b; without backreferences or looking ahead"
        raise Refusal(raw.offset, "value", f"not a pattern: {error}", remedy) from None


def covers(raw: Raw, value: Expr, options: tuple[float | str | bool, ...], offset: int) -> Covers:
    """`value`: the different values of a measure, or a property or trait that is a list."""
    if not isinstance(value, Name) or value.type not in (Type.LIST, Type.ANY):
        remedy = "Write a measure with `distinct` of a property, or a property or trait that is a list, before `covers`"
        raise Refusal(raw.offset, "type", f"{called(raw)} does not have several values", remedy)
    if not options:
        raise Refusal(offset, "value", "nothing is to be covered", 'Write: x covers ["sales", "marketing"]')
    return Covers(value, tuple(map(_counted, options)) if value.type is Type.LIST else options)


def _counted(option: float | str | bool) -> float | str:
    """As measures keep it."""
    found = countable(option)
    assert found is not None  # noqa: S101  a constant is a plain value
    return found


def known(raw: Raw, value: Expr) -> Known:
    """Only what somebody says can be missing: every other name has a value, or is unknown for a reason of its own."""
    if isinstance(value, Name) and value.path.startswith(_TRAITS):
        return Known(value)
    remedy = "Write the name of a property or trait, such as account.owner"
    raise Refusal(raw.offset, "type", f"{called(raw)} is nothing that somebody says: it cannot be missing", remedy)


def elapsed(call: Call, names: Names, place: Place) -> Aspect:
    """The duration since a date, or until it."""
    name = names.find(call.name.path, place, call.name.offset)
    if name.type not in (Type.ANY, Type.TIME):
        remedy = f"Write a trait that is a date: {call.function}(account.created_at)"
        raise Refusal(call.name.offset, "type", f"{called(call.name)} is {a_kind(name.type)}, not a date", remedy)
    if not place.state:
        message = f"'{call.text}' is not known in {place.title}"
        raise Refusal(call.offset, "unknown_name", message, "Ask for it in a line of `when`")
    how: Any = call.function  # those of syntax.py are exactly the model's
    return Aspect(name.path, Type.DURATION, how)
