"""A scenario in, what is wrong with it out: played as it stands, doubled, with restarts, and, where it may, in other orders."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from detector.scenarios.comparing import difference, parting
from detector.scenarios.language import EVENTS
from detector.scenarios.model import Scenario
from detector.scenarios.playing import Played
from detector.scenarios.reading import ScenarioError, read

ORDERS: Final = 8
"""In so many are the events played that may come in any: the first has the last event first."""
SHUFFLED_MAX: Final = 200
"""Of more events only the last so many change places: a late event is judged again with all that follow it."""
RESTARTS_MAX: Final = 100
"""Of more lines not every one is followed by a restart."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`line`: where the scenario begins. `text`: what was expected and what came, for people."""

    scenario: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one file. `problems`: why it could not be played at all."""

    file: Path
    scenarios: int = 0
    failures: tuple[Failure, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failures and not self.problems


def tried(file: Path) -> Tried:
    """All scenarios of a file."""
    try:
        scenarios = read(file)
    except ScenarioError as error:
        return Tried(file, problems=tuple(str(error).splitlines()))
    found = [Failure(each.title, each.number, text) for each in scenarios if (text := wrong(each)) is not None]
    return Tried(file, len(scenarios), tuple(found))


def wrong(scenario: Scenario) -> str | None:
    """None: it holds, however it is played. Else the first way in which it does not."""
    return as_it_stands(scenario) or doubled(scenario) or restarted(scenario) or in_other_orders(scenario)


def as_it_stands(scenario: Scenario) -> str | None:
    return difference(scenario, _outcome(_played(scenario)))


def doubled(scenario: Scenario) -> str | None:
    """Copies change nothing."""
    return _parting(scenario, "with every line doubled", _outcome(_played(scenario)), _outcome(_played(scenario, copies=2)))


def restarted(scenario: Scenario) -> str | None:
    """Nothing depends on what is in memory only."""
    story = Played(scenario)
    often = 1 + len(scenario.given) // RESTARTS_MAX
    for number, line in enumerate(scenario.given):
        story.line(number, line)
        if number % often == 0:
            story.restarts()
    return _parting(scenario, "restarted after its lines", _outcome(_played(scenario)), _outcome(story))


def in_other_orders(scenario: Scenario) -> str | None:
    """Where the scenario allows any order, the same signals stand in the end."""
    if not scenario.any_order:
        return None
    calm = _played(scenario)
    for seed in range(ORDERS):
        shuffled = _shuffled(scenario, seed, calm.time)
        found = _parting(scenario, "in another order", {"signals": calm.signals()}, {"signals": shuffled.signals()})
        if found is not None:
            return found
    return None


_Outcome = Mapping[str, Sequence[Mapping[str, Any]]]


def _outcome(story: Played) -> _Outcome:
    return {"hears": story.hears, "leads": story.leads(), "signals": story.signals()}


def _parting(scenario: Scenario, how: str, calm: _Outcome, other: _Outcome) -> str | None:
    found = next((key for key in calm if calm[key] != other[key]), None)
    return None if found is None else parting(scenario, how, found, calm[found], other[found])


def _played(scenario: Scenario, *, copies: int = 1) -> Played:
    story = Played(scenario)
    for number, line in enumerate(scenario.given):
        for _ in range(copies):
            story.line(number, line)
    return story


def _shuffled(scenario: Scenario, seed: int, until: int) -> Played:
    """The events in another order. Time has its say when all are there."""
    events = [(number, line) for number, line in enumerate(scenario.given) if line.verb in EVENTS]
    calm, late = events[:-SHUFFLED_MAX], events[-SHUFFLED_MAX:]
    if seed == 0:
        late.reverse()
    else:
        random.Random(seed).shuffle(late)  # noqa: S311 - the same orders every time
    story = Played(scenario)
    for number, line in [*calm, *late]:
        story.arrives(number, line)
    story.passes(until)
    return story
