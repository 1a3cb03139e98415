"""Plans whose terms change on a day: what is in force, when that is an instant, and trials that follow."""

from detector.core.account import Account
from detector.core.facts.facts import Facts
from detector.core.facts.people import OWN, PLAN
from detector.core.instants import NEVER
from detector.core.judge import process
from detector.core.measures.plan import Ladder
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from tests.detector.core.sample import DAY, T0, place, usage

RULEBOOK = compile_rulebook(
    parse(
        """
project: huddle
limits: {seats: {last: properties.n, of: Seats Counted}}
features: {sso: {used: SSO Opened}, audit: {used: Audit Opened}}
plans:
  free:
    - {stage: free, allows: {seats: 5}, has: [sso]}
    - {from: 2026-05-30, stage: free, allows: {seats: 3}, has: [audit]}
  pro:
    - {from: 2026-01-01, stage: paying, price: 8, allows: {seats: 10}, has: [sso]}
    - {from: 2026-06-01, stage: paying, price: 9, allows: {seats: 20}, has: [sso, audit]}
  tour: {stage: trial, like: pro, days: 10, then: free}
no_plan: free
""",
        {},
    ).rulebook,
    1,
)
LADDER: Ladder = RULEBOOK.ladder
MAY_30, JUNE = T0 + 3 * DAY, T0 + 5 * DAY


def said(*plans: tuple[int, object]) -> Facts:
    facts = Facts()
    for number, (t, plan) in enumerate(plans):
        facts.traits.add(OWN, PLAN, t, f"m{number:04}", plan)
    return facts


def allowed(facts: Facts, t: int) -> float | None:
    plan = LADDER.standing(facts, t).plan
    assert plan is not None
    return plan.allows["seats"]


def test_terms_count_from_the_first_millisecond_of_their_day_and_the_first_ones_since_ever() -> None:
    assert [allowed(Facts(), t) for t in (0, MAY_30 - 1, MAY_30, JUNE)] == [5, 5, 3, 3]
    facts = said((0, "pro"))
    assert [allowed(facts, t) for t in (0, MAY_30, JUNE - 1, JUNE)] == [10, 10, 10, 20]


def test_the_days_on_which_terms_change_are_instants_and_no_changes_of_plan() -> None:
    facts = said((T0, "pro"))
    assert [LADDER.next(facts, t) for t in (T0, MAY_30, JUNE)] == [MAY_30, JUNE, NEVER]
    assert LADDER.changes(facts, T0, JUNE + DAY) == []
    assert LADDER.timed


def test_a_trial_follows_the_plan_that_it_is_like_and_the_one_that_comes_after_it() -> None:
    facts = said((T0, "tour"))
    assert [allowed(facts, t) for t in (T0, JUNE - 1, JUNE, T0 + 10 * DAY)] == [10, 10, 20, 3]
    kept = [LADDER.standing(facts, t).kept for t in (T0, MAY_30, JUNE)]
    assert kept == [{"sso"}, {"audit"}, {"audit"}]
    assert LADDER.standing(facts, JUNE).trial_ends_at == T0 + 10 * DAY


def test_what_was_in_force_over_a_time_is_split_where_terms_change() -> None:
    facts = said((T0 + DAY, "pro"))
    spans = [(begin, end, standing.name) for begin, end, standing in LADDER.spans(facts, T0, JUNE + DAY)]
    assert spans == [
        (T0, T0 + DAY, "free"),
        (T0 + DAY, MAY_30, "pro"),
        (MAY_30, JUNE, "pro"),
        (JUNE, JUNE + DAY, "pro"),
    ]


def test_after_the_last_day_on_which_terms_change_a_rule_needs_no_timer_and_rests() -> None:
    text = """
project: p
limits: {seats: {last: properties.n, of: Seats Counted}}
plans:
  free: [{stage: free, allows: {seats: 5}}, {from: 2026-05-30, stage: free, allows: {seats: 3}}]
no_plan: free
rules: {full: {lead: pql, each: limit, at: [100%], say: x}}
lead_types: {pql: {to: sales, answer_in: 9999h, do: x}}
"""
    program, account = compile_rulebook(parse(text, {}).rulebook, 1), Account.new("acme-mail", "acc_9")
    full = program.judged["full/seats"]
    assert [full.moves_at(t) for t in (T0, MAY_30 - 1, MAY_30)] == [True, True, False]
    for number, t in enumerate((T0, T0 + 1, MAY_30 + 1, MAY_30 + 2)):
        process(program, account, usage(f"m{number}", t, "Seats Counted", properties={"n": 1}), place(t))
        due = account.ledger.rules["full/seats"].due if "full/seats" in account.ledger.rules else NEVER
        assert due == (MAY_30 if t < MAY_30 else NEVER)
    assert "full/seats" in account.resting.rests
