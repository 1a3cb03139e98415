"""The naive oracle: sorts a list of events and recomputes everything from it, each time. Standard library only, no shared code.

An event is a dict: id, t, kind, name, person, properties, traits.
"""

from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]
Events = list[Event]
DAY = 86_400_000
ALLOWS: dict[str, dict[str, int | None]] = {
    "free": {"contacts": 10, "emails": 4},
    "standard": {"contacts": 100, "emails": 40},
    "premium": {"contacts": None, "emails": None},
}
PAYING = {"standard", "premium"}
HAS: dict[str, set[str]] = {"free": set(), "standard": {"automations"}, "premium": {"automations", "ab_testing"}}
FEATURE_OF = {"Automation Opened": "automations", "Paywall Seen": "automations", "AB Opened": "ab_testing"}


def until(events: Events, t: int) -> Events:
    return sorted((e for e in events if e["t"] <= t), key=lambda e: (e["t"], e["id"]))


def window(events: Events, t: int, length: int) -> Events:
    return [e for e in until(events, t) if e["t"] > t - length]


def plan(events: Events, t: int) -> str | None:
    """None: churned, or a name that nobody knows."""
    current: str | None = "free"
    last_said = None
    for e in until(events, t):
        if e["kind"] == "group" and "plan" in e["traits"]:
            said = e["traits"]["plan"]
            if said in (None, "", "none"):
                current = None if last_said in PAYING else "free"
            else:
                last_said = said
                current = said if said in ALLOWS else None
    return current


def stage(events: Events, t: int) -> str:
    here = plan(events, t)
    if here is None:
        said = [e["traits"]["plan"] for e in until(events, t) if e["kind"] == "group" and "plan" in e["traits"]]
        return "churned" if said[-1] in (None, "", "none") else "unknown"
    return "paying" if here in PAYING else "free"


def active(events: Events) -> Events:
    return [e for e in events if e["kind"] == "track" and e["person"]]


def premium(events: Events, t: int) -> set[tuple[int, str]]:
    """(day, feature) of each use or refusal of what the plan then lacked."""
    found = set()
    for e in window(events, t, 14 * DAY):
        feature, then = FEATURE_OF.get(e["name"]), plan(events, e["t"])
        if feature and then and feature not in HAS[then]:
            found.add((e["t"] // DAY, feature))
    return found


def named(events: Events, *names: str) -> Events:
    return [e for e in events if e["kind"] == "track" and e["name"] in names]


def used(limit: str, events: Events, t: int) -> Any:
    if limit == "contacts":
        totals = [e["properties"]["total"] for e in until(named(events, "Counted"), t)]
        return totals[-1] if totals else None
    month = datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m")
    sent = until(named(events, "Email Sent"), t)
    return sum(datetime.fromtimestamp(e["t"] / 1000, UTC).strftime("%Y-%m") == month for e in sent)


def measures(events: Events, t: int) -> dict[str, Any]:
    acting = active(events)
    surveyed = until(named(events, "Surveyed"), t)
    shared = window(named(events, "Shared"), t, 3 * DAY)
    imports = named(events, "Imported", "Uploaded")
    return {
        "active_days": len({e["t"] // DAY for e in window(acting, t, 14 * DAY)}),
        "active_people": len({e["person"] for e in window(acting, t, 7 * DAY)}),
        "hourly_people": len({e["person"] for e in window(acting, t, 3_600_000)}),
        "everybody": len({e["person"] for e in until(acting, t)}),
        "viewers": len({e["properties"]["viewer"] for e in shared}),
        "imports": len(window(imports, t, 7 * DAY)),
        "imports_ever": len(until(imports, t)),
        "mood": surveyed[-1]["properties"]["mood"] if surveyed else None,
        "premium_days": len({day for day, _ in premium(events, t)}),
        "premium_names": len({feature for _, feature in premium(events, t)}),
        "plan": plan(events, t),
        "stage": stage(events, t),
        "contacts": used("contacts", events, t),
        "emails": used("emails", events, t),
        "onboarding.done": onboarded(events, t),
    }


def onboarded(events: Events, t: int) -> bool:
    firsts = []
    for step in ("Signed Up", "Imported", "Sent"):
        seen = until(named(events, step), t)
        if not seen:
            return False
        firsts.append(seen[0]["t"])
    return bool(max(firsts) - min(firsts) <= 10 * DAY)
