"""A small rulebook made by hand from model objects, and events for it: what the tests of the core share."""

import json
from typing import Any

import msgspec

from contracts.messages import EMPTY_OBJECT, EventType, Place, UsageEvent
from detector.core.rulebook.measured import Counted, Distinct, Newest, Rolling
from detector.core.rulebook.model import (
    Binary,
    Condition,
    Constant,
    Feature,
    LeadType,
    Limit,
    Name,
    Onboarding,
    Plan,
    Rule,
    Rulebook,
    Selector,
    Term,
    Type,
)

DAY = 86_400_000
T0 = 1_779_840_000_000  # 2026-05-27T00:00:00Z


def of(*names: str) -> Selector:
    return Selector(tuple(Term(name) for name in names))


def number(path: str) -> Name:
    return Name(path, Type.NUMBER)


def at_least(path: str, least: float) -> Condition:
    return Condition(f"{path} >= {least}", Binary(">=", number(path), Constant(least, Type.NUMBER), Type.BOOL))


def is_text(path: str, text: str) -> Condition:
    return Condition(f"{path} == {text}", Binary("==", Name(path, Type.TEXT), Constant(text, Type.TEXT), Type.BOOL))


ACTIVE = Selector(builtin="active")
PREMIUM = Selector(builtin="premium")
URGENT = Term("Ticket Opened", is_text("properties.topic", "pricing"))

RULEBOOK = Rulebook(
    project="acme-mail",
    currency="EUR",
    person=("asker", "trigger", "admin", "most_active"),
    measures={
        "active_days": Distinct("active_days", ACTIVE, "day", Rolling(14 * DAY)),
        "active_people": Distinct("active_people", ACTIVE, "person", Rolling(7 * DAY)),
        "hourly_people": Distinct("hourly_people", ACTIVE, "person", Rolling(3_600_000)),
        "everybody": Distinct("everybody", ACTIVE, "person", None),
        "viewers": Distinct("viewers", of("Shared"), "properties.viewer", Rolling(3 * DAY)),
        "imports": Counted("imports", of("Imported", "Uploaded"), Rolling(7 * DAY)),
        "imports_ever": Counted("imports_ever", of("Imported", "Uploaded")),
        "mood": Newest("mood", of("Surveyed"), "properties.mood"),
        "premium_days": Distinct("premium_days", PREMIUM, "day", Rolling(14 * DAY)),
        "premium_names": Distinct("premium_names", PREMIUM, "feature", Rolling(14 * DAY)),
    },
    limits={
        "contacts": Limit("contacts", "contacts", "gauge", of("Counted"), "properties.total", of("Import Refused")),
        "emails": Limit("emails", "e-mails", "counter", of("Email Sent"), None, of("Send Refused")),
    },
    features={
        "automations": Feature("automations", of("Automation Opened"), of("Paywall Seen")),
        "ab_testing": Feature("ab_testing", of("AB Opened"), Selector()),
    },
    plans=(
        Plan("free", "free", 0, {"contacts": 10, "emails": 4}, frozenset()),
        Plan("standard", "paying", 20, {"contacts": 100, "emails": 40}, frozenset({"automations"})),
        Plan("premium", "paying", 90, {"contacts": None, "emails": None}, frozenset({"automations", "ab_testing"})),
    ),
    no_plan="free",
    onboarding=Onboarding({"signed_up": of("Signed Up"), "imported": of("Imported"), "sent": of("Sent")}, 10 * DAY),
    lead_types=(
        LeadType("sales_sql", "sales", 400 * DAY, ("Book the call they asked for.",)),
        LeadType(
            "service_sql",
            "sales",
            400 * DAY,
            (
                "Answer with an offer for ",
                Name("offer.plan", Type.TEXT),
                ": it covers ",
                Name("offer.covers", Type.LIST),
                ".",
            ),
        ),
        LeadType("pql", "sales", 400 * DAY, ("Offer ", Name("offer.plan", Type.TEXT), ", a demo or a personal walk-through.")),
        LeadType("xql", "success", 400 * DAY, ("Show what ", Name("offer.plan", Type.TEXT), " brings.")),
    ),
    close_won=is_text("plan.change", "up"),
    close_lost=is_text("plan.change", "down"),
    rules=(
        Rule(
            "limit",
            (
                Name("account", Type.TEXT),
                " has used ",
                number("limit.used"),
                " of ",
                number("limit.allowed"),
                " ",
                Name("limit.label", Type.TEXT),
                " on ",
                Name("plan", Type.TEXT),
                " (",
                Name("limit.percent", Type.PERCENT),
                ")",
            ),
            "usage_limit",
            each_limit=True,
            steps={"": (0.8, 1.0, "refused")},
        ),
        Rule(
            "onboarded",
            (Name("account", Type.TEXT), " finished onboarding in ", Name("onboarding.took", Type.DURATION)),
            "onboarding_milestone",
            when=(Condition("onboarding.done", Name("onboarding.done", Type.BOOL)), at_least("active_days", 2)),
        ),
        Rule(
            "premium",
            (Name("account", Type.TEXT), " reached for ", number("premium_names"), " on ", number("premium_days"), " days"),
            "premium_feature",
            when=(at_least("premium_days", 2),),
        ),
        Rule("busy", ("busy",), "usage_growth", when=(at_least("imports", 3),), cooldown_ms=2 * DAY),
        Rule(
            "upgrade-request",
            (Name("person", Type.TEXT), " asked to upgrade ", Name("account", Type.TEXT), " (", Name("event", Type.TEXT), ")"),
            "upgrade_intent",
            event=(("upgrade_requested", of("Upgrade Clicked")), ("pricing_asked", Selector((URGENT,)))),
        ),
        Rule("sales-request", ("call us",), lead="sales_sql", event=(("sales_requested", of("Demo Requested")),)),
    ),
)


def usage(message_id: str, timestamp: int, name: str | None = None, **more: Any) -> UsageEvent:
    """A track event, unless `kind` says otherwise. `late_ms`: receipt after the event's own time."""
    kind: EventType = more.pop("kind", "track")
    late_ms: int = more.pop("late_ms", 100)
    properties, traits = more.pop("properties", {}), more.pop("traits", {})
    return UsageEvent(
        project="acme-mail",
        id=message_id,
        type=kind,
        timestamp=timestamp,
        received_at=timestamp + late_ms,
        name=name,
        account="acc_9",
        properties=_object(properties),
        traits=_object(traits),
        **more,
    )


def _object(of: dict[str, Any]) -> msgspec.Raw:
    """As ingest writes it."""
    return msgspec.Raw(json.dumps(of).encode()) if of else EMPTY_OBJECT


def place(time: int, offset: int = 0) -> Place:
    return Place(topic="events", partition=0, offset=offset, time=time)
