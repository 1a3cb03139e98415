"""A definition in, the key of its facts out: an unchanged definition finds its facts again in a new rulebook version."""

from hashlib import sha256

from detector.core.measures.sink import Sought
from detector.core.rulebook.model import Feature, Limit, Selector, Term
from detector.core.zones import UTC, Zone, zone

IN_UTC = zone(UTC)
_LETTERS = {"sum": "q", "distinct": "v"}
"""Kind of limit -> its store."""


def _hash(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:8]


def _selector(selector: Selector) -> object:
    """What decides which events count. Not the text or line of a condition: a new blank or comment loses no facts."""
    terms = [_term(term) for term in selector.terms]
    return selector.builtin, sorted(terms, key=repr)


def _term(term: Term) -> tuple[object, ...]:
    where = None if term.where is None else term.where.expr
    return (term.name, where) if term.page is None else (term.name, where, term.page)


def _series(*parts: object, of: Zone) -> str:
    """`of`: whose days are counted."""
    return f"s{_hash(*parts)}" if of.utc else f"z{of.name}.{_hash(*parts)}"


def events_key(selector: Selector, value: str | None = None, of: Zone = IN_UTC, sought: Sought | None = None) -> str:
    """A series of these events; `value`: the property that is kept with each. `of`: whose days are counted, in periods of its
    calendar; `sought`: of the events only those are kept.
    """
    if sought is not None:
        return "s" + _hash("events", _selector(selector), value, sought.after, sought.ends_ms)
    return _series("events", _selector(selector), value, of=of)


def numbers_key(selector: Selector, value: str | None, sought: Sought | None = None) -> str:
    """A series of these events with the number in a property, where it is one."""
    return "s" + _hash("numbers", _selector(selector), value, *((sought and (sought.after, sought.ends_ms)) or ()))


def distinct_key(selector: Selector, value: str | None, window_ms: int | None, of: Zone = IN_UTC) -> str:
    """Windows of other measures are read, not stored, so they share a series; distinct values are kept per window.

    `of`: whose days are told apart, if it is days.
    """
    window = "" if window_ms is None else window_ms
    return f"d{window}.{_hash(_selector(selector), value, *_days_of(of, value))}"


def earliest_key(selector: Selector, number: int) -> str:
    return f"e{number}." + _hash(_selector(selector))


def sights_key(selector: Selector, value: str | None, kept: str | Sought, of: Zone) -> str:
    """`kept`: of which periods the first sight of each value is kept, or which sights are."""
    zoned = (of.name,) if isinstance(kept, str) else _days_of(of, value)
    return "f" + _hash("sights", _selector(selector), value, kept, *zoned)


def _days_of(of: Zone, value: str | None) -> tuple[str, ...]:
    return (of.name,) if value == "day" and not of.utc else ()


def limit_key(limit: Limit, of: Zone = IN_UTC) -> str:
    if limit.worst_by is not None:
        return "w" + _hash(_selector(limit.of), limit.of_value, limit.worst_by)
    if limit.kind in _LETTERS:
        return _LETTERS[limit.kind] + _hash(limit.kind, _selector(limit.of), limit.of_value)
    return _series(limit.kind, _selector(limit.of), limit.of_value, of=IN_UTC if limit.kind == "gauge" else of)


def feature_key(feature: Feature, of: Zone = IN_UTC) -> str:
    return _series("feature", _selector(feature.used), _selector(feature.refused), of=of)


def step_key(selector: Selector) -> str:
    return _hash("step", _selector(selector))


def asked_key(rule: str, event: tuple[tuple[str, Selector], ...], properties: tuple[str, ...]) -> str:
    """A series of the events that an explicit request waits for."""
    return "s" + _hash("asked", rule, [(name, _selector(selector)) for name, selector in event], properties)
