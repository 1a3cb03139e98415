"""A webhook's body in any format comes in; what it says of the lead goes out, under the names of the format `standard`. Pure."""

from typing import Any

from notifier.core.payload import part

_WHOLE = ("lead_id", "revision", "status", "lead_type", "to", "temperature", "answer_by", "snoozed_until", "takes_over")
_OF_ACCOUNT = ("domain", "plan", "stage")
_OF_PEOPLE = ("email", "first_name", "last_name", "title", "timezone", "last_seen", "may_contact")
_OF_OFFER = ("name", "price_now", "price_next", "currency", "per")


def data_of(payload: dict[str, Any]) -> dict[str, Any]:
    """`standard` has it whole, `flat` in part; `slack` has a text and no more, and for it this is empty."""
    return _of_flat(payload) if "lead_id" in payload else part(payload, "data")


def _of_flat(payload: dict[str, Any]) -> dict[str, Any]:
    """What `flat` has joined stays joined: several signals are one text."""
    told = {key: None if value == "" else value for key, value in payload.items()}
    return {
        **{key: told.get(key) for key in (*_WHOLE, "summary", "recommended_action", "qualified_at")},
        "overdue": told.get("overdue") == "yes",
        "disputed": told.get("disputed") == "yes",
        "score": {"total": told.get("score"), "fit": told.get("score_fit"), "behaviour": told.get("score_behaviour")},
        "signals": [{"text": told["signals"]}] if told.get("signals") else [],
        "account": {
            "external_id": told.get("account_id"),
            "name": told.get("account_name"),
            **{key: told.get(f"account_{key}") for key in _OF_ACCOUNT},
        },
        "people": [{"external_id": told.get("person_id"), **{key: told.get(key) for key in _OF_PEOPLE}}],
        "offer": {key: told.get(f"offer_{key}") for key in _OF_OFFER}
        | {"covers": [told["offer_covers"]] if told.get("offer_covers") else []},
        "owner": {"email": told.get("owner_email")},
        "history": {"leads_before": told.get("leads_before"), "last_outcome": told.get("last_outcome")},
        "links": {key: told.get(f"link_{key}") for key in ("lead", "accept", "reject", "snooze")},
    }
