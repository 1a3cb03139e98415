"""What the p4saas history must give, said by an independent program: standard library only, none of our code.

Standard input: one JSON object a line, the messages, in any order. Arguments: the settings as JSON.
Standard output: one JSON array a line, sorted, of each signal and of each rise of one:
[account, lead type, rule, step, when it was reached, when the signal qualified]; times in epoch ms.

It reads the design's words again, naively: at each instant at which a rule can stand elsewhere it recounts the account's past.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

Row: TypeAlias = tuple[str, str, str, str, int, int]

STAGE = {"Free": "free", "Basic": "paying", "Pro": "paying"}
LEAD_TYPE = {"free": "pql", "paying": "xql", "churned": "pql", "unknown": "pql"}


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def month(at: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(at / 1000, UTC)
    return day.year, day.month


def next_month(at: int) -> int:
    """When the month after that of `at` begins."""
    year, number = month(at)
    return round(datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)


class Account:
    """One customer: all that it ever did, and its plans in order of time; of those said at the same time, by message id."""

    def __init__(self, settings: dict[str, Any], messages: Iterable[dict[str, Any]]) -> None:
        self.settings = settings
        self.past: list[tuple[int, str]] = []
        plans: list[tuple[int, str, str]] = []
        for message in messages:
            at = milliseconds(message["timestamp"])
            if message["type"] == "group":
                plans.append((at, message["messageId"], message["traits"]["plan"]))
            else:
                self.past.append((at, message["event"]))
        self.plans = [(at, plan) for at, _, plan in sorted(plans)]

    def plan(self, at: int) -> str | None:
        """Before the first known plan, that one."""
        known = [plan for since, plan in self.plans if since <= at]
        return known[-1] if known else next((plan for _, plan in self.plans if plan in STAGE), None)

    def stage(self, at: int) -> str:
        plan = self.plan(at)
        if plan != "none":
            return "unknown" if plan is None else STAGE[plan]
        before = [plan for since, plan in self.plans if since <= at and plan in STAGE]
        return "churned" if before and STAGE[before[-1]] == "paying" else "unknown"

    def times(self, *names: str) -> list[int]:
        return [at for at, name in self.past if name in names]

    def allowed(self, rule: str, at: int) -> int:
        """What the plan allows of a rule's limit; 0: unknown, or the rule is about no limit."""
        return int(self.settings["allows"].get(self.plan(at) or "", {}).get(rule.removeprefix("limit/"), 0))

    def step(self, rule: str, at: int) -> float:
        """The highest step reached at `at`; 0: none."""
        allowed = self.allowed(rule, at)
        if not allowed:
            return 0
        counted = self.settings["limits"][rule.removeprefix("limit/")]
        share = sum(1 for when in self.times(counted) if when <= at and month(when) == month(at)) / allowed
        return max((step for step in self.settings["steps"] if share >= step), default=0)

    def onboarded(self, at: int) -> float:
        firsts = []
        for name in self.settings["onboarding"]:
            times = [when for when in self.times(name) if when <= at]
            if not times:
                return 0
            firsts.append(min(times))
        return 1 if max(firsts) - min(firsts) <= self.settings["within_ms"] else 0

    def burst(self, at: int) -> float:
        window = self.settings["burst_window_ms"]
        return 1 if sum(1 for when in self.times("export_data") if at - window < when <= at) >= self.settings["burst"] else 0

    def level(self, rule: str, at: int) -> float:
        if rule.startswith("limit/"):
            return self.step(rule, at)
        return self.onboarded(at) if rule == "onboarded" else self.burst(at)

    def instants(self, rule: str) -> set[int]:
        """When the rule can come to stand elsewhere."""
        if rule == "onboarded":
            return set(self.times(*self.settings["onboarding"]))
        if rule == "burst":
            exports = self.times("export_data")
            return {*exports, *(at + self.settings["burst_window_ms"] for at in exports)}
        counted = self.times(self.settings["limits"][rule.removeprefix("limit/")])
        return {*counted, *map(next_month, counted), *(at for at, _ in self.plans)}

    def signals(self, rule: str, until: int) -> Iterator[tuple[str, float, int, int]]:
        """(lead type, level, when it was reached, when the signal qualified) of each signal and each rise of one."""
        cooldown = self.settings["cooldown_ms"]
        open_instants = {at for at in self.instants(rule) if at <= until}
        told, high, begun, allowed_then = 0.0, 0.0, None, 0
        while open_instants:
            at = min(open_instants)
            open_instants.remove(at)
            now, allowed = self.level(rule, at), self.allowed(rule, at)
            cools = begun is not None and at < begun + cooldown and not allowed > allowed_then > 0
            if now > told and not (cools and now <= high):
                if not cools or begun is None:
                    begun = at
                    if at + cooldown <= until:
                        open_instants.add(at + cooldown)  # what was silenced until then, and still holds, is told
                told, high, allowed_then = now, now, allowed
                yield LEAD_TYPE[self.stage(at)], now, at, begun
            told = min(told, now)


def expected(messages: Iterable[dict[str, Any]], settings: dict[str, Any]) -> list[Row]:
    by_account: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        name = message["context"]["groupId"] if message["type"] == "track" else message["groupId"]
        by_account.setdefault(name, []).append(message)
    rules = [*(f"limit/{limit}" for limit in settings["limits"]), "onboarded", "burst"]
    rows: list[Row] = []
    for name, told in by_account.items():
        account = Account(settings, told)
        for rule in rules:
            for lead_type, level, at, begun in account.signals(rule, settings["until"]):
                rows.append((name, lead_type, rule, f"{level:.0%}" if rule.startswith("limit/") else "", at, begun))
    return sorted(rows)


if __name__ == "__main__":
    for row in expected(map(json.loads, sys.stdin), json.loads(sys.argv[1])):
        print(json.dumps(row))
