"""A rule that stands nowhere rests until an event could change that: not one event longer, and whatever it is."""

from dataclasses import replace

import msgspec
import pytest
from msgspec import structs

from contracts.columns import columns_of
from contracts.messages import LeadEvent, UsageEvent
from detector.core.account import Account
from detector.core.instants import NEVER
from detector.core.judge import judged_in_order, process
from detector.core.passing import NEVER_PASSES, notes, passed
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Condition, Rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial
from tests.detector.core.sample import DAY, RULEBOOK, T0, at_least, is_text, place, usage
from tests.detector.core.story import Story, types
from tests.detector.core.why.asking import BOOK, compiled


def resting(emails: int) -> Story:
    """An account that may send 40 a month, and has sent so many: its limit rests."""
    story = Story()
    story.plan("standard", 0)
    for n in range(emails):
        assert story.happens("Email Sent", 1, ms=n) == []
    assert "limit/emails" in story.account.resting.rests
    return story


def test_a_counter_rests_until_the_very_event_that_reaches_a_step() -> None:
    story = resting(31)
    [created] = story.happens("Email Sent", 2)
    assert created.data["signals"][0]["step"] == "80%"


def passing(story: Story, events: list[UsageEvent]) -> dict[int, list[LeadEvent]]:
    """What came of each of those that did not pass by."""
    noted = list(notes(story.program, columns_of(events), range(len(events)), spared=False))
    looked_at, n = {}, 0
    while (found := passed(story.program, story.account, noted, n, len(noted), events.__getitem__))[0] < len(noted):
        n, is_folded = found
        judge = judged_in_order if is_folded else process
        looked_at[n] = judge(story.program, story.account, events[n], place(events[n].received_at, n))
        n += 1
    return looked_at


def test_events_pass_by_until_the_very_one_that_reaches_a_step() -> None:
    story = resting(10)
    looked_at = passing(story, [usage(f"s{n}", T0 + 2 * DAY + n, "Email Sent") for n in range(25)])
    assert len(looked_at) < 6
    assert {n: types(told) for n, told in looked_at.items() if told} == {21: [("lead.created", "xql")]}, "32 of 40 are 80 %"


def test_a_gauge_passes_by_until_the_very_event_that_reaches_a_step() -> None:
    story = Story()
    story.plan("standard", 0)
    assert story.contacts(1, 1) == []
    totals = [2, 30, 5, 79, 2, 80, 6]
    events = [usage(f"s{n}", T0 + 2 * DAY + n, "Counted", properties={"total": total}) for n, total in enumerate(totals)]
    looked_at = passing(story, events)
    assert 0 not in looked_at
    assert {n: types(told) for n, told in looked_at.items() if told} == {5: [("lead.created", "xql")]}


def test_what_is_late_may_move_the_plan_tells_traits_or_is_history_never_passes_by() -> None:
    """Whatever lies in the same frame."""
    program = Story().program
    plain = usage("m1", T0, "Email Sent")
    odd = [
        structs.replace(plain, received_at=T0 + program.lateness_ms + 1),
        structs.replace(plain, type="group", name=None),
        structs.replace(plain, traits=msgspec.Raw(b'{"plan":"pro"}')),
        structs.replace(plain, historical=True),
    ]
    for each in (*odd, structs.replace(plain, received_at=T0 + program.lateness_ms), structs.replace(plain, type="page"), plain):
        for frame in ([each], [each, each], [plain, each], [each, plain, *odd]):
            times = [t for _, t, *_ in notes(program, columns_of(frame), range(9)[: len(frame)], spared=False)]
            assert times == [NEVER_PASSES if event in odd else T0 for event in frame]


