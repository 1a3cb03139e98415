"""Trials that end by themselves: where an account stands, what is premium meanwhile, and when that changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core import who
from detector.core.account import Account
from detector.core.facts.facts import Facts
from detector.core.facts.people import OWN, PLAN
from detector.core.fold import fold
from detector.core.instants import NEVER
from detector.core.judge import advance, process
from detector.core.measures import trial
from detector.core.measures.moment import Moment
from detector.core.measures.plan import Ladder
from detector.core.measures.premium import PremiumReader
from detector.core.measures.windows import Looks
from detector.core.offer import offer
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Plan
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.core.say import Speaker
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place, usage

STARTER = Plan("starter", "free", 0, {"seats": 5}, frozenset())
BUSINESS = Plan("business", "paying", 15, {"seats": 50}, frozenset({"sso"}))
ENTERPRISE = Plan("enterprise", "paying", None, {"seats": None}, frozenset({"sso", "audit"}))
TOUR = Plan("tour", "trial", 0, BUSINESS.allows, frozenset({"sso", "audit"}), 14 * DAY, "starter")
PILOT = Plan("pilot", "trial", 0, ENTERPRISE.allows, ENTERPRISE.has, 7 * DAY, "business")
OPEN = Plan("open", "trial", 0, {}, frozenset())
PLANS = (TOUR, STARTER, BUSINESS, OPEN, ENTERPRISE, PILOT)
LADDER = Ladder(PLANS, "starter")
BARE = Ladder(PLANS, None)


def said(*plans: tuple[float, object]) -> Facts:
    """(day, plan): facts of an account of which this was said."""
    facts = Facts()
    for number, (day, plan) in enumerate(plans):
        facts.traits.add(OWN, PLAN, T0 + int(day * DAY), f"m{number:04}", plan)
    return facts


def at(facts: Facts, t: int, ladder: Ladder = LADDER) -> Moment:
    return Moment(facts, ladder, t)


def day(number: float) -> int:
    return T0 + int(number * DAY)


def names(facts: Facts, *days: float, ladder: Ladder = LADDER) -> list[str | None]:
    return [ladder.standing(facts, day(each)).name for each in days]


def test_a_trial_ends_to_the_millisecond_and_the_plan_that_follows_is_in_force() -> None:
    facts = said((0, "tour"))
    last, after = LADDER.standing(facts, day(14) - 1), LADDER.standing(facts, day(14))
    assert (last.name, last.plan, last.stage, last.trial_ends_at) == ("tour", TOUR, "trial", day(14))
    assert (after.name, after.plan, after.stage, after.trial_ends_at) == ("starter", STARTER, "free", None)
    assert LADDER.standing(facts, T0 - 1).name == "starter"


def test_saying_a_trial_again_neither_begins_it_again_nor_brings_it_back() -> None:
    facts = said((0, "tour"), (5, "tour"), (13, "tour"), (20, "tour"))
    assert names(facts, 13.9, 14, 19, 20, 30) == ["tour", "starter", "starter", "starter", "starter"]
    assert LADDER.standing(facts, day(13)).trial_ends_at == day(14)


def test_a_trial_that_is_said_every_day_of_a_year_still_knows_when_it_began() -> None:
    facts = said(*((number, "tour") for number in range(365)))
    assert names(facts, 13.9, 14, 364) == ["tour", "starter", "starter"]


def test_another_plan_ends_a_trial_and_after_it_the_trial_begins_anew() -> None:
    facts = said((0, "tour"), (3, "business"), (10, "tour"))
    assert names(facts, 2, 3, 10, 23.9, 24) == ["tour", "business", "tour", "tour", "starter"]
    assert LADDER.standing(facts, day(10)).trial_ends_at == day(24)


def test_a_trial_in_another_order_of_arrival_is_the_same_trial() -> None:
    facts = said((6, "tour"), (8, "tour"), (2, "tour"))
    assert LADDER.standing(facts, day(9)).trial_ends_at == day(16)
    facts.traits.add(OWN, PLAN, day(4), "late", "business")
    assert LADDER.standing(facts, day(9)).trial_ends_at == day(20)


@pytest.mark.parametrize(("ends", "stage"), [(6.9, "free"), (7, "churned"), (8, "churned")])
def test_no_plan_is_churn_after_the_paying_plan_that_a_trial_became(ends: float, stage: str) -> None:
    assert LADDER.standing(said((0, "pilot"), (ends, None)), day(20)).stage == stage


def test_without_a_plan_for_those_without_the_first_known_trial_is_in_force_since_ever_and_ends_from_when_it_was_said() -> None:
    facts = said((10, "tour"))
    assert names(facts, 0, 23.9, 24, ladder=BARE) == ["tour", "tour", "starter"]
    assert BARE.standing(facts, T0).trial_ends_at == day(24)


def test_what_is_in_force_since_ever_is_another_trial_if_it_began_earlier_and_the_same_plan_if_that_was_only_said_earlier() -> (
    None
):
    assert BARE.since_ever(said((10, "tour"))) != BARE.since_ever(said((5, "tour"), (10, "tour")))
    assert BARE.since_ever(said((10, "business"))) == BARE.since_ever(said((5, "business"), (10, "business")))
    assert BARE.since_ever(said((10, None))) is LADDER.since_ever(said((10, "tour"))) is None


def test_a_trial_ranks_as_what_follows_it() -> None:
    facts = said((0, "starter"), (1, "tour"), (20, "business"), (30, "pilot"), (40, "enterprise"))
    assert LADDER.changes(facts, T0 - 1, day(50)) == [day(20), day(40)]
    in_trial, after = LADDER.standing(facts, day(2)), LADDER.standing(facts, day(15))
    assert (in_trial.rank, after.rank) == (1, 1)
    assert LADDER.change(in_trial, after) is None
    assert LADDER.change(in_trial, LADDER.standing(facts, day(20))) == "up"
    assert LADDER.standing(said((0, "open")), T0).rank == 3, "without an end it stands where it was written"


def test_a_change_is_compared_with_the_last_plan_that_had_a_place() -> None:
    facts = said((0, "business"), (5, "bussines"), (9, "tour"))
    assert LADDER.placed_before(facts, day(9)).name == "business"
    assert LADDER.changes(facts, T0, day(20)) == [day(9)]
    later = said((0, "tour"), (20, "misspelt"), (30, "starter"))
    assert LADDER.placed_before(later, day(30)).name == "starter", "the trial was over by then"


def test_premium_in_a_trial_is_what_the_plan_after_it_lacks() -> None:
    facts = said((0, "tour"), (20, "business"))
    for number, each in enumerate((1, 15, 21)):
        facts.store("s-sso").add(day(each), f"s{number}")
        facts.store("s-audit").add(day(each), f"a{number}")
    assert [LADDER.standing(facts, day(each)).kept for each in (1, 15, 21)] == [frozenset(), frozenset(), {"sso"}]
    reader = PremiumReader({"sso": "s-sso", "audit": "s-audit"}, Looks())
    assert reader.days(at(facts, day(22))) == {day(each) // DAY for each in (1, 15, 21)}
    assert reader.value(at(facts, day(22))) == 5, "at last single sign-on is in their plan"


def test_spans_break_where_a_trial_ends() -> None:
    facts = said((0, "tour"), (2, "tour"), (20, "business"))
    spans = [(begin, end, standing.name) for begin, end, standing in LADDER.spans(facts, day(-1), day(30))]
    assert spans == [
        (day(-1), day(0), "starter"),
        (day(0), day(14), "tour"),
        (day(14), day(20), "starter"),
        (day(20), day(30), "business"),
    ]
    assert [each[2].name for each in LADDER.spans(facts, day(14), day(15))] == ["starter"]


def test_the_next_change_is_the_next_thing_said_or_the_end_of_the_trial() -> None:
    facts = said((0, "tour"), (20, "business"))
    assert [LADDER.next(facts, day(each)) for each in (-1, 0, 13, 14, 20)] == [day(0), day(14), day(14), day(20), NEVER]


def test_the_next_change_of_an_account_without_a_plan_is_somebody_seen_for_the_first_time() -> None:
    facts = said()
    facts.activity.saw_anonymous(day(3))
    facts.activity.saw("ann", day(5))
    assert [BARE.standing(facts, day(each)).stage for each in (2, 3, 5)] == ["unknown", "visitor", "unknown"]
    assert [BARE.next(facts, day(each)) for each in (2, 3, 5)] == [day(3), day(5), NEVER]
    assert LADDER.next(facts, day(2)) == NEVER, "with `no_plan` nobody is a visitor"


SAID = ["tour", "pilot", "starter", "business", "open", "odd", "none"]
histories = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(SAID)), max_size=12)


@given(histories, st.sampled_from([LADDER, BARE]), st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=3))
def test_between_two_changes_that_were_foretold_nothing_changes(
    history: list[tuple[int, str]], ladder: Ladder, seen: list[tuple[int, bool]]
) -> None:
    facts = said(*history)
    for number, (on, named) in enumerate(seen):
        if named:
            facts.activity.saw(f"p{number}", day(on))
        else:
            facts.activity.saw_anonymous(day(on))
    t, end = day(-2), day(60)
    spans = list(ladder.spans(facts, t, end))
    assert [span[0] for span in spans[1:]] == [span[1] for span in spans[:-1]]
    while t < end:
        following = min(ladder.next(facts, t), end)
        assert following > t
        for between in (t, t + DAY // 2, following - 1):
            if t <= between < following:
                assert ladder.standing(facts, between) == ladder.standing(facts, t)
        t = following
    for begin, stop, standing in spans:
        if standing.name is not None:
            assert ladder.standing(facts, begin) == ladder.standing(facts, stop - 1) == standing


def test_what_is_left_of_a_trial_and_the_day_it_ends_on_are_unknown_outside_of_it() -> None:
    facts = said((0, "tour"))  # from 27 May 2026 on
    assert [trial.left(at(facts, day(each))) for each in (-1, 0, 13, 14)] == [None, 14 * DAY, DAY, None]
    assert trial.left(at(facts, day(14) - 1)) == 1
    assert [trial.ends_on(at(facts, day(each))) for each in (-1, 0, 14)] == [None, "10 June 2026", None]
    assert trial.left(at(said((0, "open")), day(1))) is None


def test_what_is_left_compares_otherwise_at_each_threshold_and_a_millisecond_later() -> None:
    facts = said((0, "tour"), (30, "tour"))
    thresholds = (3 * DAY, 7 * DAY)
    t, found = day(-1), []
    while t < NEVER:
        t = trial.next_left(at(facts, t), thresholds)
        found.append(t)
    assert found == [day(0), day(7), day(7) + 1, day(11), day(11) + 1, day(14), day(30), NEVER]


def test_receivers_read_when_the_trial_ends() -> None:
    facts = said((0, "tour"))
    assert who.account(at(facts, day(1)), "acc_9")["trial_ends_at"] == "2026-06-10T00:00:00.000Z"
    assert who.account(at(facts, day(14)), "acc_9")["trial_ends_at"] is None


def test_a_customer_is_who_was_told_of_a_paying_plan_not_who_tried_one() -> None:
    facts = said((0, "pilot"), (10, "enterprise"))
    assert LADDER.customer_since(facts, day(9)) is None
    assert LADDER.customer_since(facts, day(20)) == day(10)


def program_with_trials() -> Program:
    text = """project: p
