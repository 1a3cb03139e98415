"""A small story of one account, told event by event, and the lead events that come of it: what tests of judging share."""

from typing import Any

from contracts.messages import LeadEvent, UsageEvent
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, RULEBOOK, T0, place, usage

PROGRAM = compile_rulebook(RULEBOOK, 3)


class Story:
    """Events of one account, in the order they arrive; each in time unless it says otherwise."""

    def __init__(self, program: Program = PROGRAM) -> None:
        self.program = program
        self.account = Account.new("acme-mail", "acc_9")
        self.number = 0

    def happens(self, name: str | None, day: float, *, ms: int = 0, arrives: float | None = None, **more: Any) -> list[LeadEvent]:
        self.number += 1
        t = T0 + int(day * DAY) + ms
        event: UsageEvent = usage(f"m{self.number}", t, name, **more)
        at = event.received_at if arrives is None else T0 + int(arrives * DAY)
        return process(self.program, self.account, event, place(at, self.number))

    def plan(self, name: str | None, day: float) -> list[LeadEvent]:
        return self.happens(None, day, kind="group", traits={"plan": name})

    def contacts(self, total: float, day: float, **more: Any) -> list[LeadEvent]:
        return self.happens("Counted", day, properties={"total": total}, **more)


def types(lead_events: list[LeadEvent]) -> list[tuple[str, str]]:
    return [(each.type, each.data["lead_type"]) for each in lead_events]
