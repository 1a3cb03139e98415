"""What late events make of what was told: a signal that never held, one that came earlier, a lead type of back then."""

from itertools import permutations

import pytest

from contracts.messages import Command
from detector.core.account import Account
from detector.core.commands import apply
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place, usage
from tests.detector.core.story import PROGRAM, Story, types


def _late_plan(story: Story) -> list[tuple[str, str]]:
    """Three days after it began: it allows ten times as much, so what was told never held."""
    return types(story.happens(None, 0, kind="group", traits={"plan": "standard"}, late_ms=3 * DAY, arrives=3))


def test_a_plan_that_comes_days_late_is_judged_from_its_start_and_retracts_what_never_held() -> None:
    story = Story()
    story.contacts(8, 1)
    assert _late_plan(story) == [("lead.retracted", "pql")]
    assert story.account.ledger.open_leads == {}
    assert story.account.ledger.rules["limit/contacts"].signals == []


def test_a_lead_that_somebody_works_on_is_disputed_and_not_taken_away() -> None:
    story = Story()
    [created] = story.contacts(8, 1)
    said = {"lead": created.data["lead_id"], "status": "accepted"}
    accepted = Command(id="c1", project="acme-mail", account="acc_9", name="outcome", arguments=said)
    assert types(apply(PROGRAM, story.account, accepted, place(T0 + DAY, 9)).lead_events) == [("lead.accepted", "pql")]

    assert _late_plan(story) == [("lead.updated", "pql")]

    [lead] = story.account.ledger.open_leads.values()
    assert (lead.status, lead.disputed, lead.signals) == ("accepted", True, [])


def test_a_signal_that_came_earlier_than_was_told_moves_in_silence() -> None:
    story = Story()
    story.contacts(8, 2)
    [moved] = story.contacts(9, 1.5, arrives=2.2)
    assert (moved.type, moved.data["qualified_at"], moved.notify) == ("lead.updated", "2026-05-28T12:00:00.000Z", False)


def test_the_cooldown_begins_where_the_signal_qualified_and_not_where_the_log_heard_of_it() -> None:
    for ms, signals in ((-1, 1), (0, 2)):
        story = Story()
        story.contacts(8, 1, late_ms=DAY, arrives=2)
        story.contacts(0, 3)
        story.contacts(8, 15, ms=ms)
        assert story.account.ledger.rules["limit/contacts"].n == signals


def test_the_lead_type_of_a_late_event_follows_the_stage_back_then() -> None:
    story = Story()
    story.contacts(3, 1)
    story.plan("standard", 2)
    assert types(story.contacts(9, 1.5, arrives=2.2)) == [("lead.created", "pql"), ("lead.won", "pql")]


def test_of_events_at_the_same_instant_the_id_decides_which_is_the_newest_and_not_the_arrival() -> None:
    for order in permutations([("m1", 9), ("m2", 3), ("m3", 7)]):
        account = Account.new("acme-mail", "acc_9")
        for n, (id_, total) in enumerate(order):
            process(PROGRAM, account, usage(id_, T0, "Counted", properties={"total": total}), place(T0, n))
        state = account.ledger.rules.get("limit/contacts")
        assert state is None or state.signals == [], order


@pytest.mark.parametrize("first", [True, False])
def test_what_looks_at_a_signal_of_partition_time_is_judged_then_whatever_it_saw_at_the_events_own_time(*, first: bool) -> None:
    """The event is two hours late: too late for the rule with an hour, which signals when it came, and not for the other."""
    text = """
project: acme-mail
use: b2b-saas@1
measures: {invites: {count: Invited}}
score: {behaviour: [{points: +20, rule: busy}]}
rules:
  busy: {lead: pql, lateness: 1h, when: [invites >= 1], say: "busy"}
  ready: {lead: sales_sql, lateness: 24h, when: [score >= 10], say: "ready"}
"""
    story = Story(compile_rulebook(parse(text, bases()).rulebook, 1))
    if not first:
        story.happens("Other", 0)
    [created] = story.happens("Invited", 1, arrives=1 + 2 / 24, late_ms=2 * DAY // 24)
    assert {signal["rule"] for signal in created.data["signals"]} == {"busy", "ready"}
    assert {state.signals[0].qualified_at for state in story.account.ledger.rules.values() if state.signals} == {
        T0 + DAY * 26 // 24
    }