use: b2b-saas@1
events: {signed_up: Signed Up}
onboarding: {steps: [signed_up]}
plans:
  starter:    {stage: free}
  business:   {stage: paying, price: 15}
  enterprise: {stage: paying, price: ask}
  tour:       {stage: trial, like: business, days: 14, then: starter}
no_plan: starter
"""
    return compile_rulebook(parse(text, bases()).rulebook, 1)


def test_the_shipped_rule_holds_once_three_days_are_left_and_says_when_the_trial_ends() -> None:
    program, facts = program_with_trials(), said((0, "tour"))
    fold(program, facts, usage("m1", day(1), "Signed Up"))
    rule = program.judged["trial-ends"]
    times = (day(11) - 1, day(11), day(14) - 1, day(14))
    assert [rule.guard(at(facts, t, program.ladder)) for t in times] == [False, True, True, None]
    text = Speaker(program, at(facts, day(11), program.ladder), "acc_9").text(rule.rule.say)
    assert text == "acc_9's trial ends on 10 June 2026; they would lose nothing"
    assert rule in [judged for judged, _ in program.reactions.to(usage("m2", day(2), None, kind="group")).touches]


def test_in_a_trial_the_plans_above_the_one_that_follows_are_offered_and_never_a_trial() -> None:
    program, facts = program_with_trials(), said((0, "tour"), (20, "enterprise"))
    offers = [offer(program, at(facts, day(each), program.ladder)) for each in (1, 15, 20)]
    assert [None if each is None else each.plan.name for each in offers] == ["business", "business", None]


def test_a_silent_account_is_told_of_what_time_alone_brings() -> None:
    text = """project: p
