"""What an event does to an account, looked up once: where it is folded, and what it can change."""

from collections.abc import Iterable
from typing import NamedTuple

from contracts.messages import UsageEvent
from detector.core.rulebook.depends import TYPES, Dependencies, Touch
from detector.core.rulebook.folds import Fold, Folds
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Rulebook


class Reaction(NamedTuple):
    fold: Fold
    touches: tuple[Touch, ...]
    """In the rulebook's order."""


class Reactions:
    """By the wire name of a track event, else by its type."""

    def __init__(self, rulebook: Rulebook, judged: Iterable[Judged], folds: Folds) -> None:
        depends = Dependencies(rulebook, judged)
        names = folds.named.keys() | depends.names
        self._tracks = {name: Reaction(folds.named.get(name, folds.other), depends.of(name)) for name in names}
        self._other = Reaction(folds.other, depends.of_type("track"))
        untracked = {type_: folds.page if type_ == "page" else folds.untracked for type_ in TYPES}
        self._untracked = {type_: Reaction(fold, depends.of_type(type_)) for type_, fold in untracked.items()}

    def of(self, event: UsageEvent) -> Reaction:
        if event.type == "track":
            return self._tracks.get(event.name or "", self._other)
        return self._untracked[event.type]
