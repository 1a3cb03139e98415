"""Different values at a moment, and what kinds of people there are among different persons."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from detector.core.emails import domain_of, kind_of
from detector.core.measures import email
from detector.core.measures.counted import DistinctReader, SightsReader
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Reader
from detector.core.measures.windows import Looks
from detector.core.rulebook.decode import countable
from detector.core.rulebook.measured import Distinct


def distinct_reader(measure: Distinct, looks: Looks, periods: Periods) -> Reader:
    trait = measure.most_by or measure.of_value or ""
    if trait.startswith("person."):
        people = distinct_reader(replace(measure, of_value="person", most_by=None), looks, periods)
        kinds = TraitReader if measure.most_by is None else MostReader
        return kinds(people, trait.removeprefix("person."))
    whole = type(looks) is Looks or looks.back_ms is not None
    return DistinctReader(measure, looks, periods) if whole else SightsReader(measure, looks, periods)


_OF_EMAIL: Mapping[str, Callable[[object], str | None]] = {"email_domain": domain_of, "email_kind": kind_of}
"""What is not said of a person, but follows from their address."""


class _OfPeople(Reader):
    """Of people who are told apart, by a trait as it stands at the moment."""

    rises_by_one = True

    def __init__(self, people: Reader, trait: str) -> None:
        self._people, self._trait = people, trait
        self._said_by = email.EMAIL if trait in _OF_EMAIL else trait
        self.sinks, self.window, self.course, self.adds = people.sinks, people.window, people.course, people.adds

    @property
    def keys(self) -> frozenset[str]:
        return self._people.keys | {f"person.{self._said_by}"}

    def reach(self, moment: Moment) -> int:
        return self._people.reach(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return self._people.reach_turn(moment, since)

    def _said(self, moment: Moment, people: Collection[str]) -> list[Any]:
        """The trait of each of them who has one."""
        found = (countable(self._of(moment, person)) for person in people)
        return [value for value in found if value is not None]

    def _of(self, moment: Moment, person: str) -> Any:
        of_email = _OF_EMAIL.get(self._trait)
        if of_email is not None:
            return of_email(email.address(moment, person))
        return moment.facts.people.value(person, self._trait, moment.t)

    def next(self, moment: Moment) -> int:
        traits = moment.facts.people
        said = (traits.next(person, self._said_by, moment.t) for person in self._people.values(moment) or ())
        return min((self._people.next(moment), *said))

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that brought a person."""
        return self._people.ids(moment, number)

    def at_least(self, moment: Moment) -> bool:
        return self._people.at_least(moment)


class TraitReader(_OfPeople):
    """How many different values it has."""

    def value(self, moment: Moment) -> int | None:
        values = self.values(moment)
        return None if values is None else len(values)

    def values(self, moment: Moment) -> set[Any] | None:
        people = self._people.values(moment)
        return None if people is None else set(self._said(moment, people))


class MostReader(_OfPeople):
    """How many of them have the value that most of them have. A domain at which anybody can have an address is no company."""

    def _of(self, moment: Moment, person: str) -> Any:
        return email.company(moment, person) if self._trait == "email_domain" else super()._of(moment, person)

    def value(self, moment: Moment) -> int | None:
        people = self._people.values(moment)
        return None if people is None else max(Counter(self._said(moment, people)).values(), default=0)
