"""What the p4saas history must give, said by an independent program: standard library only, none of our code.

Standard input: one JSON object a line, the messages as they are sent, in order. Arguments: the settings as JSON.
Standard output: one JSON array a line, [account, lead type, rule, step, qualified_at], sorted.

It reads the design's words again, naively: at each message it recounts the account's whole past.
"""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

Row: TypeAlias = tuple[str, str, str, str, int]

STAGE = {"Free": "free", "Basic": "paying", "Pro": "paying"}
LEAD_TYPE = {"free": "pql", "paying": "xql", "churned": "pql", "unknown": "pql"}


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def month(at: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(at / 1000, UTC)
    return day.year, day.month


class Account:
    """One customer: its past, the last signal of each rule as (qualified_at, step, allowed then), and how much was told."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.past: list[tuple[int, str]] = []
        self.plans: list[tuple[int, str]] = []
        self.signals: dict[str, tuple[int, float, int]] = {}
        self.told: dict[str, float] = {}

    def plan(self, at: int) -> str | None:
        known = [plan for since, plan in self.plans if since <= at]
        return known[-1] if known else None

    def stage(self, at: int) -> str:
        plan = self.plan(at)
        return "unknown" if plan is None else STAGE.get(plan, "churned")

    def used(self, name: str, at: int) -> int:
        return sum(1 for when, event in self.past if event == name and when <= at and month(when) == month(at))

    def allowed(self, limit: str, at: int) -> int:
        """What the plan allows of a limit; 0: unknown, or the rule is about no limit."""
        return int(self.settings["allows"].get(self.plan(at) or "", {}).get(limit, 0))

    def step(self, limit: str, at: int) -> float:
        """The highest step reached at `at`; 0: none."""
        allowed = self.allowed(limit, at)
        if not allowed:
            return 0
        share = self.used(self.settings["limits"][limit], at) / allowed
        return max((step for step in self.settings["steps"] if share >= step), default=0)

    def onboarded(self, at: int) -> float:
        firsts = []
        for name in self.settings["onboarding"]:
            times = [when for when, event in self.past if event == name and when <= at]
            if not times:
                return 0
            firsts.append(min(times))
        return 1 if max(firsts) - min(firsts) <= self.settings["within_ms"] else 0

    def burst(self, at: int) -> float:
        window = self.settings["burst_window_ms"]
        count = sum(1 for when, event in self.past if event == "export_data" and at - window < when <= at)
        return 1 if count >= self.settings["burst"] else 0

    def level(self, rule: str, at: int) -> float:
        if rule.startswith("limit/"):
            return self.step(rule.removeprefix("limit/"), at)
        return self.onboarded(at) if rule == "onboarded" else self.burst(at)

    def judged(self, event: str | None) -> list[str]:
        """The rules that an event can change; None: a `group`, which can change what is allowed."""
        limits = [f"limit/{limit}" for limit, counted in self.settings["limits"].items() if event in (None, counted)]
        onboarded = ["onboarded"] if event in self.settings["onboarding"] else []
        return limits + onboarded + (["burst"] if event == "export_data" else [])

    def judge(self, event: str | None, at: int) -> Iterable[tuple[str, str]]:
        """(rule, step) of each signal that begins, or rises, at `at`. A rise that is silenced was not told."""
        for rule in self.judged(event):
            now, before = self.level(rule, at), min(self.told.get(rule, 0), self.level(rule, at - 1))
            allowed = self.allowed(rule.removeprefix("limit/"), at)
            begun, high, allowed_then = self.signals.get(rule, (None, 0, 0))
            cools = begun is not None and at < begun + self.settings["cooldown_ms"] and not allowed > allowed_then > 0
            self.told[rule] = now
            if now <= before:
                continue
            if cools and now <= high:
                self.told[rule] = before
                continue
            self.signals[rule] = (begun if cools and begun is not None else at, now, allowed)
            yield rule, f"{now:.0%}" if rule.startswith("limit/") else ""


def expected(messages: Iterable[dict[str, Any]], settings: dict[str, Any]) -> list[Row]:
    accounts: dict[str, Account] = {}
    rows: set[Row] = set()
    for message in messages:
        name = message["context"]["groupId"] if message["type"] == "track" else message["groupId"]
        account = accounts.setdefault(name, Account(settings))
        at = milliseconds(message["timestamp"])
        if message["type"] == "group":
            account.plans.append((at, message["traits"]["plan"]))
        else:
            account.past.append((at, message["event"]))
        for rule, step in account.judge(message.get("event"), at):
            rows.add((name, LEAD_TYPE[account.stage(at)], rule, step, at))
    return sorted(rows)


if __name__ == "__main__":
    for row in expected(map(json.loads, sys.stdin), json.loads(sys.argv[1])):
        print(json.dumps(row))
