"""What is told comes in; the format `flat` goes out: one level of keys, always the same, whose values are texts and numbers.

For no-code hooks in front of a CRM. Unknown is "". `last_name` and `account_name` are never empty: Salesforce insists.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from notifier.core.payload import BODY_BYTES_MAX, Message, cut, days, iso, part, parts, portable

UNKNOWN = "Unknown"


def flat(message: Message) -> bytes:
    """An `endpoint.test` has every key too, so that a hook's fields can be mapped before the first lead."""
    told = _told(message)
    body = msgspec.json.encode(told)
    text_max = 4096
    while len(body) > BODY_BYTES_MAX:
        text_max //= 2
        body = msgspec.json.encode(
            {key: cut(value, text_max) if isinstance(value, str) else value for key, value in told.items()}
        )
    return body


def _told(message: Message) -> dict[str, str | int | float]:
    data = message.data
    account, score, offer, onboarding = (part(data, name) for name in ("account", "score", "offer", "onboarding"))
    history = part(data, "history")
    person = next(iter(parts(data, "people")), {})
    told = {
        "id": message.id,
        "schema": message.schema,
        "type": message.type,
        "timestamp": iso(message.timestamp),
        "project": message.project,
        "mode": message.mode,
        **{key: data.get(key) for key in ("lead_id", "revision", "status", "lead_type", "to", "temperature", "answer_by")},
        **{key: data.get(key) for key in ("snoozed_until", "overdue", "takes_over", "disputed")},
        "changes": _joined(_change(each) for each in parts(data, "changes")),
        "score": score.get("total"),
        "score_fit": score.get("fit"),
        "score_behaviour": score.get("behaviour"),
        "score_contributions": _joined(
            f"{_text(each.get('points'))} {_text(each.get('text'))}" for each in parts(score, "contributions")
        ),
        "summary": data.get("summary") or data.get("message"),
        "recommended_action": data.get("recommended_action"),
        "signals": _joined(_text(each.get("text")) for each in parts(data, "signals")),
        "rules": _listed(each.get("rule") for each in parts(data, "signals")),
        "steps": _listed(each.get("step") for each in parts(data, "signals")),
        "evidence": _joined(f"{_text(each.get('condition'))}: {_text(each.get('value'))}" for each in parts(data, "evidence")),
        "account_id": account.get("external_id"),
        "account_name": account.get("name") or account.get("domain") or account.get("external_id") or UNKNOWN,
        **{f"account_{key}": account.get(key) for key in ("domain", "plan", "stage")},
        "customer_since": account.get("customer_since"),
        "trial_ends_at": account.get("trial_ends_at"),
        "person_id": person.get("external_id"),
        "person_role": person.get("role"),
        "email": person.get("email"),
        "first_name": person.get("first_name"),
        "last_name": _last_name(person),
        **{key: person.get(key) for key in ("title", "timezone", "last_seen", "may_contact")},
        "people": _joined(_person(each) for each in parts(data, "people")),
        "usage": _joined(_used(each) for each in parts(data, "usage")),
        "onboarding_done": onboarding.get("done"),
        "onboarding_of": onboarding.get("of"),
        "onboarding_missing": onboarding.get("missing"),
        "features": _joined(
            f"{_text(each.get('name'))} on {days(each.get('days'))}{' (not in the plan)' * (each.get('in_plan') is False)}"
            for each in parts(data, "features")
        ),
        **{f"offer_{key}": offer.get(key) for key in ("name", "price_now", "price_next", "currency", "per", "covers")},
        "owner_email": part(data, "owner").get("email"),
        **{key: data.get(key) for key in ("segments", "told_us", "source")},
        "leads_before": history.get("leads_before"),
        "last_outcome": history.get("last_outcome"),
        "crm": data.get("crm"),
        "qualified_at": data.get("qualified_at"),
        **{f"link_{key}": part(data, "links").get(key) for key in ("lead", "accept", "reject", "snooze")},
    }
    return {key: _value(value) for key, value in told.items()}


def _value(value: Any) -> str | int | float:
    whole = portable(value)
    return whole if isinstance(whole, int | float) and not isinstance(whole, bool) else _text(whole)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _joined(f"{key}: {_text(item)}" for key, item in value.items())
    return _listed(value) if isinstance(value, list | tuple) else str(value)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, texts))


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(filter(None, map(_text, values))))


def _last_name(person: dict[str, Any]) -> str:
    mailbox = _text(person.get("email")).partition("@")[0]
    return _text(person.get("last_name")) or mailbox or _text(person.get("external_id")) or UNKNOWN


def _person(person: dict[str, Any]) -> str:
    name = " ".join(filter(None, (_text(person.get("first_name")), _last_name(person))))
    return f"{name} <{_text(person['email'])}>" if person.get("email") else name


def _used(usage: dict[str, Any]) -> str:
    allowed = _text(usage.get("allowed"))
    return f"{_text(usage.get('limit'))} {_text(usage.get('used'))}{f' of {allowed}' if allowed else ''}"


def _change(change: dict[str, Any]) -> str:
    """`step limit/contacts: 80% → 100%`."""
    about = " ".join(filter(None, (_text(change.get("field")), _text(change.get("rule")))))
    between = " → ".join(filter(None, (_text(change.get("old")), _text(change.get("new")))))
    return f"{about}: {between}" if between else about