def test_what_people_do_from_one_day_to_the_next_passes_by_as_it_is_looked_at_one_by_one() -> None:
    program = compile_rulebook(parse(trial(), bases()).rulebook, 1)
    midnight = (T0 // DAY + 1) * DAY
    before = [usage(f"b{n}", midnight - 500 + n, "Seen", person=f"p{n % 3}") for n in range(60)]
    events = [usage(f"m{n}", midnight - 100 + 10 * n, "Seen", person=f"p{n % 3}") for n in range(40)]
    accounts = [Account.new("acme-mail", "acc_9") for _ in range(2)]
    for account in accounts:
        for event in before:
            process(program, account, event, place(event.received_at))
    one_by_one, in_a_row = accounts
    for event in events:
        assert process(program, one_by_one, event, place(event.received_at)) == []
    noted, n, passing_by = list(notes(program, columns_of(events), range(len(events)), spared=True)), 0, 0
    while n < len(events):
        after, is_folded = passed(program, in_a_row, noted, n, len(noted), events.__getitem__)
        passing_by += after - n
        if after < len(events):
            judge = judged_in_order if is_folded else process
            assert judge(program, in_a_row, events[after], place(events[after].received_at)) == []
        n = after + 1
    assert passing_by > 30
    assert in_a_row.dump() == one_by_one.dump()


def test_what_is_used_up_outlives_no_event() -> None:
    """However it came to stay: from then on all that it counts is looked at."""
    story = resting(10)
    touches = story.program.reactions.by_key["Email Sent"].touches
    event = usage("s1", T0 + 2 * DAY, "Email Sent")
    seen = (event.timestamp, event.person, event.name)
    assert story.account.resting.outlives(*seen, touches)
    rest = story.account.resting.rests["limit/emails"]
    while rest.lasts(event):
        pass
    assert not story.account.resting.outlives(*seen, touches)
    assert not rest.lasts(event)


def test_what_rests_is_not_looked_at() -> None:
    story = resting(1)
    left = story.account.resting.rests["limit/emails"].events
    story.happens("Email Sent", 2)
    story.happens("Shared", 2, ms=1)
    assert story.account.resting.rests["limit/emails"].events == left - 1 > 20


def test_a_refusal_wakes_a_limit() -> None:
    assert types(resting(2).happens("Send Refused", 2)) == [("lead.created", "xql")]


@pytest.mark.parametrize("late", [False, True])
def test_a_smaller_plan_wakes_a_limit(late: bool) -> None:
    story = resting(5)
    told = story.plan("free", 0.5 if late else 2)
    assert ("lead.created", "pql") in types(told)


def test_late_events_count() -> None:
    """So many that the next one in order is enough."""
    story = resting(29)
    assert story.happens("Email Sent", 0.5) == story.happens("Email Sent", 0.6) == []
    assert types(story.happens("Email Sent", 2)) == [("lead.created", "xql")]


def test_another_rulebook_begins_anew() -> None:
    story = resting(10)
    story.program = compile_rulebook(RULEBOOK, 4)
    assert story.happens("Email Sent", 2) == []
    assert story.account.resting.rests["limit/emails"].events == 20


def test_days_of_premium_use_are_waited_for_one_by_one() -> None:
    """An event is on one day, however many features it uses."""
    story = Story(compile_rulebook(wanting_premium_days(4), 4))
    story.plan("free", 0)
    assert story.happens("Automation Opened", 1) == []
    rest = story.account.resting.rests["premium"]
    assert (rest.part, rest.events) == (1, 3)
    assert story.happens("AB Opened", 2) == story.happens("Automation Opened", 3) == []
    assert types(story.happens("Automation Opened", 4)) == [("lead.created", "pql")]


def test_more_of_the_same_day_is_not_looked_at_and_the_next_day_is() -> None:
    story = Story()
    story.plan("free", 0)
    assert all(story.happens("Automation Opened", 1, ms=n) == [] for n in range(2))
    rest = story.account.resting.rests["premium"]
    assert all(story.happens("Automation Opened", 1, ms=n) == [] for n in range(2, 9))
    assert story.account.resting.rests["premium"] is rest
    assert types(story.happens("Automation Opened", 2)) == [("lead.created", "pql")]


def test_what_stands_nowhere_rests_from_the_first_event_on_and_goes_on_where_another_is_only_to_be_looked_at_sooner() -> None:
    story = Story(compile_rulebook(parse(trial(), bases()).rulebook, 1))
    assert story.happens("Email Sent", 1, person="p0") == []
    resting = dict(story.account.resting.rests)
    assert {"limit/emails", "limit/contacts", "premium", "growth"} <= resting.keys()
    for n in range(1, 5):  # with these there are as many people as it asks for: what is left is for time to bring
        assert "growth" not in story.account.ledger.rules
        assert story.happens("Report Viewed", 1, ms=n, person=f"p{n}") == []
    assert story.account.ledger.rules["growth"].due < NEVER
    rests = story.account.resting.rests
    assert [name for name, rest in resting.items() if rests.get(name) is not rest] == ["growth"]


def test_a_gauge_rests_below_its_first_step_and_not_at_it() -> None:
    story = Story()
    story.plan("free", 0)
    assert story.contacts(3, 1) == []
    rest = story.account.resting.rests["limit/contacts"]
    assert all(story.contacts(total, 2, ms=n) == [] for n, total in enumerate((7.99, 1, 7.999)))
    assert story.account.resting.rests["limit/contacts"] is rest
    assert types(story.contacts(8, 3)) == [("lead.created", "pql")]


@pytest.mark.parametrize("plan", ["free", None])
def test_a_gauge_that_rests_is_woken_by_a_smaller_plan_and_by_a_refusal(plan: str | None) -> None:
    story = Story()
    story.plan("standard", 0)
    assert story.contacts(30, 1) == []
    assert story.account.resting.rests["limit/contacts"].below > 0
    assert story.happens("Import Refused", 2) if plan is None else story.plan(plan, 2)


def test_a_step_that_is_done_is_not_looked_at_again_and_the_next_one_is() -> None:
    story = Story()
    story.plan("free", 0)
    assert story.happens("Signed Up", 1, person="ada") == story.happens("Imported", 1, ms=1, person="ada") == []
    rest = story.account.resting.rests["onboarded"]
    assert story.happens("Imported", 2, person="ada") == story.happens("Signed Up", 2, ms=1, person="ada") == []
    assert story.account.resting.rests["onboarded"] is rest
    assert types(story.happens("Sent", 3, person="ada")) == [("lead.created", "pql")]


def test_nothing_that_is_touched_is_looked_at_where_nothing_could_rise() -> None:
    story = resting(1)
    rests = dict(story.account.resting.rests)
    assert story.happens("Signed Up", 2) == []
    assert all(story.account.resting.rests[name] is rest for name, rest in rests.items() if name != "onboarded")


@pytest.mark.parametrize("ms", [0, 1])
def test_a_late_event_wakes_nobody_who_has_rested_since_before(ms: int) -> None:
    """`ms` 0: it comes at the instant of the newest."""
    story = resting(2)
    assert story.happens("Shared", 3, ms=ms) == []
    rest = story.account.resting.rests["limit/emails"]
    left = rest.events
    assert story.happens("Email Sent", 3) == []
    assert story.account.resting.rests["limit/emails"] is rest
    assert rest.events == left - 1


def test_what_a_late_event_brings_at_its_own_time_is_seen_though_it_does_not_last() -> None:
    """The gauge fell again since: as of the newest instant there is nothing."""
    story = Story()
    story.plan("free", 0)
    assert story.contacts(3, 1) == story.contacts(2, 4) == []
    assert types(story.contacts(9, 2)) == [("lead.created", "pql")]


def test_a_late_event_of_before_it_was_seen_to_rest_counts_at_its_own_time() -> None:
    """Two days of three are known when it is looked at last; the third lies before."""
    story = Story(compile_rulebook(wanting_premium_days(3), 4))
    story.plan("free", 0)
    assert story.happens("Automation Opened", 3) == story.happens("Automation Opened", 4) == []
    assert types(story.happens("Automation Opened", 2)) == [("lead.created", "pql")]


def test_a_late_event_of_before_a_line_was_seen_to_fail_counts_at_its_own_time() -> None:
    """As of the newest instant the rule rests on a line that the late event does not change, and that held when it happened."""
    story = Story(compile_rulebook(wanting(is_text("mood", "good"), at_least("imports_ever", 2)), 4))
    story.plan("free", 0)
    assert story.happens("Surveyed", 1, properties={"mood": "good"}) == story.happens("Imported", 1, ms=1) == []
    assert story.happens("Surveyed", 3, properties={"mood": "bad"}) == story.happens("Imported", 12) == []
    assert "premium" in story.account.resting.rests
    [created] = story.happens("Imported", 2)
    assert [signal["rule"] for signal in created.data["signals"]] == ["premium"]


def wanting_premium_days(days: int) -> Rulebook:
    return wanting(at_least("premium_days", days))


def wanting(*when: Condition) -> Rulebook:
    """`premium` is about something else."""
    rules = [replace(rule, when=when) if rule.name == "premium" else rule for rule in RULEBOOK.rules]
    return replace(RULEBOOK, rules=tuple(rules))


def test_a_forecast_rests_until_tomorrow_but_not_from_what_else_happens_at_midnight() -> None:
    """Somebody looks tomorrow, for terms change; the line is drawn through all of this midnight."""
    book = BOOK.replace(
        "emails: 10}, has: []}",
        "emails: 10}, has: []}\n  - {from: 2026-05-29, stage: free, price: 0, allows: {contacts: 500, emails: 9}, has: []}",
    )
    book = book.replace("free: {", "free:\n  - {")
    story = Story(compiled("  r: {lead: pql, each: limit, when: ['limit.full_in <= 4d'], say: x}", book=book))
    story.plan("free", 0)
    assert [story.happens("Email Sent", 1) for _ in range(6)] == [[]] * 6
    assert types(story.happens("Email Sent", 1)) == [("lead.created", "pql")]
