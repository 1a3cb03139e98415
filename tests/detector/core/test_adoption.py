"""What a partition knows after it went from one rulebook to another, and what rules make of it."""

from typing import Any

import pytest

from contracts.messages import LeadEvent
from detector.core.account import Account
from detector.core.instants import NEVER
from detector.core.judge import advance, process
from detector.core.measures.moment import Moment
from detector.core.partly import UNSURE, SomeOf, at_least, is_partly, plain
from detector.core.rulebook import logic
from detector.core.rulebook.adoption import WAY_BACK_MS, Switch, expire, expires, filled, kept, missing, switched
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.definitions import RULE, definition
from detector.core.rulebook.model import Span
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place, usage
from tests.detector.core.story import Story

FIRST = """
project: acme-mail
use: b2b-saas@1
measures:
  invites: {count: Invited, window: 7d}
rules:
  busy: {lead: pql, when: [invites >= 3], say: "{invites} invited"}
"""
SECOND = """
project: acme-mail
use: b2b-saas@1
measures:
  invites: {count: Invited, window: 7d}
  reports: {count: Reported, window: 7d}
rules:
  busy: {lead: pql, when: [invites >= 2], cooldown: 2d, say: "{invites} invited"}
  idle: {lead: mql, when: [reports < 1], say: "{reports} reports"}
"""


def program(text: str, version: int) -> Program:
    return compile_rulebook(parse(text, bases()).rulebook, version)


def facts(program: Program) -> set[str]:
    return {key for key in program.keys if key.startswith("s")}


def rules(program: Program) -> set[str]:
    return {key for key in program.keys if key.startswith(RULE)}


ONE, TWO = program(FIRST, 1), program(SECOND, 2)
THREE = program(FIRST, 3)


def test_what_a_version_adds_begins_with_its_switch_and_what_it_shares_was_always_there() -> None:
    known = switched({}, Switch(ONE, TWO, 1000))
    assert known == dict.fromkeys(TWO.keys - ONE.keys, Span(2, 1000)) | dict.fromkeys(
        facts(ONE) - facts(TWO), Span(0, 0, 1000, 1)
    )
    assert len([key for key in known if key in facts(TWO)]) == 1


def test_before_a_first_rulebook_nothing_was_kept_of_who_was_there() -> None:
    assert switched({}, Switch(None, ONE, 1000, heard=False)) == {}
    known = switched({}, Switch(None, ONE, 1000, heard=True))
    assert known == dict.fromkeys({*ONE.keys, "activity"}, Span(1, 1000))


def test_who_goes_back_within_seven_days_finds_the_facts_and_rules_begin_anew() -> None:
    known = switched(switched({}, Switch(ONE, TWO, 1000)), Switch(TWO, THREE, 2000))
    (reports,) = facts(TWO) - facts(ONE)
    assert known[reports] == Span(2, 1000, 2000, 2)
    assert kept(known, {1: ONE, 2: TWO, 3: THREE}.__getitem__).sinks[0].key == reports
    four = program(SECOND, 4)
    again = switched(known, Switch(THREE, four, 2000 + WAY_BACK_MS))
    assert again[reports] == Span(2, 1000)
    assert {again[rule] for rule in rules(four) - rules(THREE)} == {Span(4, 2000 + WAY_BACK_MS)}
    late = switched(known, Switch(THREE, four, 2001 + WAY_BACK_MS))
    assert late[reports] == Span(4, 2001 + WAY_BACK_MS)


def test_facts_that_were_always_there_and_come_back_in_time_are_as_if_they_had_never_gone() -> None:
    known = switched(switched({}, Switch(TWO, THREE, 1000)), Switch(THREE, program(SECOND, 4), 2000))
    assert {key for key, span in known.items() if span.gone == NEVER and not key.startswith(RULE)} == set()


