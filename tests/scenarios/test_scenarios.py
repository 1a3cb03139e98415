"""Every scenario of this folder and of the examples: as given, doubled, with restarts, and where it says so in any order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.scenarios.model import Scenario
from detector.scenarios.reading import read
from detector.scenarios.trying import as_it_stands, doubled, in_other_orders, restarted

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = [*sorted(Path(__file__).parent.glob("*.yaml")), *sorted(EXAMPLES.glob("*/*/scenarios/*.yaml"))]
SCENARIOS = [scenario for file in FILES for scenario in read(file)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
@pytest.mark.parametrize("play", [as_it_stands, doubled, restarted, in_other_orders])
def test_what_is_expected_comes(scenario: Scenario, play: Callable[[Scenario], str | None]) -> None:
    found = play(scenario)
    if found is not None:
        pytest.fail(found, pytrace=False)


def test_no_two_scenarios_share_a_name() -> None:
    assert len({str(each) for each in SCENARIOS}) == len(SCENARIOS)
