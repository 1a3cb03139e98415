"""What makes a signal and what must stay silent: steps, windows, cooldown, lateness, plans."""

from dataclasses import replace

from detector.core.account import Account
from detector.core.judge import Verdict, holds, process
from detector.core.measures.moment import Moment
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Rule
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, RULEBOOK, T0, at_least, is_text, number, place, usage
from tests.detector.core.story import PROGRAM, Story, types


def _contacts(program: Program, account: Account, t: int) -> Verdict:
    return holds(program.judged["limit/contacts"], Moment(account.facts, program.ladder, t))


def test_a_gauge_that_passes_a_step_makes_a_lead_and_says_why() -> None:
    story = Story()
    assert story.contacts(7, 1) == []
    [created] = story.contacts(8, 2)
    assert created.type == "lead.created"
    assert created.data["summary"] == "acc_9 has used 8 of 10 contacts on free (80 %)"
    [evidence] = created.data["evidence"]
    assert evidence == {
        "rule": "limit/contacts",
        "condition": "limit.percent >= 80%",
        "value": 80,
        "threshold": 80,
        "window": None,
        "message_ids": ["m2", "m1"],
    }


def test_a_higher_step_raises_the_same_signal_and_a_lower_one_is_silent() -> None:
    story = Story()
    [created] = story.contacts(8, 1)
    assert story.contacts(3, 2) == []
    assert story.contacts(9, 3) == []
    [raised] = story.contacts(10, 4)
    [refused] = story.happens("Import Refused", 5)
    assert story.happens("Import Refused", 6) == []
    assert [each.type for each in (raised, refused)] == ["lead.updated", "lead.updated"]
    steps = [each.data["signals"] for each in (created, raised, refused)]
    assert [[signal["step"] for signal in each] for each in steps] == [["80%"], ["100%"], ["refused"]]
    assert len({signal["signal_id"] for each in steps for signal in each}) == 1
    assert [each.data["revision"] for each in (created, raised, refused)] == [1, 2, 3]
    assert raised.data["changes"] == [{"field": "step", "rule": "limit/contacts", "old": "80%", "new": "100%"}]


def test_the_cooldown_ends_exactly_fourteen_days_after_the_signal() -> None:
    for ms, signals in ((-1, 1), (0, 2)):
        story = Story()
        story.contacts(8, 1)
        story.contacts(0, 2)
        story.contacts(8, 15, ms=ms)
        assert story.account.ledger.rules["limit/contacts"].n == signals


def test_a_limit_that_stays_full_makes_no_second_signal_after_the_cooldown() -> None:
    story = Story()
    story.contacts(10, 1)
    assert story.contacts(10, 20) == []
    assert story.contacts(9, 30) == []


def test_where_nothing_is_allowed_any_use_is_all_of_it() -> None:
    nothing = replace(RULEBOOK.plans[0], allows={"contacts": 0})
    program = compile_rulebook(replace(RULEBOOK, plans=(nothing,)), 1)
    for total, held in ((0, False), (1, True)):
        account = Account.new("acme-mail", "acc_9")
        process(program, account, usage("m1", T0, "Counted", properties={"total": total}), place(T0))
        assert _contacts(program, account, T0).held is held


def test_a_plan_without_a_cap_never_fires() -> None:
    story = Story()
    story.plan("premium", 0)
    assert story.contacts(10_000, 1) == []
    assert story.happens("Import Refused", 2) == []


def test_an_unknown_plan_leaves_limits_unknown_and_fires_nothing() -> None:
    story = Story()
    story.plan("mystery", 0)
    assert story.contacts(10_000, 1) == []
    assert _contacts(PROGRAM, story.account, T0 + DAY).held is None
    assert story.happens("Upgrade Clicked", 2, person="ada")[0].data["account"]["plan"] == "mystery"


def test_a_counter_starts_anew_with_the_calendar_month_in_utc() -> None:
    story = Story()
    for day in (1, 2, 3):
        assert story.happens("Email Sent", day) == []
    last_of_may = story.happens("Email Sent", 5, ms=-1)
    assert types(last_of_may) == [("lead.created", "pql")]
    first_of_june = Story()
    for day in (1, 2, 3):
        first_of_june.happens("Email Sent", day)
    assert first_of_june.happens("Email Sent", 5) == []


