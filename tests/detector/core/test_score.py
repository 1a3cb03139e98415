"""The score of an account at a moment: exact to the hundredth, and for as long as it says that it stays the same."""

from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detector.core.facts.facts import Facts
from detector.core.instants import NEVER
from detector.core.judge import advance
from detector.core.ledger import RuleState, Signal
from detector.core.measures.moment import Moment
from detector.core.measures.plan import Ladder
from detector.core.measures.score import Given, Happened, Signalled
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place
from tests.detector.core.story import Story

LADDER = Ladder((), None)


def moment(t: int, *signals: int) -> Moment:
    state = RuleState(signals=[Signal(n, at, 1.0, at, "pql") for n, at in enumerate(signals)])
    return Moment(Facts(), LADDER, t, rules={"limit": state})


def test_nine_points_of_ninety_days_are_8_7_after_three_days_and_nothing_after_ninety() -> None:
    line = Signalled(900, ("limit",), 90)
    after = {days: line.given(moment(T0 + round(days * DAY), T0)).points for days in (0, 0.999, 1, 3, 89, 89.999, 90, 400)}
    assert after == {0: 900, 0.999: 900, 1: 890, 3: 870, 89: 10, 89.999: 10, 90: 0, 400: 0}


def test_points_begin_with_the_signal_and_end_with_the_last_whole_day_to_the_millisecond() -> None:
    line = Signalled(900, ("limit",), 90)
    assert line.given(moment(T0 - 1, T0)) == Given(0, 900)
    assert line.given(moment(T0, T0)) == Given(900, 900, T0)
    assert [line.given(moment(T0 + 3 * DAY + ms, T0)).points for ms in (-1, 0)] == [880, 870]
    assert [line.given(moment(T0 + 90 * DAY + ms, T0)).points for ms in (-1, 0)] == [10, 0]


def test_of_several_signals_the_newest_until_then_counts() -> None:
    line = Signalled(-300, ("limit", "other"), None)
    assert [line.given(moment(t, 5, 9)).since for t in (4, 5, 8, 9, 99)] == [None, 5, 5, 9, 9]
    assert [line.next(moment(t, 5, 9)) for t in (4, 5, 9)] == [5, 9, NEVER]


@given(st.integers(-100_000, 100_000).filter(bool), st.integers(1, 400), st.integers(0, 500))
def test_what_is_left_is_the_exact_share_rounded_to_hundredths_halves_away_from_zero(points: int, days: int, passed: int) -> None:
    found = Signalled(points, ("limit",), days).given(moment(T0 + passed * DAY, T0)).points
    exact = Fraction(points * max(0, days - passed), days)
    assert abs(found - exact) <= Fraction(1, 2)
    assert abs(found) >= abs(exact) or abs(found - exact) < Fraction(1, 2)


@given(
    st.lists(st.integers(0, 8 * 24), max_size=12),
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from([(500, 500), (500, 1250), (-333, -999), (700, 100_000)]),
    st.lists(st.integers(0, 20), max_size=3),
    st.integers(-24, 12 * 24),
)
def test_nothing_changes_before_the_instant_that_is_said_to_be_next(
    hours: list[int], days: int | None, points: tuple[int, int], signals: list[int], at: int
) -> None:
    """Looked at every half an hour: whole days of events on the hour end on the hour."""
    facts, half = Facts(), DAY // 48
    for n, hour in enumerate(hours):
        facts.store("sx").add(T0 + hour * 2 * half, f"m{n}")
    state = RuleState(signals=[Signal(n, T0 + day * DAY, 1.0, 0, "pql") for n, day in enumerate(signals)])
    lines = (Happened(points[0], "sx", days, points[1]), Signalled(points[0], ("limit",), days))

    def given_at(line: Happened | Signalled, t: int) -> tuple[int, int]:
        seen = Moment(facts, LADDER, t, rules={"limit": state})
        return line.given(seen).points, line.next(seen)

    t = T0 + at * 2 * half
    for line in lines:
        points_now, following = given_at(line, t)
        later = range(t, min(following, t + 6 * DAY), half)
        assert {given_at(line, each)[0] for each in later} <= {points_now}
        assert following > t


