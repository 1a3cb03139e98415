"""A definition in, the key of its facts out: an unchanged definition finds its facts again in a new rulebook version."""

from hashlib import sha256

from detector.core.rulebook.model import Feature, Limit, Selector


def _hash(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:8]


def _selector(selector: Selector) -> object:
    """What decides which events count. Not the text or line of a condition: a new blank or comment loses no facts."""
    terms = [(term.name, None if term.where is None else term.where.expr) for term in selector.terms]
    return selector.builtin, sorted(terms, key=repr)


def events_key(selector: Selector, value: str | None = None) -> str:
    """A series of these events; `value`: the property that is kept with each."""
    return "s" + _hash("events", _selector(selector), value)


def distinct_key(selector: Selector, value: str | None, window_ms: int | None) -> str:
    """Windows of other measures are read, not stored, so they share a series; distinct values are kept per window."""
    window = "" if window_ms is None else window_ms
    return f"d{window}.{_hash(_selector(selector), value)}"


def limit_key(limit: Limit) -> str:
    if limit.worst_by is not None:
        return "w" + _hash(_selector(limit.of), limit.of_value, limit.worst_by)
    letter = {"sum": "q", "distinct": "v"}.get(limit.kind, "s")
    return letter + _hash(limit.kind, _selector(limit.of), limit.of_value)


def feature_key(feature: Feature) -> str:
    return "s" + _hash("feature", _selector(feature.used), _selector(feature.refused))


def step_key(selector: Selector) -> str:
    return _hash("step", _selector(selector))


def asked_key(rule: str, event: tuple[tuple[str, Selector], ...], properties: tuple[str, ...]) -> str:
    """A series of the events that an explicit request waits for."""
    return "s" + _hash("asked", rule, [(name, _selector(selector)) for name, selector in event], properties)
