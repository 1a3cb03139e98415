"""Small things that many tests of the detector's shell need."""

from typing import Any

import msgspec
from sqlalchemy.exc import OperationalError

from contracts.messages import EVENTS, UNATTRIBUTED, EventType, LeadEvent, Place, UsageEvent
from eventlog.port import LogError, TopicPartition

NOON = 1_780_000_000_000
"""A time of the log; epoch milliseconds."""
MINUTE = 60_000
HOUR = 60 * MINUTE
EVENTS_0 = TopicPartition(EVENTS, 0)
UNATTRIBUTED_0 = TopicPartition(UNATTRIBUTED, 0)


def usage_event(id_: str, type_: EventType = "track", at: int = NOON, **changed: Any) -> UsageEvent:
    """An event of project `mail`, sent and received at its own time."""
    for name in ("properties", "traits"):
        if name in changed:
            changed[name] = msgspec.Raw(msgspec.json.encode(changed[name]))
    fields: dict[str, Any] = {"project": "mail", "received_at": at, "original_timestamp": at, **changed}
    return UsageEvent(id=id_, type=type_, timestamp=at, **fields)


def lead_event(lead_id: str, revision: int = 1, at: int = NOON, **data: Any) -> LeadEvent:
    """A lead event of account `acme` with the parts of a payload that the store reads."""
    payload = {
        "lead_id": lead_id,
        "revision": revision,
        "status": "open",
        "lead_type": "pql",
        "temperature": None,
        "qualified_at": "2026-05-28T20:26:40.123Z",
        "changes": [],
    }
    return LeadEvent(
        id=f"le_{lead_id}_{revision}",
        project="mail",
        account="acme",
        type="lead.created" if revision == 1 else "lead.updated",
        timestamp=at,
        rulebook_version=3,
        place=Place(topic=EVENTS, partition=0, offset=revision, time=at),
        data={**payload, **data},
    )


def contacts(id_: str, total: int, account: str = "acme", at: int = NOON, **changed: Any) -> UsageEvent:
    """The gauge of contacts: 500 are allowed on the free plan."""
    properties = {"total": total}
    return usage_event(id_, name="Contact Count Changed", person="ada", account=account, at=at, properties=properties, **changed)


def upgrade(id_: str, account: str = "acme", at: int = NOON) -> UsageEvent:
    return usage_event(id_, name="Upgrade Clicked", person="ada", account=account, at=at)


def database_is_away(*_: object) -> None:
    """For a method of the store: what a lost connection raises."""
    raise OperationalError("SELECT 1", {}, Exception("server closed the connection unexpectedly"))


def log_is_down(*_: object) -> None:
    """For a method of the log."""
    raise LogError("down, says the test")