BOOK = """
project: acme-mail
use: b2b-saas@1
events: {imported: Contacts Imported, sales_requested: Demo Requested}
limits: {contacts: {last: properties.total, of: Counted}}
plans: {free: {stage: free, price: 0, allows: {contacts: 10}}}
no_plan: free
segments: {smb: account.employees < 200, other: account.employees >= 200, vip: person.title == "CEO"}
score:
  hot: 50
  warm: 20
  fit:
    - {points: 20, if: segment.smb, group: size}
    - {points: 20, if: account.employees > 5, group: size}
    - {points: -2.5, if: segment.vip}
  behaviour:
    - {points: 9, rule: limit, fades: 90d}
    - {points: 4, event: [imported, List Sent], at_most: 10}
    - {points: -3, event: Mail Bounced, fades: 3d}
  caps: {size: 30}
rules: {report: {lead: mql, event: [Report Wanted], at_least: cold, say: "{account} wants a report"}}
"""


def compiled(text: str = BOOK) -> Program:
    return compile_rulebook(parse(text, bases()).rulebook, 1)


def told() -> list[dict[str, Any]]:
    story = Story(compiled())
    story.happens(None, 0, kind="group", traits={"employees": 12})
    story.happens(None, 0.1, kind="identify", person="ada", traits={"title": "CEO"})
    for hour in range(3):
        story.happens("Contacts Imported", 0.2 + hour / 24)
    story.happens("Mail Bounced", 0.5)
    story.contacts(10, 1, person="bo")
    made = story.contacts(10, 1.9) + story.happens("Demo Requested", 4, person="ada")
    return [each.data for each in made if each.type != "lead.overdue"]


def test_a_lead_carries_every_line_that_gives_something_and_they_add_up() -> None:
    created, superseded = told()
    assert (created["temperature"], superseded["temperature"]) == ("hot", "warm")
    assert created["score"] == {
        "total": 46.2,
        "fit": 27.5,
        "behaviour": 18.7,
        "contributions": [
            {"part": "fit", "text": "segment.smb", "points": 20, "of": 20, "since": None},
            {"part": "fit", "text": "account.employees > 5", "points": 20, "of": 20, "since": None},
            {"part": "fit", "text": "segment.vip", "points": -2.5, "of": -2.5, "since": None},
            {"part": "fit", "text": "cap of size", "points": -10, "of": 30, "since": None},
            {"part": "behaviour", "text": "limit", "points": 8.7, "of": 9, "since": "2026-05-28T00:00:00.000Z"},
            {"part": "behaviour", "text": "imported, List Sent", "points": 10, "of": 10, "since": "2026-05-27T06:48:00.000Z"},
        ],
    }
    assert created["segments"] == ["smb", "vip"]
    assert superseded["segments"] == ["smb"], "that lead is about bo"


def test_without_a_score_nothing_is_said_of_one() -> None:
    text = "project: p\nlead_types: {pql: {to: sales, answer_in: 9999h, do: x}}\n"
    text += "rules: {a: {lead: pql, when: stage == unknown, say: x}}\n"
    [created] = Story(compiled(text)).happens("Anything", 0)
    assert created.data["score"] == {"total": None, "fit": None, "behaviour": None, "contributions": []}
    assert (created.data["temperature"], created.data["segments"]) == (None, [])


def test_a_lead_that_was_hot_before_there_were_scores_stays_hot() -> None:
    story = Story(compiled())
    story.happens("Demo Requested", 0, person="ada")
    stored = msgspec.to_builtins(story.account.ledger)
    [lead] = story.account.ledger.open_leads.values()
    assert (lead.temperature, lead.band, lead.floor) == ("hot", "cold", "hot")
    leads = stored[1]
    leads["sales_sql"] = [*leads["sales_sql"][:-5], None, None]
    story.account._ledger.load({0: stored})
    assert [each.floor for each in story.account._ledger.ledger.open_leads.values()] == ["hot"]


