"""The naive oracle: sorts a list of events and recomputes everything from it, each time. Standard library only, no shared code.

An event is a dict: id, t, kind, name, person, properties, traits.
"""

from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]
Events = list[Event]
DAY = 86_400_000
COOLDOWNS: dict[str, int] = {"busy": 2 * DAY}
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


def asked(e: Event) -> bool:
    return bool(e["name"] == "Upgrade Clicked" or (e["name"] == "Ticket Opened" and e["properties"].get("topic") == "pricing"))


def height(rule: str, events: Events, t: int) -> float:  # noqa: PLR0911  one per rule
    """How high a rule stands at t: 0 not at all, 9 refused."""
    if rule.startswith("limit/"):
        limit = rule.removeprefix("limit/")
        here = plan(events, t)
        allowed = ALLOWS[here][limit] if here else None
        if allowed is None:
            return 0
        if any(e["t"] == t for e in named(events, {"contacts": "Import Refused", "emails": "Send Refused"}[limit])):
            return 9
        now = used(limit, events, t)
        return max([0, *(step for step in (0.8, 1.0) if now is not None and now >= step * allowed)])
    if rule == "onboarded":
        return int(onboarded(events, t) and measures(events, t)["active_days"] >= 2)
    if rule == "premium":
        return int(measures(events, t)["premium_days"] >= 2)
    if rule == "busy":
        return int(measures(events, t)["imports"] >= 3)
    now_here = [e for e in events if e["t"] == t and e["kind"] == "track"]
    if rule == "upgrade-request":
        return int(any(asked(e) for e in now_here))
    return int(any(e["name"] == "Demo Requested" for e in now_here))


RULES: dict[str, set[str]] = {
    "limit/contacts": {"group", "Counted", "Import Refused"},
    "limit/emails": {"group", "Email Sent", "Send Refused"},
    "onboarded": {"any"},
    "premium": {"group", *FEATURE_OF},
    "busy": {"Imported", "Uploaded"},
    "upgrade-request": {"Upgrade Clicked", "Ticket Opened"},
    "sales-request": {"Demo Requested"},
}
"""Each rule, and the events that it is judged at: their names, `group`, or any track event."""
STEPS = {0.8: "80%", 1.0: "100%", 9: "refused"}


def judged_at(rule: str, event: Event) -> bool:
    what = {"group"} if event["kind"] == "group" else {"any", event["name"]}
    return bool(what & RULES[rule])


def allowed(rule: str, events: Events, t: int) -> int | None:
    here = plan(events, t)
    return ALLOWS[here][rule.removeprefix("limit/")] if here and rule.startswith("limit/") else None


def signals(events: Events) -> set[tuple[str, str | None, int]]:
    """Events in order of time, all different: (rule, step, when) of each new or raised signal.

    `told`: how high the rule stood when it was last judged, as far as sales heard of it. `last`: (when, how high, what was
    allowed) of the last signal.
    """
    found: set[tuple[str, str | None, int]] = set()
    told: dict[str, float] = {}
    last: dict[str, tuple[int, float, int | None]] = {}
    for index, event in enumerate(events):
        seen, t = events[: index + 1], event["t"]
        for rule in RULES:
            if not judged_at(rule, event):
                continue
            now, before = height(rule, seen, t), min(told.get(rule, 0), height(rule, seen, t - 1))
            told[rule] = now
            if now <= before:
                continue
            at, high, allowed_then = last.get(rule, (None, 0, None))
            allows = allowed(rule, seen, t)
            raised = allows is not None and allowed_then is not None and allows > allowed_then
            cooling = at is not None and t < at + COOLDOWNS.get(rule, 14 * DAY) and not raised
            if cooling and now <= high:
                told[rule] = before
                continue
            last[rule] = (at if cooling and at is not None else t, now, allows)
            found.add((rule, STEPS[now] if rule.startswith("limit/") else None, t))
    return found
