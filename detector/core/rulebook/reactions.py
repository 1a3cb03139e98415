"""What an event does to an account, looked up once: where it is folded, and what it can change."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from contracts.messages import EventType, UsageEvent
from detector.core.resting import ALWAYS, EVERYTHING
from detector.core.rulebook.depends import TYPES, Dependencies, Touch
from detector.core.rulebook.folds import Fold, Folds
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Rulebook


@dataclass(frozen=True, slots=True)
class Reaction:
    fold: Fold
    touches: tuple[Touch, ...]
    """In the rulebook's order; what looks at the signals of others comes last."""
    scores: bool
    """Whether it can change the score of a lead, without any signal."""
    says_plan: bool
    """Whether it may move the plan, at any time: it is never too late."""
    watched: int
    """The bits of what it touches, of all that is judged."""
    is_steady: bool
    """Whether it is folded into nothing but what lies at hand of a person's day (facts.py)."""


class Reactions:
    """`other`: of every track event that has none of its own under its key."""

    def __init__(self, rulebook: Rulebook, judged: Iterable[Judged], folds: Folds) -> None:
        depends = Dependencies(rulebook, judged)
        plans = {term.name for term in rulebook.plan_source.of.terms} if rulebook.plan_source else set()
        names = folds.named.keys() | depends.names
        self.by_key: dict[str | None, Reaction] = {
            name: _reaction(folds, folds.named.get(name, folds.other), depends.of(name), depends.scores(name), name in plans)
            for name in names
        }
        self.other = _reaction(folds, folds.other, depends.of_type("track"), depends.type_scores("track"))
        for type_ in set(TYPES) - {"track"}:
            fold = folds.page if type_ == "page" else folds.untracked
            scores = depends.type_scores(type_)
            self.by_key[key_of(type_, None)] = _reaction(folds, fold, depends.of_type(type_), scores, type_ == "group")

        self.whole = frozenset(key for key, each in self.by_key.items() if each.says_plan or each.fold in folds.whole)
        """The keys of those that may move the plan, or could by a rulebook from before, whose facts are kept still."""

    def to(self, event: UsageEvent) -> Reaction:
        return self.by_key.get(key_of(event.type, event.name), self.other)


def key_of(type_: EventType, name: str | None) -> str | None:
    """Of a track event its wire name, of any other its type, which no track event has for a name."""
    return name if type_ == "track" else f"\0{type_}"


def _reaction(folds: Folds, fold: Fold, touches: tuple[Touch, ...], scores: bool, says_plan: bool = False) -> Reaction:
    bits = (ALWAYS if touch.parts == EVERYTHING else touch.parts << touch.judged.place for touch in touches)
    return Reaction(fold, touches, scores, says_plan, reduce(or_, bits, 0), fold in folds.steady)