def test_time_alone_makes_a_lead_hotter_once_what_was_against_it_has_passed_and_no_sooner() -> None:
    """And then nothing is due any more."""
    story = Story(compiled())
    story.happens(None, 0, kind="group", traits={"employees": 500})
    story.happens("Mail Bounced", 0.5)
    [created] = story.happens("Report Wanted", 1, person="ada")
    assert (created.data["score"]["total"], created.data["temperature"]) == (17, "cold")
    ledger, seen = story.account.ledger, []
    while ledger.due < NEVER:
        due = ledger.due
        assert advance(story.program, story.account, place(due - 1)) == []
        made = advance(story.program, story.account, place(due))
        seen.append(((due - T0) / DAY, [(each.type, each.data["temperature"], each.data["changes"]) for each in made]))
    warmer = {"field": "temperature", "rule": None, "old": "cold", "new": "warm"}
    overdue = {"field": "overdue", "rule": None, "old": False, "new": True}
    answer_by = 4 + 100 / DAY  # three days after it came, which was 100 ms after it happened
    assert seen == [
        *((1.5, []), (2.5, [])),
        (3.5, [("lead.updated", "warm", [warmer])]),
        (answer_by, [("lead.overdue", "warm", [overdue])]),
    ]


def test_an_account_without_an_open_lead_waits_for_nothing() -> None:
    story = Story(compiled())
    story.happens("Mail Bounced", 0.5)
    assert story.account.ledger.due == NEVER
    story.happens("Report Wanted", 1, person="ada")
    assert story.account.ledger.due == T0 + 3 * DAY // 2
    story.account.ledger.open_leads.clear()
    assert advance(story.program, story.account, place(T0 + 9 * DAY)) == []
    assert story.account.ledger.due == NEVER


READY = """
project: acme-mail
use: b2b-saas@1
measures: {stuck: {absent: Came Back, after: Signed Up, within: 7d}}
score: {behaviour: [{points: 10, rule: stuck}]}
rules:
  ready: {lead: pql, when: score >= 10, say: "{account} is ready"}
  stuck: {lead: mql, when: stuck, say: "{account} is stuck"}
"""


def test_a_rule_that_looks_at_the_score_is_judged_again_where_a_late_event_takes_a_signal_away() -> None:
    """Time alone brought both, at the same instant; and one that the rulebook has further down decides."""
    story = Story(compiled(READY))
    story.happens("Signed Up", 0)
    made = advance(story.program, story.account, place(T0 + 7 * DAY + 5))
    assert [(each.type, [signal["rule"] for signal in each.data["signals"]]) for each in made] == [
        ("lead.created", ["ready", "stuck"])
    ]
    assert story.happens("Came Back", 6.9, arrives=7.1)
    assert [state.signals for state in story.account.ledger.rules.values()] == [[], []]
    assert story.account.ledger.open_leads == {}


def test_a_rule_that_rests_on_the_score_stands_with_the_very_signal_that_gives_the_points() -> None:
    ready = 'rules: {ready: {lead: pql, when: score.behaviour >= 9, say: "{account} is ready"}, report'
    story = Story(compiled(BOOK.replace("rules: {report", ready)))
    story.happens("Anything", 0)
    assert story.contacts(7, 1) == []
    assert "ready" in story.account.resting.rests
    made = story.contacts(8, 2)
    assert {signal["rule"] for each in made for signal in each.data["signals"]} == {"limit/contacts", "ready"}
    assert {name: state.told for name, state in story.account.ledger.rules.items()} == {"limit/contacts": 0.8, "ready": 1}


def test_a_lead_that_has_expired_by_then_gets_no_hotter() -> None:
    story = Story(compiled(BOOK + "lead_types: {mql: {expires: 1d}}\n"))
    story.happens("Report Wanted", 0, person="ada")
    made = story.happens(None, 1.5, kind="group", traits={"employees": 12})
    assert [each.type for each in made] == ["lead.expired"]
