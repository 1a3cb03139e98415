"""What an event does to an account, looked up once: where it is folded, and what it can change."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import NamedTuple

from contracts.messages import UsageEvent
from detector.core.resting import ALWAYS, EVERYTHING
from detector.core.rulebook.depends import TYPES, Dependencies, Touch
from detector.core.rulebook.folds import Fold, Folds
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Rulebook


class Reaction(NamedTuple):
    fold: Fold
    touches: tuple[Touch, ...]
    """In the rulebook's order; what looks at the signals of others comes last."""
    scores: bool
    """Whether it can change the score of a lead, without any signal."""
    says_plan: bool
    """Whether it may move the plan, at any time: it is never too late."""
    watched: int
    """The bits of what it touches, of all that is judged."""


class Reactions:
    """By the wire name of a track event, else by its type."""

    def __init__(self, rulebook: Rulebook, judged: Iterable[Judged], folds: Folds) -> None:
        depends = Dependencies(rulebook, judged)
        plans = {term.name for term in rulebook.plan_source.of.terms} if rulebook.plan_source else set()
        names = folds.named.keys() | depends.names
        self.tracks: dict[str | None, Reaction] = {
            name: _reaction(folds.named.get(name, folds.other), depends.of(name), depends.scores(name), name in plans)
            for name in names
        }
        self.other = _reaction(folds.other, depends.of_type("track"), depends.type_scores("track"))
        untracked = {type_: folds.page if type_ == "page" else folds.untracked for type_ in TYPES}
        self.untracked = {
            type_: _reaction(fold, depends.of_type(type_), depends.type_scores(type_), type_ == "group")
            for type_, fold in untracked.items()
        }

    def of(self, event: UsageEvent) -> Reaction:
        if event.type == "track":
            return self.tracks.get(event.name, self.other)
        return self.untracked[event.type]


def _reaction(fold: Fold, touches: tuple[Touch, ...], scores: bool, says_plan: bool = False) -> Reaction:
    bits = (ALWAYS if touch.parts == EVERYTHING else touch.parts << touch.judged.place for touch in touches)
    return Reaction(fold, touches, scores, says_plan, reduce(or_, bits, 0))
