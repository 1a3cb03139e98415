"""Different values at a moment, and what kinds of people there are among different persons."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

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


class _OfPeople(Reader):
    """Of people who are told apart, by a trait as it stands at the moment."""

    rises_by_one = True

    def __init__(self, people: Reader, trait: str) -> None:
        self._people, self._trait = people, trait
        self.sinks, self.window, self.course = people.sinks, people.window, people.course

    def _said(self, moment: Moment, people: Collection[str]) -> list[Any]:
        """The trait of each of them who has one."""
        traits = moment.facts.people
        found = (countable(traits.value(person, self._trait, moment.t)) for person in people)
        return [value for value in found if value is not None]

    def next(self, moment: Moment) -> int:
        traits = moment.facts.people
        said = (traits.next(person, self._trait, moment.t) for person in self._people.values(moment) or ())
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
    """How many of them have the value that most of them have."""

    def value(self, moment: Moment) -> int | None:
        people = self._people.values(moment)
        return None if people is None else max(Counter(self._said(moment, people)).values(), default=0)
