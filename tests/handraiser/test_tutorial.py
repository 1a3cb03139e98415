"""docs/tutorial.md, as far as it is cheap: its files are good, and what the commands print that need no server is as printed."""

import json
import re
from pathlib import Path

import pytest

from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from handraiser.rulebook_file import text_of
from tests.handraiser.conftest import command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
RULEBOOK, SCENARIOS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHELL: list[str] = re.findall(r"```\n(.*?)```", re.sub(r"```yaml\n.*?```", "", PAGE, flags=re.DOTALL), re.DOTALL)
TOOK = re.compile(r"\(\d+\.\d s\)")
NEEDS_A_SERVER = (
    "No event of this project has arrived at http://127.0.0.1:8080 yet, so nobody can tell which rules wait for one.\n"
)


@pytest.fixture
def inkwell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, with its mistake, as the current one's child."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "inkwell"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "rulebook.yaml").write_text(RULEBOOK, encoding="utf-8")
    (folder / "scenarios" / "clients.yaml").write_text(SCENARIOS, encoding="utf-8")
    return folder


def printed(line: str, number: int = 0) -> str:
    """What the page prints for the command, the first time or later, with all that is printed until the next one."""
    parts = [part.partition("\n") for block in SHELL for part in block.split("$ ")[1:]]
    return [after for typed, _, after in parts if typed == line][number]


def said(*arguments: str) -> str:
    done = command(*arguments)
    return done.stdout + done.stderr


def rewritten(file: Path, what: str, by: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(what) == 1
    file.write_text(text.replace(what, by), encoding="utf-8")


def test_the_mistake_is_refused_and_the_rest_is_good_as_printed(inkwell: Path) -> None:
    check = "handraiser rules check inkwell/rulebook.yaml"
    assert said(*check.split()[1:]) == printed(check)
    rewritten(inkwell / "rulebook.yaml", "- client >= 3", "- clients >= 3")
    assert said(*check.split()[1:]) == printed(check, 1).replace(NEEDS_A_SERVER, "")


def test_the_scenarios_pass_and_after_the_change_one_fails_as_printed(inkwell: Path) -> None:
    test = "handraiser rules test inkwell"
    rewritten(inkwell / "rulebook.yaml", "- client >= 3", "- clients >= 3")
    assert TOOK.sub("", said(*test.split()[1:])) == TOOK.sub("", printed(test))
    rewritten(inkwell / "rulebook.yaml", "- clients >= 3", "- clients >= 4")
    assert TOOK.sub("", said(*test.split()[1:])) == TOOK.sub("", printed(test, 1))


def test_the_events_that_are_posted_and_the_history_are_of_the_rulebook(inkwell: Path) -> None:
    rewritten(inkwell / "rulebook.yaml", "- client >= 3", "- clients >= 3")
    known = {
        term.name for each in parse(text_of(inkwell / "rulebook.yaml"), bases()).rulebook.events.values() for term in each.terms
    }
    [posted] = re.findall(r"-d '(\{\"batch\".*?\})'\n", PAGE, re.DOTALL)
    lines = (ROOT / "examples" / "tutorial" / "history.ndjson").read_text(encoding="utf-8").splitlines()
    events = [*json.loads(posted)["batch"], *map(json.loads, lines)]
    assert {each["event"] for each in events if each["type"] == "track"} <= known
    assert f"{len(lines)} events" in PAGE
