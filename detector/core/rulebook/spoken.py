"""How refusals speak of the parts of a condition."""

from detector.core.rulebook.model import Type
from detector.core.rulebook.syntax import Call, Literal, Raw, Word

_KINDS = {Type.BOOL: "true or false", Type.ANY: "a property or trait", Type.PERCENT: "a percentage", Type.LIST: "several values"}


def a_kind(kind: Type) -> str:
    return _KINDS.get(kind, f"a {kind.value}")


def called(raw: Raw) -> str:
    match raw:
        case Word():
            return f"'{raw.path}'"
        case Call():
            return f"'{raw.text}'"
        case Literal():
            return raw.text
        case _:
            return "this"
