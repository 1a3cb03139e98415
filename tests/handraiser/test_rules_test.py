"""`handraiser rules test`: what it finds, what it says, how it ends."""

import json
from pathlib import Path

from tests.handraiser.conftest import command

DEFINITIONS = Path(__file__).parents[2] / "examples" / "definitions"
BOOK = """\
project: mail
use: b2b-saas@1
events: {upgrade_requested: Upgrade Clicked}
"""
GOOD = """\
scenarios:
  Asks:
    given:
      - {at: day 1 10:00, track: Upgrade Clicked, person: ada}
    any_order: true
    expect:
      leads: [{pql: open}]
  Does not ask:
    given:
      - {at: day 1 10:00, track: Help Read, person: ada}
    expect:
      hears: []
"""


def folder(at: Path, **files: str) -> Path:
    (at / "scenarios").mkdir(parents=True)
    (at / "rulebook.yaml").write_text(BOOK)
    for name, text in files.items():
        (at / "scenarios" / f"{name}.yaml").write_text(text)
    return at


def test_all_definitions_pass_and_each_has_scenarios() -> None:
    done = command("rules", "test", str(DEFINITIONS), "--json", timeout_s=100)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["ok"], report["failed"]) == (True, 0)
    played = {Path(each["file"]).parents[1] for each in report["files"] if each["scenarios"] >= 2}
    assert played == {each.parent for each in DEFINITIONS.glob("*/rulebook.yaml")}
    assert report["took_s"] < 60, "30 s on a machine that does nothing else"


def test_a_folder_above_a_rulebook_and_a_file_all_mean_its_scenarios(tmp_path: Path) -> None:
    book = folder(tmp_path / "a" / "b", one=GOOD)
    for path in (tmp_path, book, book / "rulebook.yaml", book / "scenarios", book / "scenarios" / "one.yaml"):
        done = command("rules", "test", str(path))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"ok          {book / 'scenarios' / 'one.yaml'}  2 scenarios\n")
        assert "2 scenarios in 1 file: all pass" in done.stdout


def test_what_fails_is_shown_as_one_would_write_it(tmp_path: Path) -> None:
    wrong = GOOD.replace("{pql: open}", "{pql: won}").replace("Does not ask", "Does not")
    book = folder(tmp_path, good=GOOD, wrong=wrong, zero="scenarios: {A: {given: [], expct: {}}}\n")
    done = command("rules", "test", str(tmp_path))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        f"ok          {book}/scenarios/good.yaml  2 scenarios",
        f"FAILED      {book}/scenarios/wrong.yaml  1 of 2 scenarios",
        f"unreadable  {book}/scenarios/zero.yaml",
    ]
    assert f"{book}/scenarios/wrong.yaml:2: Asks" in lines
    assert "  ! line 7: another pql" in lines
    assert "      expected  {pql: won}" in lines
    assert any(line.startswith("      got       {pql: open, qualified_at: day 1 10:00") for line in lines)
    assert f"{book}/scenarios/zero.yaml:1:28: unknown key 'expct' in a scenario. Did you mean 'expect'?" in lines
    assert lines[-1].startswith("4 scenarios in 3 files: 1 fails, 1 file cannot be played (")
    report = json.loads(command("rules", "test", str(tmp_path), "--json").stdout)
    assert (report["ok"], report["scenarios"], report["failed"]) == (False, 4, 1)
    [failure] = report["files"][1]["failures"]
    assert (failure["scenario"], failure["line"]) == ("Asks", 2)


def test_a_mistake_in_the_rulebook_is_told_with_its_own_line(tmp_path: Path) -> None:
    folder(tmp_path, good=GOOD)
    (tmp_path / "rulebook.yaml").write_text(BOOK + "limts: {}\n")
    done = command("rules", "test", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/scenarios/../rulebook.yaml" not in done.stdout
    assert f"{tmp_path}/rulebook.yaml:4:1: unknown key 'limts' in a rulebook. Did you mean 'limits'?" in done.stdout


def test_no_scenario_is_a_failure_that_says_where_one_belongs(tmp_path: Path) -> None:
    (tmp_path / "rulebook.yaml").write_text(BOOK)
    for path in (tmp_path, tmp_path / "rulebook.yaml"):
        done = command("rules", "test", str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"There is no scenario in {path}. Write one in a folder `scenarios` beside the rulebook.yaml" in done.stderr


def test_a_path_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert command("rules", "test", str(tmp_path / "no")).returncode == 2
    assert command("rules", "test").returncode == 2
