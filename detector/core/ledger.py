"""What we told sales about one account: per rule its newest signals, per lead type the open lead, in log order."""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.instants import NEVER
from detector.core.overrides import Override
from detector.core.rulebook.model import Temperature

SIGNALS_KEPT = 8
"""Of each rule: late events can change the newest, and what is older is settled."""
SIGNALS_MAX = 20
SIGNALS_BYTES_MAX = 10 * 1024
SUPPRESSED = "suppressed"
QUIET = "quiet"
EVIDENCE_MAX = 40
EVIDENCE_BYTES_MAX = 20 * 1024
"""Kept with a lead: the oldest one, which opened it, and the newest, as far as they fit. A whole webhook has 64 KB."""


class Signal(msgspec.Struct, array_like=True):
    """One transition of one rule that sales was told of.

    `rank`: how high it stood at most within its cooldown; `changed_at`: when it came to stand so; `allowed`: what the limit
    allowed then. `version`: of the rulebook that found it, 0 where no instant of its own did (it was too late): what another
    version found, or no instant, is never judged again. `lead_id` empty: no lead carries it.
    """

    n: int
    qualified_at: int
    rank: float
    changed_at: int
    lead_type: str
    step: str | None = None
    allowed: float | None = None
    version: int = 0
    lead_id: str = ""
    silent: str = ""
    """Why no lead carries it, if that may change: `suppressed`, until late data say otherwise, or `quiet`, for a while."""
    told_at: int = -1
    """The instant of what made a lead carry it; -1: none did."""

    @property
    def latest(self) -> int:
        """The last instant of anything that was told of it."""
        return max(self.qualified_at, self.changed_at, self.told_at)


class RuleState(msgspec.Struct, array_like=True):
    """`told`: how high the rule stands, as far as sales was told. `due`: when it must be judged again without any event.

    `n`: how many signals it had; `signals`: the newest of them, oldest first.
    """

    told: float = 0.0
    n: int = 0
    due: int = NEVER
    signals: list[Signal] = []

    @property
    def last(self) -> Signal | None:
        return self.signals[-1] if self.signals else None


class OpenLead(msgspec.Struct, array_like=True, kw_only=True):
    """An unfinished lead. Times are epoch ms; signals and evidence are as receivers get them."""

    lead_id: str
    lead_type: str
    qualified_at: int
    answer_by: int
    summary: str
    status: str = "open"
    revision: int = 0
    temperature: Temperature | None = None
    takes_over: str | None = None
    asker: str | None = None
    trigger: str | None = None
    leads_before: int = 0
    signals: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    disputed: bool = False
    """Late events took its last signal away while somebody worked on it."""
    notified: bool = False
    """Whether receivers were told of it: what qualified long ago is recorded, and told to nobody."""
    superseded: list[str] = []
    """The leads that it took over: their signals are told anew, should this one be retracted."""
    owner: str | None = None
    """The e-mail address of who works on it."""
    snoozed_until: int | None = None
    expires_at: int = NEVER
    """When it is given up, unless there is progress before."""
    band: Temperature | None = None
    """How hot the score alone made it when it was last told."""
    floor: Temperature | None = None
    """How hot its signals make it at least."""
    overdue: bool = False
    """Nobody has answered it in time, and that was told."""
    overdue_at: int = NEVER
    """When that is to be told, if nobody answers before."""
    owner_follows: bool = False
    """The rulebook found its owner, so another that its trait names takes over; whom sales named stays."""

    def is_snoozed(self, time: int) -> bool:
        """Whether its owner wants to hear nothing of it at partition time `time`."""
        return self.snoozed_until is not None and time < self.snoozed_until


class Ledger(msgspec.Struct, array_like=True):
    """`first_at`: the earliest timestamp of the account's events, -1 before any. `judged_until`: the latest instant that was
    judged without an event of that time. `due`: when time alone may change something next. `importing`: history came in that
    is not judged yet.
    """

    rules: dict[str, RuleState] = {}
    open_leads: dict[str, OpenLead] = {}
    leads_opened: dict[str, int] = {}
    last_outcome: str | None = None
    first_at: int = -1
    judged_until: int = -1
    due: int = NEVER
    importing: bool = False
    overrides: dict[str, list[Override]] = {}
    """limit -> what sales said of its allowance, oldest first."""
    opted_out: bool = False
    """Nobody of this account is to be bothered."""
    opted_out_people: list[str] = []
    """Sorted."""
    quiet: dict[str, int] = {}
    """lead type -> until when no lead of it is opened, after what became of the last one."""
    hotter_at: int = NEVER
    """When time alone may make an open lead hotter, at the earliest."""
    came: int = -1
    """The version of the rulebook by which its first event was folded; 0: before there was any, -1: that is not known."""
    version: int = 0
    """The version that it was judged by last: what another one began has been seen to."""
    filled: int = 0
    """The newest version for which the log was read again whose facts it has."""

    def lead(self, lead_id: str) -> OpenLead | None:
        return next((lead for lead in self.open_leads.values() if lead.lead_id == lead_id), None)

    def signalled_before(self, t: int) -> bool:
        """Whether nothing that was ever told of a rule happened at t or later."""
        return all(state.last is None or state.last.latest < t for state in self.rules.values())

    def is_opted_out(self, person: str | None) -> bool:
        """Whether the whole account, or this person of it, wants to be left alone."""
        return self.opted_out or person in self.opted_out_people

    def schedule(self) -> None:
        """Sets `due`, after anything that it follows from has changed. During an import it says when that is over."""
        if self.importing:
            return
        self.due = min((state.due for state in self.rules.values()), default=NEVER)
        self.due = min(self.due, self.hotter_at)
        for lead in self.open_leads.values():
            self.due = min(self.due, lead.expires_at, lead.overdue_at)
        if self.quiet and any(state.last is not None and state.last.silent == QUIET for state in self.rules.values()):
            self.due = min(self.due, *self.quiet.values())


class LedgerStore:
    """A ledger, and whether it changed since it was stored."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.dirty = False

    def load(self, chunks: Mapping[int, Any]) -> None:
        self.ledger = msgspec.convert(_upgraded(chunks[0]), Ledger)
        for lead in self.ledger.open_leads.values():
            if lead.band is None and lead.floor is None:
                lead.floor = lead.temperature  # of the schema before: only its signals said how hot

    def chunks(self, *, everything: bool) -> dict[int, Any]:  # noqa: ARG002  there is one chunk
        self.dirty = False
        return {0: self.ledger}


_FIELDS_BEFORE = 6


def _upgraded(stored: list[Any]) -> list[Any]:
    """A ledger of the schema before: one signal a rule, and the plan at the end. Its signals are settled."""
    if len(stored) != _FIELDS_BEFORE:
        return stored
    rules, *rest = stored[:4]
    return [{name: _upgraded_rule(state) for name, state in rules.items()}, *rest]


def _upgraded_rule(state: list[Any]) -> list[Any]:
    held, n, qualified_at, rank, lead_id, allowed = state
    signal = [n, qualified_at, rank, qualified_at, "", None, allowed, 0, lead_id]
    return [held, n, NEVER, [signal] if n else []]


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
