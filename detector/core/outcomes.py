"""What became of leads: their lives in, figures by rule, type, owner, source or week out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

By: TypeAlias = Literal["type", "rule", "owner", "source", "week"]
BY: Final[tuple[By, ...]] = get_args(By)
NOBODY: Final = "nobody"
UNKNOWN: Final = "unknown"
_ANSWERS: Final = frozenset({"lead.accepted", "lead.opportunity", "lead.rejected", "lead.recycled"})
"""What only somebody can say. A lead can be won, lost, superseded or retracted without anybody's doing."""


class _Signal(msgspec.Struct, frozen=True):
    rule: str


class _Owner(msgspec.Struct, frozen=True):
    email: str | None = None


class _Change(msgspec.Struct, frozen=True):
    field: str
    new: Any = None


class _Data(msgspec.Struct, frozen=True):
    lead_id: str
    lead_type: str
    status: str
    signals: list[_Signal] = []
    owner: _Owner = _Owner()
    source: dict[str, Any] = {}
    changes: list[_Change] = []


class Step(msgspec.Struct, frozen=True):
    """Of a stored lead event, as much as the figures need."""

    type: str
    timestamp: int
    data: _Data
    notify: bool = True


@dataclass(slots=True)
class Figures:
    """Of the leads of one group. Times in ms, the median ones; None: there was none.

    `accepted` and `opportunity`: those that ever came so far by somebody's word. `precision`: of won, lost, rejected and expired
    ones, the share that was won; None: nothing is decided.
    """

    name: str
    leads: int = 0
    accepted: int = 0
    opportunity: int = 0
    won: int = 0
    lost: int = 0
    rejected: int = 0
    expired: int = 0
    unfinished: int = 0
    revenue: float = 0.0
    answers: list[int] = field(default_factory=list)
    closings: list[int] = field(default_factory=list)

    @property
    def answered_ms(self) -> int | None:
        return round(median(self.answers)) if self.answers else None

    @property
    def won_ms(self) -> int | None:
        return round(median(self.closings)) if self.closings else None

    @property
    def precision(self) -> float | None:
        decided = self.won + self.lost + self.rejected + self.expired
        return round(self.won / decided, 4) if decided else None

    def add(self, life: Sequence[Step]) -> None:
        opened, now = life[0].timestamp, life[-1].data.status
        types = {step.type for step in life}
        self.leads += 1
        self.accepted += bool(types & {"lead.accepted", "lead.opportunity"})
        self.opportunity += "lead.opportunity" in types
        self.unfinished += now in ("open", "accepted", "opportunity")
        self.lost += now == "lost"
        self.rejected += now == "rejected"
        self.expired += now == "expired"
        if now == "won":
            self.won += 1
            self.closings.append(life[-1].timestamp - opened)
            self.revenue += _amount(life[-1])
        answered = next((step.timestamp for step in life if step.type in _ANSWERS), None)
        if answered is not None:
            self.answers.append(answered - opened)


def figures(lives: Iterable[Sequence[Step]], by: By) -> tuple[list[Figures], Figures]:
    """By group, the largest first (weeks in order), and of all together. What nobody was ever told of counts for nothing."""
    groups: dict[str, Figures] = {}
    everything = Figures("all")
    for life in lives:
        if not any(step.notify for step in life):
            continue
        name = _group(life, by)
        groups.setdefault(name, Figures(name)).add(life)
        everything.add(life)
    if by == "week":
        return [groups[name] for name in sorted(groups)], everything
    return sorted(groups.values(), key=lambda group: (-group.leads, group.name)), everything


def lives_of(steps: Iterable[Step]) -> Iterable[list[Step]]:
    """Steps in order of lead and revision; each lead's together."""
    lives: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if lives and step.data.lead_id not in lives:
            yield from lives.values()
            lives.clear()
        lives[step.data.lead_id].append(step)
    yield from lives.values()


def _group(life: Sequence[Step], by: By) -> str:
    first, last = life[0], life[-1]
    match by:
        case "type":
            return first.data.lead_type
        case "rule":
            return next((signal.rule.partition("/")[0] for signal in first.data.signals), NOBODY)
        case "owner":
            return last.data.owner.email or NOBODY
        case "source":
            return _source(life)
        case "week":
            day = datetime.fromtimestamp(first.timestamp / 1000, UTC).date()
            return (day - timedelta(days=day.weekday())).isoformat()


def _source(life: Sequence[Step]) -> str:
    """The first value that the rulebook's `payload` has there, as the lead knew it when it last knew any."""
    said = (value for step in reversed(life) for value in step.data.source.values())
    return next((str(value).strip().lower() for value in said), UNKNOWN)


def _amount(step: Step) -> float:
    said = next((change.new for change in step.data.changes if change.field == "amount"), None)
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else 0.0
