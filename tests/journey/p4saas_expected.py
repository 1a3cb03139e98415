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
    """One customer: its past, and the last signal of each rule as (qualified_at, step)."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.past: list[tuple[int, str]] = []
        self.plans: list[tuple[int, str]] = []
        self.signals: dict[str, tuple[int, float]] = {}

    def plan(self, at: int) -> str | None:
        known = [plan for since, plan in self.plans if since <= at]
        return known[-1] if known else None

    def stage(self, at: int) -> str:
        plan = self.plan(at)
        return "unknown" if plan is None else STAGE.get(plan, "churned")

    def used(self, name: str, at: int) -> int:
        return sum(1 for when, event in self.past if event == name and when <= at and month(when) == month(at))

    def step(self, limit: str, at: int) -> float:
        """The highest step reached at `at`; 0: none."""
        allowed = self.settings["allows"].get(self.plan(at) or "", {}).get(limit)
        if allowed is None:
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

    def judge(self, at: int) -> Iterable[tuple[str, str]]:
        """(rule, step) of each signal that begins, or rises, at `at`."""
        levels: dict[str, tuple[float, float]] = {
            f"limit/{limit}": (self.step(limit, at - 1), self.step(limit, at)) for limit in self.settings["limits"]
        }
        levels["onboarded"] = (self.onboarded(at - 1), self.onboarded(at))
        levels["burst"] = (self.burst(at - 1), self.burst(at))
        for rule, (before, now) in levels.items():
            if now <= before:
                continue
            last = self.signals.get(rule)
            if last is None or at >= last[0] + self.settings["cooldown_ms"]:
                self.signals[rule] = (at, now)
            elif now > last[1]:
                self.signals[rule] = (last[0], now)
            else:
                continue
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
        for rule, step in account.judge(at):
            rows.add((name, LEAD_TYPE[account.stage(at)], rule, step, at))
    return sorted(rows)


if __name__ == "__main__":
    for row in expected(map(json.loads, sys.stdin), json.loads(sys.argv[1])):
        print(json.dumps(row))
