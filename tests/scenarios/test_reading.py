"""Files of scenarios that are wrong: each is refused with its file, its line and what to do."""

from pathlib import Path

import pytest

from detector.scenarios import times
from detector.scenarios.reading import ScenarioError, read

HEAD = """\
about: x
rulebook:
  project: acme-mail
  limits:
    contacts: {last: properties.total, of: Counted}
  plans:
    free: {stage: free, price: 0, allows: {contacts: 500}}
  lead_types:
    pql: {to: sales, answer_in: 1h, do: Call.}
scenarios:
"""
"""Ten lines: what follows begins in line 11."""
GOOD = "  T:\n    given:\n      - {at: day 1, track: Counted}\n    expect: {leads: []}\n"


def refused(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read(file)
    return str(caught.value).replace(str(tmp_path), "").splitlines()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{at: day 1, track: C, persn: ada}", "13:31: unknown key 'persn' in a line with `track`. Did you mean 'person'?"),
        ("{at: day 1, trak: C}", "13:9: a line of `given` says none of track, page, group"),
        ("{at: day 1, track: C, outcome: won}", "13:9: a line of `given` says track and outcome at once"),
        ("{track: C}", "13:9: a line with `track` has no `at`. Add: at: day 1 10:00"),
        ("{at: 1 May, track: C}", "13:14: `at` is a time, found '1 May'. Write day 3 09:00"),
        ("{at: day 1 25:00, track: C}", "13:14: `at` is a time, found 'day 1 25:00'"),
        ("{at: day 2, received: day 1, track: C}", "13:1: this was received before it happened"),
        ("{at: day 1, outcome: won}", "13:9: a line with `outcome` has no `lead`. Add: lead: pql"),
        ("{at: day 1, override: contacts, allowed: lots}", "13:50: `allowed` is a number"),
        ("{at: day 1, track: C, times: 3}", "13:1: a line with `times` alone. Add: every: 1h"),
        ("{at: day 1, track: C, every: 1h, times: 0}", "13:49: `times` is a whole number from 1 to 5,000, found '0'"),
        ("{at: day 1, track: C, every: 1h, times: 1e9}", "13:49: `times` is a whole number from 1 to 5,000, found '1e9'"),
        ("day 1", "13:9: a line of `given` is a map, found 'day 1'"),
        ("{at: day 1, import: [{at: day 1, outcome: won}]}", "13:30: a line of `import` says none of track"),
    ],
)
def test_a_line_that_says_nothing_sensible(tmp_path: Path, line: str, problem: str) -> None:
    found = refused(tmp_path, HEAD + f"  T:\n    given:\n      - {line}\n    expect: {{leads: []}}\n")
    assert found[0].startswith(f"/a.yaml:{problem}"), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("{}", "14:13: `expect` expects nothing. Add: leads: []"),
        ("{hear: []}", "14:14: unknown key 'hear' in `expect`. Did you mean 'hears'?"),
        ("{hears: [{creatd: pql}]}", "14:22: a line of `hears` says none of created"),
        ("{leads: [{xql: open}]}", "14:22: a line of `leads` says none of pql"),
        ("{leads: [{pql: opn}]}", "14:1: the status of a lead cannot be 'opn'. Did you mean 'open'?"),
        ("{signals: [{step: 80%}]}", "14:24: a line of `signals` says none of rule"),
    ],
)
def test_an_expectation_that_nothing_could_meet(tmp_path: Path, expect: str, problem: str) -> None:
    [found] = refused(tmp_path, HEAD + f"  T:\n    given:\n      - {{at: day 1, track: Counted}}\n    expect: {expect}\n")
    assert found.startswith(f"/a.yaml:{problem}"), found


def test_lines_stand_in_order_of_arrival(tmp_path: Path) -> None:
    lines = "      - {at: day 2, track: Counted}\n      - {at: day 1, track: Counted}\n"
    [found] = refused(tmp_path, HEAD + f"  T:\n    given:\n{lines}    expect: {{leads: []}}\n")
    assert (
        found
        == "/a.yaml:14:1: this lies before the line above it. If it came late, say when: received: …. Else put it further up"
    )


def test_a_scenario_is_the_story_of_one_account(tmp_path: Path) -> None:
    lines = "      - {at: day 1, group: acme}\n      - {at: day 1, group: other}\n"
    [found] = refused(tmp_path, HEAD + f"  T:\n    given:\n{lines}    expect: {{leads: []}}\n")
    assert found.startswith("/a.yaml:14:1: here the account is other, before it was acme")


def test_commands_do_not_come_in_any_order(tmp_path: Path) -> None:
    lines = "      - {at: day 1, outcome: won, lead: pql}\n"
    [found] = refused(tmp_path, HEAD + f"  T:\n    given:\n{lines}    any_order: true\n    expect: {{leads: []}}\n")
    assert found.startswith("/a.yaml:14:16: only events can come in any order")


def test_problems_of_a_rulebook_name_its_own_lines(tmp_path: Path) -> None:
    inline = refused(tmp_path, HEAD.replace("last:", "lst:") + GOOD)
    assert "/a.yaml:5:16: unknown key 'lst' in limit 'contacts'. Did you mean 'last'?" in inline
    (tmp_path / "book.yaml").write_text("project: UPPER\n", encoding="utf-8")
    [found] = refused(tmp_path, "rulebook: book.yaml\nscenarios:\n" + GOOD)
    assert found.startswith("/book.yaml:1:10: 'UPPER' cannot be the name of a project")


def test_a_rulebook_that_is_not_there_or_not_on_its_own_lines(tmp_path: Path) -> None:
    assert refused(tmp_path, "rulebook: no.yaml\nscenarios:\n" + GOOD)[0].startswith("/a.yaml:1:11: there is no file /no.yaml")
    [found] = refused(tmp_path, "rulebook: {project: x}\nscenarios:\n" + GOOD)
    assert found.startswith("/a.yaml:1:11: the rulebook must stand on lines of its own")


def test_a_file_without_scenarios(tmp_path: Path) -> None:
    assert "has no `scenarios`" in refused(tmp_path, "rulebook: a.yaml\n")[0]
    assert "there is no scenario" in refused(tmp_path, HEAD.replace("scenarios:", "scenarios: {}"))[0]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("day 1", 1_777_593_600_000),
        ("day 1 00:00", 1_777_593_600_000),
        ("2026-05-01", 1_777_593_600_000),
        ("day 0 23:59:59.999", 1_777_593_599_999),
        ("day 32 10:30", 1_780_272_000_000 + 37_800_000),
        ("day 1 9:00", None),
        ("2026-02-30", None),
        ("day 1 10:60", None),
        ("day 99999", 1_777_593_600_000 + 99_998 * 86_400_000),
        ("tomorrow", None),
    ],
)
def test_times(text: str, ms: int | None) -> None:
    assert times.parsed(text) == ms
    if ms is not None:
        assert times.parsed(times.shown(ms)) == ms