def test_what_is_gone_for_too_long_goes() -> None:
    known = switched({}, Switch(TWO, THREE, 1000))
    assert expires(known) == 1000 + WAY_BACK_MS
    assert expire(known, 1000 + WAY_BACK_MS) == known
    assert all(span.gone == NEVER for span in expire(known, 1001 + WAY_BACK_MS).values())
    assert expires({}) == NEVER


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        (("{invites} invited", "Invites {invites}"), False),
        (("cooldown: 2d", "cooldown: 3d"), False),
        (("busy: {lead: pql,", "busy: {lead: pql, mode: shadow, on_enable: fire_all,"), False),
        (("invites >= 2", "invites  >=  2"), False),
        (("invites >= 2", "invites >= 3"), True),
        (("count: Invited, window: 7d", "count: Invited, window: 8d"), True),
        (("count: Invited,", "count: {of: Invited, where: properties.a == 1},"), True),
        (("reports: {count: Reported, window: 7d}", "reports: {count: Reported, window: 9d}"), False),
    ],
)
def test_a_rule_is_another_one_if_what_it_looks_for_is(change: tuple[str, str], is_another: bool) -> None:
    before, after = TWO.rulebook, program(SECOND.replace(*change), 3).rulebook
    busy = [next(rule for rule in book.rules if rule.name == "busy") for book in (before, after)]
    assert (definition(busy[0], before) != definition(busy[1], after)) is is_another


def _switch(story: Story, day: float, text: str = SECOND) -> list[LeadEvent]:
    old, new = story.program, program(text, story.program.version + 1)
    known = switched({}, Switch(old, new, T0 + int(day * DAY)))
    story.program = compile_rulebook(new.rulebook, new.version, known)
    return advance(story.program, story.account, place(T0 + int(day * DAY), 1000))


def _read_again(story: Story, since: float) -> None:
    """There was nothing that is missing in it."""
    new, known = story.program, switched({}, Switch(ONE, TWO, T0 + 3 * DAY))
    known = filled(known, new.version, T0 + int(since * DAY))
    story.program = compile_rulebook(new.rulebook, new.version, known)


def _signals(story: Story, rule: str) -> list[float]:
    state = story.account.ledger.rules.get(rule)
    return [] if state is None else [(signal.qualified_at - T0) / DAY for signal in state.signals]


def _passes(story: Story, day: float) -> list[LeadEvent]:
    return advance(story.program, story.account, place(T0 + int(day * DAY), 2000))


def test_a_rule_that_is_switched_on_tells_only_what_comes_later() -> None:
    story = Story(ONE)
    story.happens("Invited", 1)
    story.happens("Invited", 2)
    assert _switch(story, 3) == []
    story.happens("Invited", 4)
    assert _signals(story, "busy") == []
    story.happens("Invited", 12)
    story.happens("Invited", 13)
    assert _signals(story, "busy") == [13]


def test_rules_wait_for_the_log_to_be_read_again_and_then_find_what_they_had_found() -> None:
    story = Story(ONE)
    story.happens("Invited", 1)
    _switch(story, 3)
    _passes(story, 12)
    idle = story.program.judged["idle"]
    assert (idle.waits, story.program.judged["busy"].waits) == (True, False)
    assert _signals(story, "idle") == []
    _read_again(story, since=1.5)
    _passes(story, 12.5)
    assert _signals(story, "idle") == [8.5], "what came before day 1.5 was gone, and lies within the window until then"


def test_what_a_switch_began_is_missing_until_the_log_was_read_again() -> None:
    known = switched({}, Switch(ONE, TWO, 1000))
    assert missing(known) == facts(TWO) - facts(ONE)
    whole = filled(known, 2, -1)
    assert missing(whole) == frozenset()
    assert {whole[key] for key in missing(known)} == {Span(2, -1, filled=2)}
    assert not any(span.is_partly for key, span in whole.items() if not key.startswith(RULE))
    assert {filled(known, 2, 1000)[key] for key in missing(known)} == {Span(2, 1000, filled=-1)}, "nothing older was there"
    assert switched(whole, Switch(TWO, THREE, 2000)).keys() >= missing(known)
    again = switched(switched(whole, Switch(TWO, THREE, 2000)), Switch(THREE, program(SECOND, 4), 3000))
    assert missing(again) == frozenset(), "who goes back in time need not have it read once more"