use: b2b-saas@1
events: {signed_up: Signed Up, imported: Imported}
onboarding: {steps: [signed_up]}
limits: {seats: {last: properties.n, of: Seats Counted}}
measures: {idle: {absent: imported, after: signed_up, within: 5d}}
plans:
  starter:  {stage: free, allows: {seats: 5}}
  business: {stage: paying, price: 15, allows: {seats: 100}}
  tour:     {stage: trial, like: business, days: 14, then: starter}
no_plan: starter
rules: {stuck: {lead: pql, when: [idle], say: "stuck"}}
"""
    program, account = compile_rulebook(parse(text, bases()).rulebook, 1), Account.new("p", "acc_9")
    happened = (
        usage("m1", T0, None, kind="group", traits={"plan": "tour"}),
        usage("m2", day(1), "Signed Up"),
        usage("m3", day(2), "Seats Counted", properties={"n": 50}),
    )
    for offset, event in enumerate(happened):
        assert process(program, account, event, place(event.received_at, offset)) == []
    told = []
    while (due := account.ledger.due) < NEVER:
        made = advance(program, account, place(due, len(happened)))
        told += [(due, each.data["signals"][-1]["text"]) for each in made if each.type != "lead.overdue"]
    assert told == [
        (day(6), "stuck"),
        (day(11), "acc_9's trial ends on 10 June 2026; they would lose nothing"),
        (day(14), "acc_9 has used 50 of 5 seats on starter (1,000 %)"),
    ]


def test_a_rule_about_what_is_left_of_a_trial_needs_no_timer_where_no_trial_ends() -> None:
    def needs_timer(tour: str) -> bool:
        head = "project: p\nuse: b2b-saas@1\naccount: [group]\ncurrency: EUR\nplans:\n"
        plans = f"  tour: {tour}\n  free: {{stage: free, price: 0, allows: {{}}, has: []}}\n"
        return compile_rulebook(parse(head + plans, bases()).rulebook, 1).judged["trial-ends"].moves_at(0)

    assert needs_timer("{stage: trial, price: 0, allows: {}, has: [], days: 14, then: free}")
    assert not needs_timer("{stage: trial, price: 0, allows: {}, has: []}")
