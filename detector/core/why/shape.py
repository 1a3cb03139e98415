"""What is said of one account's rules: plain data, ready to be told. Times are epoch milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from detector.core.measures.warming import Warm

Stand: TypeAlias = Literal["holds", "misses", "waits", "uncapped", "asleep"]
"""Of a rule. misses: something that it needs is not so, or not known. waits: for a request, which is nothing that is neared.
uncapped: the account's plan caps nothing there. asleep: an event that it needs never arrived, or is not mapped.
"""
Because: TypeAlias = Literal["shadow", "opted_out", "suppressed", "quiet", "cooldown", "snoozed", "importing"]


By: TypeAlias = Literal["time", "pace"]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a rule needs: a line of `when`, a step of its limit, its request; or one side of a line with and, or.

    `holds` None: unknown. `missing`: whether it keeps the rule from holding; of the sides of an `or` none of which holds, each
    does. `distance`: how much further the value must go, in the value's own unit; None where there is no measure for that.
    `expected_at`, `by`: when it will hold, by time alone, or at the pace of the last week; None: nobody can say.
    `needs`: in words what would have to happen; empty unless it is missing. `share`: the distance as a share of the whole way.
    `warms`: since when what it looks at is kept, while what came before may matter.
    `way` False: it is missing, and there is nothing by which it could be near: no distance, and no day that brings it by itself.
    """

    text: str
    holds: bool | None
    missing: bool
    value: object = None
    threshold: object = None
    window: str | None = None
    distance: object = None
    expected_at: int | None = None
    by: By | None = None
    needs: str = ""
    message_ids: Sequence[str] = ()
    how: Literal["all", "any"] | None = None
    parts: Sequence["Part"] = ()
    share: float = 1.0
    way: bool = True
    warms: Warm | None = None

    @property
    def lacking(self) -> int:
        """How many things it takes, at least, until it holds."""
        if not self.missing:
            return 0
        if self.how is None:
            return 1
        counts = [part.lacking for part in self.parts if part.missing]
        return max(1, sum(counts) if self.how == "all" else min(counts, default=1))


@dataclass(frozen=True, slots=True)
class NextStep:
    """`at`: the use at which it is reached; `more`: what is left until then. Both in the limit's unit."""

    step: str
    at: float
    more: float
    expected_at: int | None


@dataclass(frozen=True, slots=True)
class LimitStand:
    """`allowed` None: no cap, or the plan is unknown. `next_step` None: there is none above, or nobody knows."""

    limit: str
    label: str
    unit: str | None
    used: float | None
    allowed: float | None
    percent: float | None
    at_least: bool
    step: str | None
    next_step: NextStep | None


@dataclass(frozen=True, slots=True)
class Request:
    """What a rule for requests waits for, by the product's own names; `last_at`: when one came last."""

    events: Sequence[str]
    last_at: int | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why sales is not told, or would not be; `until` None: until something else changes."""

    because: Because
    text: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Signalled:
    """The newest signal. `lead_id` empty: no lead carries it; `silent`: why, if that may still change."""

    at: int
    step: str | None
    lead_id: str
    silent: str
    number: int


@dataclass(frozen=True, slots=True)
class RuleWhy:
    """One rule, or a rule for one limit. `lead_type`: what a signal of now would be. `lacking`, `share`: how far it is from
    holding: so many things are missing, and on average this share of the way to each of them.
    """

    rule: str
    lead_type: str
    stand: Stand
    holds: bool | None
    needs: str
    lacking: int
    share: float
    parts: Sequence[Part]
    limit: LimitStand | None = None
    request: Request | None = None
    asleep: Sequence[str] = ()
    signalled: Signalled | None = None
    silences: Sequence[Silence] = ()

    @property
    def expected_at(self) -> int | None:
        """When it will hold; None: nobody can say of all that is missing."""
        times = [part.expected_at for part in self.parts if part.missing]
        return None if not times or None in times else max(at for at in times if at is not None)

    @property
    def nearness(self) -> tuple[int, int, float]:
        """Smaller is nearer, and with something missing to which there is no way nothing is near. For one rule comparable between
        accounts.
        """
        return sum(not part.way for part in self.parts), self.lacking, self.share


@dataclass(frozen=True, slots=True)
class AccountWhy:
    """`rules`: the nearest to qualifying first, those asleep last. `score`: as a webhook says it; None: there is none."""

    account: dict[str, Any]
    at: int
    rulebook_version: int
    rules: Sequence[RuleWhy]
    silences: Sequence[Silence]
    score: dict[str, Any] | None
    temperature: str | None
    scored_person: str | None
    segments: Sequence[str]