def test_little_is_not_known_before_the_window_is_covered() -> None:
    story = Story(ONE)
    story.happens("Invited", 1)
    _switch(story, 3)
    _read_again(story, since=3)
    _passes(story, 9.9)
    assert _signals(story, "idle") == []
    _passes(story, 10)
    assert _signals(story, "idle") == [10]


def test_who_comes_after_the_switch_is_known_from_the_beginning() -> None:
    story = Story(ONE)
    _switch(story, 3)
    story.happens("Invited", 4)
    assert _signals(story, "idle") == [4]


def test_an_account_of_which_nothing_was_kept_before_is_not_taken_for_new() -> None:
    story = Story(TWO)
    story.account.came(0)
    known = switched({}, Switch(None, TWO, T0, heard=True))
    story.program = compile_rulebook(TWO.rulebook, 2, known)
    story.happens("Invited", 1)
    assert _signals(story, "idle") == []


FIVE = at_least(5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (logic.greater_equal(FIVE, 5), True),
        (logic.greater_equal(FIVE, 6), None),
        (logic.greater(FIVE, 4), True),
        (logic.greater(FIVE, 5), None),
        (logic.less(FIVE, 5), False),
        (logic.less(FIVE, 6), None),
        (logic.less_equal(FIVE, 4), False),
        (logic.less_equal(FIVE, 5), None),
        (logic.less(4, FIVE), True),
        (logic.greater(6, FIVE), None),
        (logic.equal(FIVE, 4), False),
        (logic.equal(FIVE, 5), None),
        (logic.unequal(FIVE, 4), True),
        (logic.unequal(FIVE, 5), None),
        (logic.between(FIVE, 1, 4), False),
        (logic.between(FIVE, 1, 9), None),
        (logic.greater(FIVE, at_least(3)), None),
        (logic.member(FIVE, frozenset([("number", 5)])), None),
        (logic.plus(FIVE, 1), None),
        (logic.knows(UNSURE), None),
        (logic.equal(UNSURE, 5), None),
        (logic.negative(FIVE), None),
        (logic.greater_equal(at_least(0.5), 0.5), True),
        (logic.covers(SomeOf(["a"]), frozenset([("text", "a")])), True),
        (logic.covers(SomeOf(["a"]), frozenset([("text", "b")])), None),
        (logic.covers({"a"}, frozenset([("text", "b")])), False),
    ],
)
def test_what_may_be_more_answers_only_what_is_certain(answer: Any, expected: bool | None) -> None:
    assert answer is expected


def test_nothing_was_there_before_an_accounts_first_instant_that_could_be_taken_for_told() -> None:
    """A rule that is switched on looks at the last three days; the account began today, with a plan that began an hour before."""
    text = """
    project: acme-mail
    plan: {from: account.tier, since: account.tier_since}
    plans: {free: {stage: free, price: 0}, tried: {stage: trial, price: 0, days: 14, like: free, then: free}}
    no_plan: free
    lead_types: {mql: {to: sales, do: Call, answer_in: 1h}}
    rules:
      trying: {lead: mql, when: [stage == trial], on_enable: {backfill: 3d}, say: They try it}
    """
    none = "project: acme-mail\nplans: {free: {stage: free, price: 0}}\nno_plan: free\nrules: {}\n"
    first, second = program(none, 1), parse(text, bases()).rulebook
    account = Account.new("acme-mail", "acc_9")
    process(first, account, usage("m1", T0, "Signed Up"), place(T0))
    known = switched({}, Switch(first, compile_rulebook(second, 2), T0))
    whole = compile_rulebook(second, 2, filled(known, 2, -1))
    said = usage("m2", T0, kind="group", traits={"tier": "tried", "tier_since": T0 - 3_600_000})
    process(whole, account, said, place(T0))
    assert [signal.qualified_at for signal in account.ledger.rules["trying"].signals] == [T0]


