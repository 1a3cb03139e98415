"""Facts that are gathered beside an account, how they are stored, and how they take their place."""

import pytest

from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.backfill import gather, gathering
from detector.core.fold import fold
from detector.core.judge import advance, process
from detector.core.rulebook.adoption import Switch, filled, missing, switched
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place, usage
from tests.detector.core.story import Story, types

FIRST = """
project: acme-mail
use: b2b-saas@1
"""
SECOND = (
    FIRST
    + """\
measures:
  opened: {count: Opened}
  rooms: {distinct: properties.room, of: Opened, window: 30d}
  stuck: {absent: Closed, after: Opened, within: 3d}
rules:
  busy: {lead: pql, when: [opened >= 3, rooms >= 2, 'person.department == \"sales\"'], say: "{opened} opened"}
  gone: {lead: pql, when: [stuck], say: "stuck"}
"""
)
Stored = dict[tuple[str, int], bytes]


def _program(text: str, version: int) -> Program:
    return compile_rulebook(parse(text, bases()).rulebook, version)


ONE, TWO = _program(FIRST, 1), _program(SECOND, 2)
KNOWN = switched({}, Switch(ONE, TWO, T0))
BEGAN = compile_rulebook(TWO.rulebook, 2, KNOWN)


def _restarted(account: Account, chunks: Stored) -> Account:
    dump = account.dump()
    chunks.update(dump.chunks)
    for chunk in [chunk for chunk, body in chunks.items() if not body]:
        del chunks[chunk]
    return Account.load(account.project, account.external_id, dump.hot, chunks)


def _happens(n: int) -> UsageEvent:
    person, at = f"p{n % 40}", T0 + n * 900_000
    if n % 3 == 0:
        return usage(f"m{n}", at, kind="identify", person=person, traits={"department": f"d{n}", "title": "CEO"})
    return usage(f"m{n}", at, "Opened", person=person, properties={"room": f"r{n % 7}"})


@pytest.mark.parametrize("number", [3, 900])
def test_what_was_gathered_is_what_had_been_kept_and_nothing_else_is_left_of_it(number: int) -> None:
    account, always, chunks = Account.new("acme-mail", "acc_9"), Account.new("acme-mail", "acc_9"), Stored()
    gathers = gathering(BEGAN, missing(KNOWN))
    said = [_happens(n) for n in range(number)]
    for n, each in enumerate(said):
        fold(TWO, always.facts, each)
        fold(ONE, account.facts, each)
        gather(gathers, account, each)
        if n % 200 == 2:
            account = _restarted(account, chunks)
    assert any(key.startswith("~2/") for key, _ in chunks) is (number > 3)
    account = _restarted(account, chunks)
    account.take_over(compile_rulebook(TWO.rulebook, 2, filled(KNOWN, 2, -1)).filled, 2)
    account = _restarted(account, chunks)
    _restarted(always, {})
    for key in missing(KNOWN) - {"person.department"}:
        if key in always.facts.milestones.firsts:
            assert account.facts.milestones.firsts[key] == always.facts.milestones.firsts[key]
        else:
            kept, taken = always.facts.store(key), account.facts.store(key)
            assert taken.chunks(everything=True) == kept.chunks(everything=True)
    for n in range(40):
        for trait in ("department", "title"):
            said_of = [each.facts.people.history(f"p{n}", trait) for each in (account, always)]
            assert [of and of.entries for of in said_of[:1]] == [of and of.entries for of in said_of[1:]]
    assert not any(key.startswith("~") for key, _ in chunks)
    assert account.facts.newest == always.facts.newest


def test_what_was_gathered_for_a_version_that_was_overtaken_goes() -> None:
    account, chunks = Account.new("acme-mail", "acc_9"), Stored()
    gathers = gathering(BEGAN, missing(KNOWN))
    gather(gathers, account, usage("m0", T0, "Opened"))
    account = _restarted(account, chunks)
    account.take_over({}, 2)
    account = _restarted(account, chunks)
    assert not account.is_empty, "this is still the version"
    account.take_over({}, 3)
    assert _restarted(account, chunks).is_empty


