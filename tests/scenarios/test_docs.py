"""The whole file in docs/scenarios.md is one, and what it says is true."""

import re
from pathlib import Path

from detector.scenarios.trying import Tried, tried

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def test_the_example_of_the_docs_is_right(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "rulebook.yaml").write_text((HERE / "rulebooks" / "acme.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "limits.yaml").write_text(example, encoding="utf-8")
    assert tried(tmp_path / "limits.yaml") == Tried(tmp_path / "limits.yaml", scenarios=1)