def warmed(rules: str, limits: str = "") -> tuple[Program, Account]:
    """A rulebook that is the first, at T0 + 1 day, and an account of which something was said before that."""
    text = f"""
    project: acme-mail
    billing_day: account.billed
    addons: {{pack: {{price: 5, adds: {{contacts: 100}}}}}}
    limits: {{contacts: {{last: properties.total, of: Counted}}{limits}}}
    plans: {{free: {{stage: free, price: 0, allows: {{contacts: 100}}}}}}
    no_plan: free
    measures: {{mails: {{count: Emailed, window: billing period}}}}
    lead_types: {{mql: {{to: sales, do: Call, answer_in: 1h}}}}
    rules:
      it: {{lead: mql, {rules}, on_enable: fire_all, say: x}}
    """
    whole = parse(text, bases()).rulebook
    first = program("project: acme-mail\nplans: {free: {stage: free, price: 0}}\nno_plan: free\nrules: {}\n", 1)
    account = Account.new("acme-mail", "acc_9")
    process(first, account, usage("m1", T0, "Signed Up"), place(T0))
    known = switched({}, Switch(None, compile_rulebook(whole, 2), T0 + DAY))
    return compile_rulebook(whole, 2, filled(known, 2, T0 + DAY)), account  # the log begins there


def rises(program: Program, account: Account, *events: Any) -> list[int]:
    """On which days after T0 its rules rose."""
    for event in events:
        process(program, account, event, place(event.timestamp))
    return [(signal.qualified_at - T0) // DAY for state in account.ledger.rules.values() for signal in state.signals]


def said(number: int, day: int, **traits: Any) -> Any:
    return usage(f"g{number}", T0 + day * DAY, kind="group", traits={"plan": "free", **traits})


def test_what_counts_by_billing_period_is_unknown_until_the_day_is_said() -> None:
    program, account = warmed('when: ["mails <= 1"]')
    mailed = [usage(f"e{day}", T0 + day * DAY, "Emailed") for day in (40, 41)]
    assert rises(program, account, said(1, 2), *mailed) == []
    assert rises(program, account, said(2, 42, billed=8)) == [42], "8 July: nothing was sent in the period that begins"


def test_what_a_limit_allows_is_unknown_until_its_addons_are_said() -> None:
    program, account = warmed("each: limit, at: [80%]")
    counted = [usage(f"c{day}", T0 + day * DAY, "Counted", properties={"total": 90}) for day in (3, 5, 9)]
    assert rises(program, account, said(1, 2), counted[0]) == []
    assert rises(program, account, said(2, 4, addons=["pack"]), counted[1]) == []
    assert rises(program, account, said(3, 8, addons=[]), counted[2]) == [8]


def test_what_was_said_last_is_not_known_by_what_came_late_from_before_it_was_kept() -> None:
    """Something newer may have come while nobody kept it."""
    lasting = FIRST.replace(
        "measures:\n",
        "limits:\n  seats: {last: properties.total, of: Measured}\n"
        "  lists: {last: properties.total, of: Measured, worst_by: properties.list}\n"
        "score: {fit: [{points: +20, if: size < 5}, {points: +1, if: limits.seats.used < 5}]}\n"
        "measures:\n  size: {last: properties.total, of: Measured}\n",
    ).replace("rules:\n", 'rules:\n  small: {lead: mql, when: [size <= 5, limits.seats.used <= 5], say: "{size}"}\n')
    story = Story(ONE)
    story.happens("Measured", 2, properties={"total": 9, "list": "a"})
    _switch(story, 3, lasting)

    def known(day: float) -> list[object]:
        moment = Moment(story.account.facts, story.program.ladder, T0 + int(day * DAY))
        used = (story.program.limits[name].used(moment) for name in ("seats", "lists"))
        limits = [f"at least {plain(each)}" if is_partly(each) else each for each in used]
        return [*(story.program.values[name].read(moment) for name in ("size", "score")), *limits]

    assert known(3) == [None, None, None, None]
    story.happens("Measured", 1, arrives=4, properties={"total": 1, "list": "a"})
    assert (known(4), known(1.5)) == ([None, None, None, None], [None, None, None, None])
    story.happens("Measured", 5, properties={"total": 2, "list": "b"})
    assert (known(5), known(4)) == ([2, 21.0, 2, "at least 2"], [None, None, None, None])
    newcomer = Story(story.program)
    newcomer.happens("Measured", 1, arrives=4, properties={"total": 1, "list": "a"})
    story = newcomer
    assert known(4) == [1, 21.0, 1, 1], "of who came later all is known"
