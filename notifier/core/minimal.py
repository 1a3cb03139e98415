"""A lead event's `data` comes in; the same without who anybody is goes out, for endpoints with `pii: minimal`.

What stays is listed, so what a later version adds is dropped until it is listed. Objects keep the keys of the other, null.
"""

from typing import Any

from notifier.core.payload import part, parts

_STAYS = (
    *("lead_id", "revision", "status", "lead_type", "to", "temperature", "answer_by", "snoozed_until", "overdue"),
    *("takes_over", "disputed", "score", "usage", "onboarding", "features", "offer", "segments", "history", "qualified_at"),
)
_OF_SIGNALS = ("signal_id", "rule", "rulebook_version", "step", "at")
_OF_EVIDENCE = ("rule", "condition", "window", "message_ids")
_OF_ACCOUNT = ("external_id", "plan", "stage", "customer_since", "trial_ends_at")
_OF_PEOPLE = ("role", "external_id", "last_seen", "may_contact")
_CHANGES = ("signal", "step", "temperature", "status", "snoozed_until", "overdue", "disputed", "qualified_at", "amount")
"""Fields of which `changes` keep old and new; of the others (`owner`, `reason`, `by`) only that they changed."""


def minimal(data: dict[str, Any]) -> dict[str, Any]:
    """Ids of people and account stay, as their events have them; so do the rulebook's own words, numbers and times."""
    return {
        **{key: data[key] if key in _STAYS else _emptied(data[key]) for key in data},
        **{key: value for key, value in _parts_that_stay(data).items() if key in data},
    }


def _parts_that_stay(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "changes": [_only(each, ("field", "rule", *_values(each))) for each in parts(data, "changes")],
        "signals": [_only(each, _OF_SIGNALS) for each in parts(data, "signals")],
        "evidence": [_only(each, (*_OF_EVIDENCE, *_numbers(each))) for each in parts(data, "evidence")],
        "account": _only(part(data, "account"), _OF_ACCOUNT),
        "people": [_only(each, _OF_PEOPLE) for each in parts(data, "people")],
        "owner": _only(part(data, "owner"), ()),
        "links": _only(part(data, "links"), ()),  # their pages say who everybody is
    }


def _only(of: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value if key in keys else None for key, value in of.items()}


def _emptied(value: Any) -> Any:
    """What products put into it they have named themselves, so not even its keys stay."""
    return type(value)() if isinstance(value, dict | list) else None


def _values(change: dict[str, Any]) -> tuple[str, ...]:
    return ("old", "new") if change.get("field") in _CHANGES else ()


def _numbers(evidence: dict[str, Any]) -> tuple[str, ...]:
    """A text can be a trait: a title, a name."""
    return tuple(key for key in ("value", "threshold") if isinstance(evidence.get(key), int | float))