def test_evidence_cites_no_message_that_its_value_does_not_count() -> None:
    story = Story()
    story.happens("Send Refused", -10)
    for day in (3, 4):
        story.happens("Email Sent", day)
    for day in (6, 7, 8):
        story.happens("Email Sent", day)
    [of_june] = [each.data["evidence"][-1] for each in story.happens("Email Sent", 9)]
    assert (of_june["value"], of_june["message_ids"]) == (100, ["m7", "m6", "m5", "m4"])
    [refused] = [each.data["evidence"][-1] for each in story.happens("Send Refused", 12)]
    assert (refused["value"], refused["window"], refused["message_ids"]) == (1, "7d", ["m8"])


def test_a_window_holds_an_event_until_a_millisecond_before_its_length_has_passed() -> None:
    for ms, count in ((-1, 3), (0, 2)):
        story = Story()
        story.happens("Uploaded", 1)
        story.happens("Uploaded", 2)
        lead_events = story.happens("Uploaded", 8, ms=ms)
        assert bool(lead_events) is (count == 3)


def test_a_raised_limit_rearms_its_rule_within_the_cooldown() -> None:
    story = Story()
    story.contacts(9, 0)
    [refused] = story.happens("Import Refused", 0.5)
    assert types(story.plan("standard", 1)) == [("lead.won", "pql")]
    [outgrown] = story.contacts(99, 2)
    assert types([outgrown]) == [("lead.created", "xql")]
    assert outgrown.data["signals"][0]["signal_id"] != refused.data["signals"][0]["signal_id"]
    assert story.contacts(50, 3) == story.contacts(99, 4) == [], "the same limit is not raised twice"


def test_what_the_cooldown_silenced_is_told_once_it_is_over_if_it_still_holds() -> None:
    story = Story()
    story.contacts(9, 1)
    story.contacts(1, 2)
    assert [story.contacts(9, day) for day in (3, 9, 14)] == [[], [], []]
    [again] = story.contacts(9, 16)
    assert (again.type, again.data["changes"][0]["field"]) == ("lead.updated", "signal")
    assert again.data["signals"][-1]["at"] == "2026-06-11T00:00:00.000Z", "where the cooldown ended"
    assert story.contacts(9, 40) == [], "told once"
    gone = Story()
    for total, day in ((9, 1), (1, 2), (9, 3), (1, 14)):
        gone.contacts(total, day)
    assert gone.contacts(1, 16) == []


def test_a_window_that_ran_out_and_filled_again_within_the_cooldown_is_told_after_it() -> None:
    once = Rule("once", ("once",), "usage_growth", when=(at_least("imports", 1),))
    story = Story(compile_rulebook(replace(RULEBOOK, rules=(once,)), 1))
    told = {day: bool(story.happens("Imported", day)) for day in (0, 7.1, 13, 14, 15)}
    # The import of day 0 has left the window of 7 days when that of day 7.1 fills it again.
    assert told == {0: True, 7.1: False, 13: False, 14: True, 15: False}


def test_a_refusal_that_was_told_hides_no_step_that_is_reached_after_it() -> None:
    story = Story()
    for total, day in ((8, 0), (10, 2)):
        story.contacts(total, day)
        story.happens("Import Refused", day + 1)
    assert story.contacts(10, 13) == []
    [later] = story.contacts(10, 15)
    assert later.data["signals"][-1]["step"] == "100%"


def test_an_event_out_of_order_is_judged_at_its_own_instant() -> None:
    story = Story()
    story.happens("Something Else", 3)
    [created] = story.contacts(8, 2, arrives=3.5, late_ms=DAY)
    assert created.data["qualified_at"] == "2026-05-29T00:00:00.000Z"


def test_an_event_beyond_lateness_is_judged_once_at_partition_time() -> None:
    story = Story()
    story.happens("Something Else", 3)
    [created] = story.contacts(8, 2, arrives=3.5, late_ms=DAY + 1)
    assert created.data["qualified_at"] == "2026-05-30T12:00:00.000Z"
    assert story.happens("Something Else", 2.9, arrives=3.6) == [], "and late events do not judge it again"


