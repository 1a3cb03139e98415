"""An account and a person at a moment in; whether sales is to be told nothing of them, and why, out."""

from collections.abc import Callable
from dataclasses import dataclass

from detector.core.measures.moment import Moment


@dataclass(frozen=True, slots=True)
class Ground:
    """One condition of `suppress`, as it was written. `of_person`: it looks at the person at hand."""

    text: str
    holds: Callable[[Moment], bool | None]
    of_person: bool


@dataclass(frozen=True, slots=True)
class Suppression:
    """The section `suppress` of a rulebook. What is unknown suppresses nothing."""

    grounds: tuple[Ground, ...] = ()

    def why(self, moment: Moment, person: str | None) -> str | None:
        """The first ground that holds of the account as of the moment, or of this person of it; None: sales may be told."""
        return _first(self.grounds, moment, person) if self.grounds else None

    def of_person(self, moment: Moment, person: str) -> bool:
        """Whether it is this person who must be left alone, whatever is known of the account."""
        about_people = tuple(ground for ground in self.grounds if ground.of_person)
        return _first(about_people, moment, person) is not None


def _first(grounds: tuple[Ground, ...], moment: Moment, person: str | None) -> str | None:
    at_hand, moment.person = moment.person, person
    found = next((ground.text for ground in grounds if ground.holds(moment) is True), None)
    moment.person = at_hand
    return found
