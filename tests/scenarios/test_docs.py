"""The whole file in docs/scenarios.md is one, and what it says is true."""

import re
from pathlib import Path

from tests.scenarios.comparing import difference
from tests.scenarios.playing import Played
from tests.scenarios.reading import read

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def test_the_example_of_the_docs_is_right(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "rulebook.yaml").write_text((HERE / "rulebooks" / "acme.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "limits.yaml").write_text(example, encoding="utf-8")
    [scenario] = read(tmp_path / "limits.yaml")
    story = Played(scenario)
    for number, line in enumerate(scenario.given):
        story.line(number, line)
    assert difference(scenario, {"hears": story.hears, "leads": story.leads(), "signals": story.signals()}) is None
