"""The shapes of the detector's JSON API. Times are ISO 8601, UTC, with milliseconds."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from runtime.web import ErrorBody


def iso(ms: int) -> str:
    """Epoch milliseconds as `2026-05-01T12:00:00.000Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LeadAccount(BaseModel):
    external_id: str
    name: str | None = None
    domain: str | None = None
    plan: str | None = None
    stage: str | None = None


class Lead(BaseModel):
    """A lead as it is now."""

    lead_id: str
    project: str
    account: LeadAccount
    lead_type: str
    status: str
    temperature: str | None = Field(
        description="`cold`, `warm` or `hot`, as its newest lead event said; null where neither a score nor a rule says it."
    )
    revision: int
    rulebook_version: int
    summary: str
    recommended_action: str | None = Field(description="Null once the lead is finished.")
    qualified_at: str
    opened_at: str
    updated_at: str = Field(description="Partition time of its newest lead event.")
    stored_at: str = Field(description="When that was stored, a little later: what `updated_since` asks for.")


class LeadList(BaseModel):
    data: list[Lead]
    next: str | None = Field(description="Give it as `cursor` to read on; null: this was the last page.")


class LeadEventLine(BaseModel):
    """One step of a lead's life."""

    id: str
    type: str
    revision: int
    status: str
    timestamp: str
    changes: list[Any]


class LeadDetail(Lead):
    """With the evidence, everybody to talk to, and its whole life; as the newest webhook said it."""

    answer_by: str | None = None
    snoozed_until: str | None = Field(default=None, description="Until then it is to be left alone; null: it is not snoozed.")
    takes_over: str | None = Field(default=None, description="The lead whose place it took.")
    disputed: bool = Field(default=False, description="Late events took back what it stood on, and somebody works on it.")
    score: dict[str, Any] | None = Field(default=None, description="As its newest lead event said: docs/webhooks.md.")
    segments: list[str] = Field(default=[], description="The segments that its account is in.")
    signals: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    people: list[dict[str, Any]]
    usage: list[dict[str, Any]]
    onboarding: dict[str, Any]
    features: list[dict[str, Any]]
    offer: dict[str, Any]
    owner: dict[str, Any]
    told_us: dict[str, Any] = Field(default={}, description="What its person said of themselves: docs/rulebook.md, payload.")
    source: dict[str, Any] = Field(default={}, description="Where they came from.")
    history: dict[str, Any] = Field(default={}, description="Of its account: `leads_before`, and the `last_outcome`.")
    crm: dict[str, Any] = Field(default={}, description="The CRM's own ids.")
    events: list[LeadEventLine]


class AccountView(BaseModel):
    """What is known of an account now, by the rulebook in force."""

    project: str
    external_id: str
    name: str | None
    domain: str | None
    plan: str | None
    stage: str
    customer_since: str | None
    usage: list[dict[str, Any]]
    onboarding: dict[str, Any]
    features: list[dict[str, Any]]
    people: list[dict[str, Any]]
    leads: list[Lead]
    warming: list["AccountWarming"] = Field(description="What began with a rulebook and is known of this account only in part.")


class AccountWarming(BaseModel):
    """A measure, a limit, a trait, `plan` or `onboarding`: what it is after `since` is known, what it was before is not."""

    name: str
    since: str
    until: str | None = Field(description="When what came before does not matter any more; null: nobody can say.")


class RulebookLine(BaseModel):
    project: str
    version: int
    sha256: str = Field(description="Of the resolved text.")
    created_at: str


class RulebookStanding(RulebookLine):
    adopted_by: list[int] = Field(description="The partitions of `events` that judge by this version.")
    partitions: int = Field(description="How many there are.")


class RulebookText(RulebookLine):
    body: str = Field(description="As it was applied.")
    resolved: str = Field(description="With all that its base said at that time.")


class WarmingLine(BaseModel):
    """A measure, limit or feature that began with a rulebook: of accounts that were there before not all is known of it."""

    project: str
    name: str
    since: str = Field(description="When the last partition switched to the version that began it.")
    until: str | None = Field(
        description="When what came before does not matter any more; null: of accounts that were there it always does."
    )


class BackfillLine(BaseModel):
    """The retained log is read again for what an applied rulebook began to count."""

    project: str
    version: int = Field(description="The newest: it is read by that one once all partitions judge by it.")
    partitions: int
    done: int = Field(description="Of the partitions.")
    percent: int = Field(description="Of the records, of all partitions together.")
    started_at: str | None = Field(description="When the first of those began that are not done; null: none has.")
    left_s: int | None = Field(description="About so many seconds more, at the pace until now; null: not known yet.")
    rules: list[str] = Field(
        description="Those that say nothing of accounts that were there before, until their partition is done."
    )


class RulebookList(BaseModel):
    data: list[RulebookStanding]
    warming: list[WarmingLine] = Field(default=[], description="Of `project`, if one is asked for.")
    backfill: BackfillLine | None = Field(default=None, description="Of `project`, if one is asked for, while it goes on.")
    next: str | None = None


class AppliedRulebook(RulebookLine):
    asleep: list["ProblemLine"] = Field(description="Parts that cannot fire yet, and why.")


class EventNameLine(BaseModel):
    type: str
    name: str | None = Field(description="null: events of this type have none.")
    count: int
    first_seen: str
    last_seen: str
    mapped: bool = Field(description="Whether the rulebook in force knows it.")
    suggestion: str | None = Field(description="What it could be mapped to in `events`, if a name there is near.")


class WaitingRule(BaseModel):
    rule: str
    never_arrived: list[str] = Field(description="One of these events must come, and none ever did.")


class EventNameList(BaseModel):
    data: list[EventNameLine]
    other: int = Field(description="Events of further names, which are counted together.")
    waiting: list[WaitingRule]


class ProblemLine(BaseModel):
    line: int
    column: int
    code: str
    message: str
    do: str = Field(description="The remedy.")


class RulebookProblems(ErrorBody):
    """The rulebook was refused; `problems` has every reason with its place."""

    problems: list[ProblemLine] = Field(default_factory=list)


class DeadLetterLine(BaseModel):
    id: str
    project: str
    code: str
    message: str
    field: str | None
    route: str | None
    key_id: str
    received_at: str
    size: int
    replayed_at: str | None
    """When its event was sent through once more, and has not failed since."""


class DeadLetterList(BaseModel):
    data: list[DeadLetterLine]
    next: str | None


class DeadLetterDetail(DeadLetterLine):
    body: str
    truncated: bool
    sha256: str | None