LOOKS = """
limits:
  contacts: {last: properties.total, of: Counted}
measures:
  mood: {last: properties.mood, of: Surveyed}
  opened: {count: Opened}
  old: {count: Sent}
plans:
  free: {stage: free, price: 0, allows: {contacts: 10}, has: []}
no_plan: free
score: {warm: 5, hot: 20, behaviour: [{if: opened >= 1, points: 5}, {rule: asks, points: 5}]}
rules:
  by-limit: {lead: pql, each: limit, at: [80%], say: "x"}
  by-newest: {lead: pql, when: ['mood == "good"'], say: "x"}
  by-person: {lead: pql, when: ['person.department == "it"'], say: "x"}
  by-other: {lead: pql, when: [rules.by-newest, old >= 1], say: "x"}
  by-score: {lead: pql, when: [score >= 5], say: "x"}
  asks: {lead: pql, event: Asked, say: "x"}
  asks-more: {lead: pql, event: Asked, when: [opened >= 1], say: "x"}
  by-old: {lead: pql, when: [old >= 2], say: "x"}
"""
OLD = """
measures: {old: {count: Sent}}
rules: {by-old: {lead: pql, when: [old >= 1], say: "x"}}
plans:
  free: {stage: free, price: 0, allows: {}, has: []}
no_plan: free
"""


def test_a_rule_waits_if_anything_that_it_rests_on_is_missing_and_is_judged_anew_when_it_no_longer_is() -> None:
    old, new = _program(FIRST + OLD, 1), _program(FIRST + LOOKS, 2)
    known = switched({}, Switch(old, new, T0))
    judged = compile_rulebook(new.rulebook, 2, known).judged.values()
    whole = compile_rulebook(new.rulebook, 2, filled(known, 2, -1)).judged.values()
    ours = [each.name for each in new.rulebook.rules if each.name.startswith(("by-", "asks"))]
    waiting = {each.rule.name for each in judged if each.waits} & {*ours}
    assert waiting == {"by-limit", "by-newest", "by-person", "by-other", "by-score", "asks-more"}
    assert not any(each.waits for each in whole)
    assert {each.rule.name for each in whole if each.filled == 2} & {*ours} == waiting | {"asks"}


def test_where_the_plan_is_said_may_change_and_it_is_read_again() -> None:
    plans = "plans: {free: {stage: free, price: 0, has: []}, big: {stage: paying, price: 9, has: []}}\nno_plan: free\n"
    by_tier, by_trait = _program(f"{FIRST}{plans}plan: {{from: account.tier}}\n", 1), _program(FIRST + plans, 2)
    known = switched({}, Switch(by_tier, by_trait, T0))
    account, said = Account.new("acme-mail", "acc_9"), usage("g", T0 - 1, kind="group", traits={"plan": "big", "tier": "free"})
    account.came(1)
    fold(by_tier, account.facts, said)
    began = compile_rulebook(by_trait.rulebook, 2, known)
    assert began.ladder.is_partly(account.facts, T0)
    gather(gathering(began, missing(known)), account, said)
    whole = compile_rulebook(by_trait.rulebook, 2, filled(known, 2, -1))
    account.take_over(whole.filled, 2)
    assert whole.ladder.standing(account.facts, T0).stage == "paying"
    assert not whole.ladder.is_partly(account.facts, T0)


@pytest.mark.parametrize("more", ["", ", worst_by: properties.list"])
def test_who_had_reached_a_step_of_a_new_limit_is_told_once_the_log_was_read_again(more: str) -> None:
    """Whatever other limits there are: another one has no refusals either."""
    text = (
        FIRST
        + """\
plans: {free: {stage: free, price: 0, allows: {mails: 10}, has: []}}
no_plan: free
limits:
  mails: {count: Emailed, resets: month}
"""
    )
    seats = f"""\
  seats: {{last: properties.total, of: Measured{more}}}
rules:
  full: {{lead: pql, each: limit, at: [80%], on_enable: fire_all, say: "full"}}
"""
    story, new = Story(_program(text, 1)), _program(text.replace("mails: 10", "mails: 10, seats: 10") + seats, 2)
    said = usage("m1", T0, "Measured", properties={"total": 9, "list": "a"})
    process(story.program, story.account, said, place(T0, 1))
    known = switched({}, Switch(story.program, new, T0 + DAY))
    began = compile_rulebook(new.rulebook, 2, known)
    assert advance(began, story.account, place(T0 + DAY, 2)) == []
    gather(gathering(began, missing(known)), story.account, said)
    whole = compile_rulebook(new.rulebook, 2, filled(known, 2, -1))
    assert types(advance(whole, story.account, place(T0 + 2 * DAY, 3))) == [("lead.created", "pql")]