def test_an_event_beyond_lateness_decides_nothing_at_its_own_instant() -> None:
    story = Story()
    assert story.happens("Upgrade Clicked", 1, person="ada", late_ms=DAY + 1, arrives=3) == []
    assert story.happens("Import Refused", 1.5, late_ms=DAY + 1, arrives=3) == []
    on_time = Story()
    assert on_time.happens("Upgrade Clicked", 1, person="ada", late_ms=DAY, arrives=3) != []


def test_a_request_a_little_out_of_order_is_not_lost() -> None:
    story = Story()
    story.happens("Something Else", 3)
    [created] = story.happens("Upgrade Clicked", 2.9, person="ada", arrives=3.2)
    assert created.data["people"][0] | {"last_seen": None} == {
        "role": "asker",
        "external_id": "ada",
        "email": None,
        "first_name": None,
        "last_name": "ada",
        "title": None,
        "timezone": None,
        "last_seen": None,
        "may_contact": None,
    }


def test_an_account_without_no_plan_has_its_first_known_plan_since_ever() -> None:
    program = compile_rulebook(replace(RULEBOOK, no_plan=None), 1)
    account = Account.new("acme-mail", "acc_9")
    counted = usage("m1", T0, "Counted", properties={"total": 10})
    assert process(program, account, counted, place(T0)) == []
    assert _contacts(program, account, T0).held is None
    group = usage("m2", T0 + DAY, kind="group", traits={"plan": "free"})
    assert types(process(program, account, group, place(T0 + DAY))) == [("lead.created", "pql")]
    assert _contacts(program, account, T0).held is True


def test_a_plan_that_becomes_known_makes_what_was_used_before_it_premium() -> None:
    program = compile_rulebook(replace(RULEBOOK, no_plan=None), 1)
    account = Account.new("acme-mail", "acc_9")
    for day in (0, 1):
        opened = usage(f"m{day}", T0 + day * DAY, "Automation Opened")
        assert process(program, account, opened, place(opened.received_at)) == []
    group = usage("m2", T0 + 2 * DAY, kind="group", traits={"plan": "free"})
    [created] = process(program, account, group, place(group.received_at))
    assert created.data["evidence"][0]["message_ids"] == ["m1", "m0"]


def test_heavy_use_of_a_premium_feature_counts_as_many_days_as_light_use() -> None:
    deep = Rule("deep", (number("premium_days"), " days"), "premium_feature", when=(at_least("premium_days", 4),))
    program = compile_rulebook(replace(RULEBOOK, rules=(deep,)), 1)
    for uses in (1, 1_100):
        story = Story(program)
        for use in range(3 * uses):
            assert story.happens("Automation Opened", use // uses, ms=use % uses) == []
        [created] = story.happens("Automation Opened", 3)
        [feature] = created.data["features"]
        assert (feature["name"], feature["days"]) == ("automations", 4)


def test_what_holds_says_of_a_person_is_what_is_judged_live() -> None:
    boss = Rule("boss", ("x",), "usage_growth", when=(at_least("imports", 1), is_text("person.title", "CFO")))
    program = compile_rulebook(replace(RULEBOOK, rules=(boss,)), 1)
    story = Story(program)
    story.happens(None, 0, kind="identify", person="ada", traits={"title": "CFO"})
    for day, person, held in ((1, None, None), (2, "bo", None), (3, "ada", True)):
        fired = story.happens("Imported", day, person=person)
        t = T0 + day * DAY
        verdict = holds(program.judged["boss"], Moment(story.account.facts, program.ladder, t))
        assert (verdict.held, bool(fired)) == (held, held is True)


def test_use_of_what_a_plan_has_is_not_premium_whatever_plan_comes_later() -> None:
    story = Story()
    story.plan("standard", 0)
    for day in (1, 2, 3):
        assert story.happens("Automation Opened", day) == []
    story.plan("free", 4)
    assert story.happens("Automation Opened", 5) == []
    assert types(story.happens("Automation Opened", 6)) == [("lead.created", "pql")]
