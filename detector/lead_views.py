"""Stored leads in; the API's shapes of them out."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.messages import LeadEvent
from detector.shapes import Lead, LeadAccount, LeadDetail, LeadEventLine, iso
from detector.store.leads import StoredLead

_OF_THE_PAYLOAD = (
    "answer_by",
    "snoozed_until",
    "takes_over",
    "disputed",
    "score",
    "segments",
    "signals",
    "evidence",
    "people",
    "usage",
    "onboarding",
    "features",
    "offer",
    "owner",
    "told_us",
    "source",
    "history",
    "crm",
)


def line(row: StoredLead) -> Lead:
    """Without evidence."""
    return Lead(**_common(row, msgspec.json.decode(row.data)))


def detail(row: StoredLead, events: Sequence[LeadEvent]) -> LeadDetail:
    """With what the newest webhook said, and the lead's life."""
    data: dict[str, Any] = msgspec.json.decode(row.data)
    told = {name: data[name] for name in _OF_THE_PAYLOAD if name in data}
    return LeadDetail(**_common(row, data), **told, events=[_event(event) for event in events])


def _common(row: StoredLead, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "lead_id": row.lead_id,
        "project": row.project,
        "account": LeadAccount(**{name: data["account"].get(name) for name in LeadAccount.model_fields}),
        "lead_type": row.lead_type,
        "status": row.status,
        "temperature": row.temperature,
        "revision": row.revision,
        "rulebook_version": row.rulebook_version,
        "summary": data["summary"],
        "recommended_action": data["recommended_action"],
        "qualified_at": iso(row.qualified_at),
        "opened_at": iso(row.opened_at),
        "updated_at": iso(row.updated_at),
        "stored_at": iso(row.stored_at),
    }


def _event(event: LeadEvent) -> LeadEventLine:
    data = event.data
    return LeadEventLine(
        id=event.id,
        type=event.type,
        revision=data["revision"],
        status=data["status"],
        timestamp=iso(event.timestamp),
        changes=data["changes"],
    )
