"""Rules that look at rules: in what order they are compiled, what is behind them, and that many cost no more than few."""

from time import process_time

import pytest

from detector.core.facts.facts import Facts
from detector.core.measures.moment import Moment
from detector.core.measures.plan import Ladder
from detector.core.rulebook.compile import Program, compile_rulebook
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.verdict import holds

HEAD = "project: p\nlead_types: {pql: {to: sales, answer_in: 1h, do: x}}\nrules:\n"


def program(**rules: str) -> Program:
    text = "".join(f"  {name}: {{lead: pql, when: ['{when}'], say: x}}\n" for name, when in rules.items())
    return compile_rulebook(parse(HEAD + text, {}).rulebook, 1)


def held(program: Program, rule: str) -> bool | None:
    return holds(program.judged[rule], Moment(Facts(), Ladder((), None), 0)).held


def test_a_rule_may_stand_before_the_one_that_it_looks_at() -> None:
    rules = program(a="rules.b", b="not rules.c", c="stage == free", d="rules.a and rules.c")
    assert [held(rules, name) for name in "abcd"] == [True, True, False, False]
    assert list(rules.judged) == ["a", "b", "c", "d"], "the rulebook's order decides which is told first"


def test_what_is_unknown_of_a_rule_is_unknown_to_those_that_look_at_it() -> None:
    rules = program(a="rules.b", b="account.size > 3", c="not rules.b", d="rules.b or stage == unknown")
    assert [held(rules, name) for name in "abcd"] == [None, None, None, True]


def test_two_hundred_rules_that_each_look_at_the_two_before_are_judged_at_once() -> None:
    """Written into one another they would have 2^140 parts."""
    begun = process_time()
    chain = {f"r{n}": f"rules.r{n - 1} or rules.r{n - 2}" for n in range(2, 200)}
    rules = program(r0="stage == free", r1="account.size > 3", **chain)
    assert held(rules, "r199") is None
    assert rules.judged["r199"].next(Moment(Facts(), Ladder((), None), 0)) > 0
    assert len(rules.judged["r199"].sources) == 2
    assert process_time() - begun < 5


@pytest.mark.parametrize("length", [1, 2, 199])
def test_a_circle_is_named(length: int) -> None:
    with pytest.raises(RulebookError) as refused:
        program(first="rules.r0", **{f"r{n}": f"rules.r{(n + 1) % length}" for n in range(length)})
    (problem,) = refused.value.problems
    assert problem.code == "circle"
    assert problem.message.count(" → ") == length
