"""The p4saas history as Segment messages: years pressed linearly into the last 23 hours, in order of time, or of the files."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SPAN_MS = 23 * 3_600_000
DAY_MS = 86_400_000

RULEBOOK = """\
project: p4saas
use: b2b-saas@1
account: [group]
currency: USD
events:
  logged_in: login
  used: feature_use
  invited: invite_sent
limits:
  exports: {{count: export_data, resets: month}}
  invites: {{count: invite_sent, resets: month}}
plans:
  Free:  {{stage: free,   price: 0,   allows: {free},  has: []}}
  Basic: {{stage: paying, price: 49,  allows: {basic}, has: []}}
  Pro:   {{stage: paying, price: 199, allows: {pro},   has: []}}
onboarding: {{steps: [logged_in, used, invited], within: {within}s, by: account}}
measures:
  exports_lately: {{count: export_data, window: {burst_window}s}}
rules:
  limit: {{at: [80%, 100%], cooldown: {cooldown}s}}
  limit-soon: {{when: [exports_lately < 0]}}   # the independent program has no forecast
  onboarded: {{when: [onboarding.done], cooldown: {cooldown}s}}
  burst:
    family: usage_growth
    when: [exports_lately >= {burst}]
    cooldown: {cooldown}s
    say: "{{account}} exported {{exports_lately}} times lately"
"""


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(folder / f"{name}.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def day_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class History:
    """`messages` in order of time, ending at `now` (epoch ms), and the `settings` of rulebook and expectation on that scale."""

    def __init__(self, folder: Path, now: int, every: int = 1) -> None:
        """`every`: only each so many-th customer, with all that it did."""
        filed = [each for each in happened(folder) if int(account_of(each[2])[1:]) % every == 0]
        order = sorted(range(len(filed)), key=lambda n: filed[n][:2])
        first, last = filed[order[0]][0], filed[order[-1]][0] + DAY_MS
        self.scale = SPAN_MS / (last - first)
        per_day = Counter(day for day, _, _ in filed)
        seen: Counter[int] = Counter()
        self.messages: list[dict[str, Any]] = []
        """In order of time."""
        for n, place in enumerate(order):
            day, _, message = filed[place]
            seen[day] += 1
            at = now - SPAN_MS + round((day - first + DAY_MS * seen[day] / (per_day[day] + 1)) * self.scale)
            self.messages.append({**message, "timestamp": iso(at), "messageId": f"p4-{n}"})
        by_place = dict(zip(order, self.messages, strict=True))
        self.filed = [by_place[place] for place in range(len(filed))]
        """The same in the order of the files: customers, subscriptions, events."""
        self.settings: dict[str, Any] = {
            "steps": [0.8, 1.0],
            "limits": {"exports": "export_data", "invites": "invite_sent"},
            "allows": {
                "Free": {"exports": 7, "invites": 7},
                "Basic": {"exports": 6, "invites": 6},
                "Pro": {"exports": 6, "invites": 7},
            },
            "onboarding": ["login", "feature_use", "invite_sent"],
            "within_ms": self._seconds(12) * 1000,
            "burst": 5,
            "burst_window_ms": self._seconds(90) * 1000,
            # Not pressed like the rest: the oldest message comes 23 hours late, and a cooldown is longer than the lateness.
            "cooldown_ms": 25 * 3_600_000,
            "until": now,
        }

    def _seconds(self, days: int) -> int:
        return round(days * DAY_MS * self.scale / 1000)


def rulebook(settings: Mapping[str, Any]) -> str:
    def allows(plan: str) -> str:
        return json.dumps(settings["allows"][plan]).replace('"', "")

    return RULEBOOK.format(
        free=allows("Free"),
        basic=allows("Basic"),
        pro=allows("Pro"),
        within=settings["within_ms"] // 1000,
        burst_window=settings["burst_window_ms"] // 1000,
        burst=settings["burst"],
        cooldown=settings["cooldown_ms"] // 1000,
    )


def happened(folder: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(day, order within the day, message) in the files' order: plans change before anything is done on a day."""
    for row in rows(folder, "customers"):
        yield day_ms(row["signup_date"]), 0, plan(row["customer_id"], row["initial_plan"])
    for row in rows(folder, "subscriptions"):
        yield day_ms(row["start_date"]), 1, plan(row["customer_id"], row["plan_name"])
        if row["end_date"] > row["start_date"]:  # a few end before they begin: nobody can have sent that
            yield day_ms(row["end_date"]), 2, plan(row["customer_id"], "none")
    for row in rows(folder, "events"):
        yield day_ms(row["event_timestamp"]), 3, track(row["customer_id"], row["event_name"])


def plan(customer: str, name: str) -> dict[str, Any]:
    return {"type": "group", "userId": f"u-{customer}", "groupId": customer, "traits": {"plan": name}}


def track(customer: str, event: str) -> dict[str, Any]:
    return {"type": "track", "userId": f"u-{customer}", "event": event, "context": {"groupId": customer}}


def account_of(message: Mapping[str, Any]) -> str:
    return str(message["context"]["groupId"] if message["type"] == "track" else message["groupId"])


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
