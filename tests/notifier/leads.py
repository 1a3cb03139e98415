"""Leads as the detector tells them: one with as little as there can be, one with all that there can be."""

from typing import Any

from hypothesis import strategies as st

from notifier.core.payload import Message

AT = 1_778_680_991_042
LEAD: dict[str, Any] = {
    "lead_id": "ld_5b0c7a1d9e3f42a6b8c1",
    "revision": 1,
    "status": "open",
    "lead_type": "pql",
    "to": "sales",
    "temperature": None,
    "answer_by": None,
    "snoozed_until": None,
    "overdue": False,
    "takes_over": None,
    "disputed": False,
    "changes": [],
    "score": {"total": None, "fit": None, "behaviour": None, "contributions": []},
    "summary": "Acme Bäckerei has used 487 of 500 contacts on free (97.4 %)",
    "recommended_action": "Offer Standard, a demo or a personal walk-through.",
    "signals": [
        {
            "signal_id": "sg_0f1e2d3c4b5a69788796",
            "rule": "limit/contacts",
            "rulebook_version": 4,
            "step": "80%",
            "text": "487 of 500 contacts",
            "at": "2026-05-13T14:03:11.000Z",
        }
    ],
    "evidence": [
        {
            "rule": "limit/contacts",
            "condition": "limit.percent >= 80%",
            "value": 97.4,
            "threshold": 80,
            "window": None,
            "message_ids": ["m-487"],
        }
    ],
    "account": {
        "external_id": "acc_9",
        "name": "Acme Bäckerei",
        "domain": "acme.io",
        "plan": "free",
        "stage": "free",
        "customer_since": None,
        "trial_ends_at": None,
    },
    "people": [],
    "usage": [
        {"limit": "contacts", "unit": None, "used": 487, "allowed": 2**60, "full_on": None, "resets_at": None, "refused_7d": 0}
    ],
    "onboarding": {"done": 3, "of": 3, "missing": []},
    "features": [],
    "offer": {"kind": None, "name": None, "price_now": None, "price_next": None, "currency": None, "per": None, "covers": []},
    "owner": {"email": None},
    "segments": [],
    "told_us": {},
    "source": {},
    "history": {"leads_before": 0, "last_outcome": None},
    "crm": {},
    "qualified_at": "2026-05-13T14:03:11.000Z",
    "links": {"lead": None, "accept": None, "reject": None, "snooze": None},
}
FULL: dict[str, Any] = LEAD | {
    "temperature": "hot",
    "answer_by": "2026-05-13T15:03:11.042Z",
    "takes_over": "ld_0a1b2c3d4e5f60718293",
    "score": {
        "total": 87,
        "fit": 40,
        "behaviour": 47,
        "contributions": [
            {"part": "fit", "text": 'person.title matches "head|vp"', "points": 40, "of": 40, "since": None},
            {"part": "behaviour", "text": "limit", "points": 47, "of": 50, "since": "2026-05-13T14:03:11.000Z"},
        ],
    },
    "signals": [
        LEAD["signals"][0] | {"text": LEAD["summary"]},
        {
            "signal_id": "sg_1f1e2d3c4b5a69788797",
            "rule": "premium",
            "rulebook_version": 4,
            "step": None,
            "text": "Acme Bäckerei reached for automations on 2 days; not in free",
            "at": "2026-05-13T14:03:11.000Z",
        },
    ],
    "people": [
        {
            "role": "trigger",
            "external_id": "u_1",
            "email": "ada@acme.io",
            "first_name": "Ada",
            "last_name": "Lo",
            "title": "Head of R&D",
            "timezone": "Europe/Berlin",
            "last_seen": "2026-05-13T13:59:11.000Z",
            "may_contact": None,
        },
        {
            "role": "admin",
            "external_id": "u_2",
            "email": None,
            "first_name": "Bo",
            "last_name": "van Dyk",
            "title": None,
            "timezone": None,
            "last_seen": "2026-05-12T00:00:00.000Z",
            "may_contact": "none",
        },
    ],
    "usage": [
        {
            "limit": "contacts",
            "unit": None,
            "used": 487,
            "allowed": 500,
            "full_on": "2026-05-15",
            "resets_at": None,
            "refused_7d": 3,
        },
        {"limit": "emails", "unit": None, "used": 0, "allowed": None, "full_on": None, "resets_at": None, "refused_7d": 0},
    ],
    "features": [{"name": "automations", "days": 2, "in_plan": False}],
    "offer": {
        "kind": "plan",
        "name": "standard",
        "price_now": 0,
        "price_next": 20,
        "currency": "EUR",
        "per": "month",
        "covers": ["contacts", "automations"],
    },
    "owner": {"email": "rep@mail.example"},
    "segments": ["smb", "dach"],
    "told_us": {"goal": "move off spreadsheets"},
    "source": {"utm_source": "google"},
    "history": {"leads_before": 1, "last_outcome": "lost"},
    "links": {
        "lead": None,
        "accept": "https://hr.example/l/1?a=accept&s=x",
        "reject": "https://hr.example/l/1?a=reject&s=x",
        "snooze": "https://hr.example/l/1?a=snooze&s=x",
    },
}


def message(data: dict[str, Any], type_: str = "lead.created") -> Message:
    return Message("le_9a8b7c6d5e4f30212345", 1, type_, AT, "acme-mail", "live", data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)
