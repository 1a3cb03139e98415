"""Onboarding at a moment: which steps were seen, and whether all of them soon enough; of the account, or of one person."""

from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, TypeAlias

from detector.core.facts.facts import Facts
from detector.core.instants import NEVER
from detector.core.measures.keys import distinct_key, earliest_key, step_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.sink import Sink
from detector.core.rulebook.measured import Counted
from detector.core.rulebook.model import Onboarding, Reached, Selector

Firsts: TypeAlias = dict[str, tuple[int, str]]
"""Step -> (when it was seen first, the message)."""


class OnboardingReader:
    """Steps in any order; a step counts from its first sight, or from the one with which its measure came to its number."""

    def __init__(self, onboarding: Onboarding, periods: Periods) -> None:
        self._within_ms, self._by_person = onboarding.within_ms, onboarding.by_person
        self._steps: Mapping[str, Selector | Reached] = onboarding.steps
        kept = {step: self._kept(how, periods) for step, how in onboarding.steps.items()}
        self._keys = {step: sink.key for step, sink in kept.items()}
        self.sinks = tuple(kept.values())
        self._wires = _names(onboarding.steps)

    @property
    def only_adds(self) -> bool:
        """Whether steps that are not known of could only let it be done: earlier ones could take too long."""
        return self._within_ms is None

    def _kept(self, how: Selector | Reached, periods: Periods) -> Sink:
        if isinstance(how, Selector):
            if self._by_person:
                return Sink(distinct_key(how, "person", None), how, "distinct", "person")
            return Sink(step_key(how), how, "milestone")
        of = how.measure.of
        if isinstance(how.measure, Counted):
            return Sink(earliest_key(of, how.number), of, "count")
        value = how.measure.of_value
        return Sink(distinct_key(of, value, None, periods.zone), of, "distinct", value, zone=periods.zone.name)

    def _first(self, step: str, facts: Facts) -> tuple[int, str] | None:
        """Of the account, whenever it was."""
        how, key = self._steps[step], self._keys[step]
        if isinstance(how, Selector):
            return facts.milestones.firsts.get(key)
        if isinstance(how.measure, Counted):
            firsts = facts.earliest(key).events
        else:
            firsts = nsmallest(how.number, ((at, message_id) for _, at, message_id in facts.distinct(key).firsts()))
        return firsts[-1] if len(firsts) == how.number else None

    def _everybody(self, facts: Facts) -> list[Firsts]:
        """The account's steps, or those of each person, whenever they were."""
        if not self._by_person:
            found = {step: self._first(step, facts) for step in self._keys}
            return [{step: first for step, first in found.items() if first is not None}]
        people: dict[Any, Firsts] = {}
        for step, key in self._keys.items():
            for person, at, message_id in facts.distinct(key).firsts():
                people.setdefault(person, {})[step] = (at, message_id)
        return [people[person] for person in sorted(people)]

    def _furthest(self, moment: Moment) -> Firsts:
        """The steps that were seen until the moment; of whom was done first and in time, else of whom came furthest first."""
        t = moment.t
        seen = [{step: first for step, first in each.items() if first[0] <= t} for each in self._everybody(moment.facts)]
        return max(seen, key=self._place, default={})

    def _place(self, seen: Firsts) -> tuple[bool, int, int]:
        return self._in_time(seen), len(seen), -max((at for at, _ in seen.values()), default=0)

    def _in_time(self, seen: Firsts) -> bool:
        if not seen or len(seen) < len(self._keys):
            return False
        times = [at for at, _ in seen.values()]
        return self._within_ms is None or max(times) - min(times) <= self._within_ms

    def done(self, moment: Moment) -> bool:
        return self._in_time(self._furthest(moment))

    def spent(self, moment: Moment) -> frozenset[str]:
        """The names of track events that change it no more if they come in order: each is of steps that are done."""
        if self._by_person or not self._wires:
            return frozenset()
        seen = self._furthest(moment)
        done = [names for step, names in self._wires.items() if step in seen]
        missing = [names for step, names in self._wires.items() if step not in seen]
        return frozenset().union(*done) - frozenset().union(*missing)

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which a step is seen for the first time."""
        times = (first[0] for each in self._everybody(moment.facts) for first in each.values())
        return min((at for at in times if at > moment.t), default=NEVER)

    def steps_done(self, moment: Moment) -> int:
        return len(self._furthest(moment))

    @property
    def steps(self) -> int:
        return len(self._keys)

    def missing(self, moment: Moment) -> list[str]:
        seen = self._furthest(moment)
        return [step for step in self._keys if step not in seen]

    def took(self, moment: Moment) -> int | None:
        """Milliseconds from the first step to the last; None while steps are missing."""
        times = [at for at, _ in self._furthest(moment).values()]
        return max(times) - min(times) if times and len(times) == len(self._keys) else None

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages that completed each step, newest first."""
        seen = sorted(self._furthest(moment).values(), reverse=True)
        return list(dict.fromkeys(message_id for _, message_id in seen))[:number]


def _names(steps: Mapping[str, Selector | Reached]) -> Mapping[str, frozenset[str]]:
    """Step -> the names of its track events; nothing if one of the steps is more than a track event's first sight."""
    selectors = [how for how in steps.values() if isinstance(how, Selector) and how.builtin is None]
    if len(selectors) < len(steps) or any(term.page is not None for how in selectors for term in how.terms):
        return {}
    return {step: frozenset(term.name for term in how.terms) for step, how in zip(steps, selectors, strict=True)}
