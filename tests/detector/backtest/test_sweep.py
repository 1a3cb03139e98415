"""`--sweep`: what it makes of a rulebook, and what it refuses, in words."""

import pytest

from detector.backtest.sweep import SweepError, swept
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases

BOOK = """\
project: mail
use: b2b-saas@1
events: {upgrade_requested: Upgrade Clicked, imported: Imported, signed_up: Signed Up}
limits: {contacts: {last: properties.total, of: Contact Count Changed}}
plans:
  free:  {stage: free, price: 0, allows: {contacts: 500}}
  trial: {stage: trial, price: 0, days: 14, then: free, allows: {contacts: 900}}
no_plan: free
onboarding: {steps: [signed_up, imported], within: 14d}
measures: {imports: {count: imported, window: 7d}}
rules:
  limit: {at: [80%, 100%, refused]}
  busy: {family: usage_growth, when: [imports >= 1000, stage == free], say: "{account} imports"}
  twice: {family: usage_growth, when: [imports >= 3, imports < 9], say: "{account} imports"}
  doubled: {family: usage_growth, when: [imports > 2 * imports.earlier, "2 * imports > 7"], say: "{account} imports"}
  no-more: {family: usage_limit, each: limit, at: [refused, 100%], say: "{account} is refused"}
"""
RESOLVED = parse(BOOK, bases()).resolved


@pytest.mark.parametrize(
    ("said", "what", "current", "values"),
    [
        ("limit=70%,90%", "limit", "80%", ["70%", "80%", "90%"]),
        (" limit = 90 % , 80%,80% ", "limit", "80%", ["80%", "90%"]),
        ("onboarded=2,10", "onboarded: active_days >=", "3", ["2", "3", "10"]),
        ("onboarded:active_days=5", "onboarded: active_days >=", "3", ["3", "5"]),
        ("onboarded:2=5", "onboarded: active_days >=", "3", ["3", "5"]),
        ("growth:active_people.rising_weeks=2", "growth: active_people.rising_weeks >=", "3", ["2", "3"]),
        ("trial-ends:trial.left=1d,12h", "trial-ends: trial.left <=", "3d", ["1d", "3d", "12h"]),
        ("busy=10", "busy: imports >=", "1000", ["10", "1000"]),
        ("twice:2=12", "twice: imports <", "9", ["9", "12"]),
        ("doubled=9", "doubled: 2 * imports >", "7", ["7", "9"]),
    ],
)
def test_each_value_is_a_rulebook_and_nothing_else_of_it_changes(said: str, what: str, current: str, values: list[str]) -> None:
    sweep = swept(RESOLVED, said)
    assert (sweep.what, sweep.current, list(sweep.books)) == (what, current, values)
    assert sweep.books[current] == RESOLVED, "its own value is the rulebook itself: it is played once"
    for value, text in sweep.books.items():
        mine, other = RESOLVED.splitlines(), text.splitlines()
        changed = [(a, b) for a, b in zip(mine, other, strict=True) if a != b]
        assert len(changed) == (value != current)
        assert all(b.rstrip('"').endswith(value) for _, b in changed)


def test_a_first_step_above_others_takes_their_place() -> None:
    book = parse(swept(RESOLVED, "limit=100%,120%").books["120%"], {}).rulebook
    (limit,) = [rule for rule in book.rules if rule.name == "limit"]
    assert limit.steps == {"": (1.2, "refused")}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("limit", "--sweep limit: this is not understood. Write --sweep RULE=70%,80%,90%"),
        ("limit=", "'nothing' is no number, percentage or duration"),
        ("limit=70.1.2%", "'70.1.2%' is no number, percentage or duration"),
        ("limit=70%,soon", "'soon' is no number, percentage or duration"),
        ("limit=70", "the steps of limit are percentages. Write 70%, not 70."),
        ("limits=70%", "the rulebook has no rule limits. Did you mean 'limit'?"),
        ("no-more=70%", "the steps of no-more are [refused, 100%]; only a list that begins with a percentage is swept"),
        ("upgrade-request=2", "no line of the rule upgrade-request ends in a comparison with a number"),
        (
            "growth=2",
            "several lines of the rule growth have a number. Say which, as in growth:1=…. There are: 1: active_people.rising",
        ),
        ("twice:imports=2", "imports stands in several lines of the rule twice that has a number. Say the line's number."),
        ("onboarded:1=2", "line 1 of the rule onboarded ends in no comparison with a number. There are: 2: active_days >= 3."),
        ("onboarded:7=2", "the rule onboarded has 2 lines, and no line 7"),
        ("onboarded:weeks=2", "weeks stands in no line of the rule onboarded"),
        ("trial-ends=2", "with 2, 'trial.left' is a duration and 2 is a number: they cannot be compared. Write a unit"),
        ("onboarded=1,2,4,5,6,7,8,9,10,11,12,13,14", "13 values; at most 12 are tried at once"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(said: str, why: str) -> None:
    with pytest.raises(SweepError) as refused:
        swept(RESOLVED, said)
    assert why in str(refused.value)
