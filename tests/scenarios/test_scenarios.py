"""Every scenario of this folder and of the examples, played: as given, doubled, and where it says so in any order."""

import random
from pathlib import Path

import pytest

from tests.scenarios.comparing import difference, shown
from tests.scenarios.language import EVENTS
from tests.scenarios.model import Scenario
from tests.scenarios.playing import Played
from tests.scenarios.reading import read

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = [*sorted(Path(__file__).parent.glob("*.yaml")), *sorted(EXAMPLES.glob("*/*/scenarios/*.yaml"))]
SCENARIOS = [scenario for file in FILES for scenario in read(file)]
ORDERS = 8


def played(scenario: Scenario, *, copies: int = 1) -> Played:
    story = Played(scenario)
    for number, line in enumerate(scenario.given):
        for _ in range(copies):
            story.line(number, line)
    return story


def shuffled(scenario: Scenario, seed: int, until: int) -> Played:
    """The events in another order; the first seed has the last first. Time has its say when all are there."""
    events = [(number, line) for number, line in enumerate(scenario.given) if line.verb in EVENTS]
    if seed == 0:
        events.reverse()
    else:
        random.Random(seed).shuffle(events)
    story = Played(scenario)
    for number, line in events:
        story.arrives(number, line)
    story.passes(until)
    return story


def signals(story: Played) -> str:
    return "\n".join(shown(each) for each in story.signals())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_what_is_expected_comes(scenario: Scenario) -> None:
    story = played(scenario)

    found = difference(scenario, {"hears": story.hears, "leads": story.leads(), "signals": story.signals()})
    if found is not None:
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_copies_change_nothing(scenario: Scenario) -> None:
    once, twice = played(scenario), played(scenario, copies=2)

    assert [shown(each) for each in twice.hears] == [shown(each) for each in once.hears]
    assert (twice.leads(), signals(twice)) == (once.leads(), signals(once))


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.any_order], ids=str)
def test_in_any_order_the_signals_are_the_same(scenario: Scenario) -> None:
    calm = played(scenario)

    for seed in range(ORDERS):
        assert signals(shuffled(scenario, seed, calm.time)) == signals(calm), f"seed {seed}"


def test_no_two_scenarios_share_a_name() -> None:
    assert len({str(each) for each in SCENARIOS}) == len(SCENARIOS)
