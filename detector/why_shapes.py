"""The shapes of "why?" and of near misses in the JSON API. Times are ISO 8601, UTC, with milliseconds."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Stand = Literal["holds", "misses", "waits", "uncapped", "asleep"]


class Warming(BaseModel):
    """It is counted only since a rulebook was applied, and what came before may matter: it is known in part."""

    since: str
    until: str | None = Field(description="When what came before does not matter any more; null: nobody can say.")


class WhyPart(BaseModel):
    """Something that a rule needs: a line of `when`, a step of its limit, its request; or one side of a line with and, or."""

    text: str
    holds: bool | None = Field(description="null: something that it looks at is unknown.")
    missing: bool = Field(description="Whether it keeps the rule from holding.")
    value: Any = Field(description="As in a lead's evidence.")
    threshold: Any
    window: str | None
    distance: Any = Field(description="How much further the value must go, in its own unit; null: there is no measure for that.")
    expected_at: str | None = Field(description="When it will hold; null: nobody can say.")
    by: Literal["time", "pace"] | None = Field(
        description="`time`: if nothing happens. `pace`: if it goes on as in the last week."
    )
    warming: Warming | None = Field(description="null: all is known that matters.")
    needs: str = Field(description="What would have to happen; empty unless it is missing.")
    message_ids: list[str] = Field(description="The newest messages that the value rests on.")
    how: Literal["all", "any"] | None = Field(description="How many of `parts` must hold.")
    parts: list["WhyPart"]


class WhyNextStep(BaseModel):
    step: str
    at: int | float = Field(description="The use at which it is reached.")
    more: int | float = Field(description="What is left until then.")
    expected_at: str | None


class WhyLimit(BaseModel):
    """How the account stands to the limit that the rule is judged for."""

    limit: str
    label: str
    unit: str | None
    used: int | float | None
    allowed: int | float | None
    left: int | float | None
    percent: int | float | None
    at_least: bool = Field(description="Whether it may be more: not all of it is known.")
    step: str | None = Field(description="The highest step that is reached.")
    next_step: WhyNextStep | None


class WhyRequest(BaseModel):
    events: list[str] = Field(description="One of these is waited for, by your own names.")
    last_at: str | None


class WhySilence(BaseModel):
    """Why sales is not, or would not be, told."""

    because: Literal["shadow", "opted_out", "suppressed", "quiet", "cooldown", "snoozed", "importing", "backfill"]
    text: str
    until: str | None


class WhySignal(BaseModel):
    """The newest signal of a rule."""

    at: str
    step: str | None
    lead_id: str | None = Field(description="The lead that carries it; null: none does.")
    silent: str | None = Field(description="Why none carries it, where that may still change: `suppressed`, `quiet`.")
    number: int = Field(description="How many signals there were.")


class WhyRule(BaseModel):
    rule: str
    lead_type: str = Field(description="Of the lead that a signal of now would make.")
    stand: Stand = Field(
        description="`misses`: something is not so, or unknown. `waits`: for a request. `uncapped`: the plan caps nothing there. "
        "`asleep`: an event that it needs never arrived, or is not mapped."
    )
    holds: bool | None
    needs: str = Field(description="What would have to happen, in words.")
    lacking: int = Field(description="How many things are missing.")
    share: float = Field(description="Of the way to what is missing, on average: 0 to 1.")
    parts: list[WhyPart]
    limit: WhyLimit | None
    request: WhyRequest | None
    asleep: list[str]
    signalled: WhySignal | None
    silences: list[WhySilence]


class WhyAccount(BaseModel):
    external_id: str
    name: str | None
    domain: str | None
    plan: str | None
    stage: str
    customer_since: str | None
    trial_ends_at: str | None


class WhyView(BaseModel):
    """Why an account is, or is not, a lead, now and by the rulebook in force."""

    project: str
    account: WhyAccount
    at: str
    rulebook_version: int
    rules: list[WhyRule] = Field(description="The nearest to qualifying first, those that are asleep last.")
    silences: list[WhySilence] = Field(description="Those that keep sales from being told whatever the rule.")
    score: dict[str, Any] | None = Field(description="As a webhook says it; null: the rulebook has none.")
    temperature: str | None = Field(description="Of its strongest open lead, else what the score would make of one.")
    scored_person: str | None = Field(description="Whom the score's lines about a person look at.")
    segments: list[str]
    leads: list["WhyLead"] = Field(description="The open ones.")


class WhyHeldBack(BaseModel):
    """A receiver that does not know of a lead yet. `endpoint`: its name."""

    endpoint_id: str
    endpoint: str
    cap: Literal["account", "person", "endpoint", "brake"] = Field(description="Of the rulebook's `noise`.")
    since: str
    until: str = Field(description="There is no room before.")


class WhyLead(BaseModel):
    lead_id: str
    lead_type: str
    status: str
    temperature: str | None
    held_back: list[WhyHeldBack] = Field(description="Where it waits under the caps on noise; sales may know it from elsewhere.")


class NearMiss(BaseModel):
    external_id: str
    name: str | None
    plan: str | None
    needs: str
    lacking: int
    share: float
    expected_at: str | None = Field(description="When it would hold, if all that is missing has a time; null: nobody can say.")
    silences: list[WhySilence]


class NearMissesOfRule(BaseModel):
    rule: str
    accounts: list[NearMiss] = Field(description="The nearest first: by what is missing, then by how much of the way is left.")


class NearMissList(BaseModel):
    project: str
    data: list[NearMissesOfRule]
    accounts_read: int = Field(description="Those with the newest events.")
    accounts: int = Field(description="How many there are; beyond a million they are not counted.")
    cut: bool = Field(description="Whether there are accounts that were not looked at.")


class AccountLine(BaseModel):
    external_id: str


class AccountList(BaseModel):
    data: list[AccountLine]
    next: str | None = Field(description="Give it as `cursor` to read on; null: this was the last page.")
