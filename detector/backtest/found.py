"""What a backtest finds: plain data that processes hand to one another."""

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.messages import LeadEvent
from detector.scenarios.times import of_iso

RETRACTED = "retracted"


class Lead(msgspec.Struct):
    """A lead as it stood in the end. Times are epoch ms. `rule`: that opened it; `rules`: all whose signals it carries."""

    id: str
    account: str
    lead_type: str
    qualified_at: int
    rule: str
    step: str | None
    text: str
    rules: tuple[str, ...]
    status: str


class Win(msgspec.Struct, frozen=True):
    """`reported`: sales said so; else the account's plan changed as the rulebook's `close.won` says."""

    account: str
    at: int
    reported: bool


class Found(msgspec.Struct):
    """`leads`: of each rulebook that was judged by. `first_at`: of the earliest event; `last_at`: the last instant that was seen.

    `events`: that counted, copies aside; `copies`: of others.
    """

    leads: list[list[Lead]]
    wins: list[Win] = []
    events: int = 0
    copies: int = 0
    first_at: int | None = None
    last_at: int = 0

    def add(self, other: "Found") -> None:
        """What was found of other accounts."""
        for mine, theirs in zip(self.leads, other.leads, strict=True):
            mine.extend(theirs)
        self.wins += other.wins
        self.events += other.events
        self.copies += other.copies
        firsts = [each for each in (self.first_at, other.first_at) if each is not None]
        self.first_at = min(firsts, default=None)
        self.last_at = max(self.last_at, other.last_at)

    def sort(self) -> None:
        """The same order, however the accounts were shared out."""
        for leads in self.leads:
            leads.sort(key=lambda lead: (lead.qualified_at, lead.account, lead.id))
        self.wins.sort(key=lambda win: (win.at, win.account, win.reported))


class Collected:
    """Lead events in, in order; leads as they stand, out."""

    def __init__(self) -> None:
        self._leads: dict[str, Lead] = {}

    def take(self, event: LeadEvent) -> None:
        data = event.data
        signals = data["signals"]
        known = self._leads.get(data["lead_id"])
        if known is None:
            opener: Mapping[str, Any] = signals[0]
            known = self._leads[data["lead_id"]] = Lead(
                id=data["lead_id"],
                account=event.account,
                lead_type=data["lead_type"],
                qualified_at=0,
                rule=opener["rule"],
                step=None,
                text="",
                rules=(),
                status="",
            )
        known.qualified_at = of_iso(data["qualified_at"])
        known.text = data["summary"]
        known.rules = tuple(dict.fromkeys(signal["rule"] for signal in signals)) or known.rules
        known.status = data["status"]
        if signals:
            known.rule, known.step = signals[0]["rule"], signals[0]["step"]

    def leads(self) -> list[Lead]:
        """Without those that late data took back."""
        return [lead for lead in self._leads.values() if lead.status != RETRACTED]
