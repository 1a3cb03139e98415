"""What we told sales about one account: per rule its last signal, per lead type the open lead, in log order."""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.overrides import Override

SIGNALS_MAX = 20
SIGNALS_BYTES_MAX = 10 * 1024
EVIDENCE_MAX = 40
EVIDENCE_BYTES_MAX = 20 * 1024
"""Kept with a lead: the oldest one, which opened it, and the newest, as far as they fit. A whole webhook has 64 KB."""


class RuleState(msgspec.Struct, array_like=True):
    """`held`: how high it stood at the last judgement, as far as it was told. The rest is the last signal; n = 0: none yet."""

    held: float = 0.0
    n: int = 0
    qualified_at: int = 0
    rank: float = 0.0
    lead_id: str = ""
    allowed: float | None = None
    """What the limit allowed when the signal began or was last raised."""


class OpenLead(msgspec.Struct, array_like=True, kw_only=True):
    """An unfinished lead. Times are epoch ms; signals and evidence are as receivers get them."""

    lead_id: str
    lead_type: str
    qualified_at: int
    answer_by: int
    summary: str
    status: str = "open"
    revision: int = 0
    temperature: str | None = None
    takes_over: str | None = None
    asker: str | None = None
    trigger: str | None = None
    leads_before: int = 0
    signals: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    owner: str | None = None
    """The e-mail address of who works on it."""
    snoozed_until: int | None = None

    def is_snoozed(self, time: int) -> bool:
        """Whether its owner wants to hear nothing of it at partition time `time`."""
        return self.snoozed_until is not None and time < self.snoozed_until


class Ledger(msgspec.Struct, array_like=True):
    """`plan` and `stage`: the last that had a place on the ladder (`stage` empty: none yet), for the next change of plan."""

    rules: dict[str, RuleState] = {}
    open_leads: dict[str, OpenLead] = {}
    leads_opened: dict[str, int] = {}
    last_outcome: str | None = None
    plan: str | None = None
    stage: str = ""
    overrides: dict[str, list[Override]] = {}
    """limit -> what sales said of its allowance, oldest first."""
    opted_out: bool = False
    """Nobody of this account is to be bothered."""
    opted_out_people: list[str] = []
    """Sorted."""

    def is_opted_out(self, person: str | None) -> bool:
        """Whether the whole account, or this person of it, wants to be left alone."""
        return self.opted_out or person in self.opted_out_people


class LedgerStore:
    """A ledger, and whether it changed since it was stored."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.dirty = False

    def load(self, chunks: Mapping[int, Any]) -> None:
        self.ledger = msgspec.convert(chunks[0], Ledger)

    def chunks(self, *, everything: bool) -> dict[int, Any]:  # noqa: ARG002  there is one chunk
        self.dirty = False
        return {0: self.ledger}

    @property
    def size(self) -> int:
        leads = self.ledger.open_leads.values()
        told = 100 * sum(map(len, self.ledger.overrides.values())) + 100 * len(self.ledger.opted_out_people)
        return 500 + told + 300 * len(self.ledger.rules) + sum(3_000 + 1_000 * len(lead.evidence) for lead in leads)


def kept(items: list[dict[str, Any]], most: int, most_bytes: int) -> list[dict[str, Any]]:
    """The first, the last, and before the last as many as fit; as JSON they have at most `most_bytes`."""
    if len(items) <= 2:
        return items
    newest: list[dict[str, Any]] = []
    left = most_bytes - len(msgspec.json.encode(items[0]))
    for item in reversed(items[1:]):
        left -= len(msgspec.json.encode(item))
        if newest and (left < 0 or len(newest) == most - 1):
            break
        newest.append(item)
    return [items[0], *reversed(newest)]
