"""Conditions: precedence, types and names, from text to the model's tree."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.rulebook.conditions import type_of, typed
from detector.core.rulebook.model import (
    Aspect,
    Between,
    Binary,
    Constant,
    Covers,
    Expr,
    In,
    Known,
    Look,
    Name,
    Negative,
    Not,
    Type,
)
from detector.core.rulebook.names import WHERE, Names, Place
from detector.core.rulebook.problems import Refusal
from detector.core.rulebook.tree_walk import compared_with

NAMES = Names(
    measures={
        **dict.fromkeys(("a", "b", "c", "s", "is", "starts"), Type.NUMBER),
        "d": Type.ANY,
    },
    several=frozenset(["s"]),
    lists={"topics": ("pricing", "plans"), "none_yet": ()},
    plans=("free", "premium"),
    events=("asked", "sent"),
    limits=("e-mails",),
    rules={"on-board": "when", "x": "when", "each-limit": "each"},
)
RULE = Place("rule 'x'", rules=True, limit=True, event=True, properties=True)


def shown(expr: Expr) -> str:  # noqa: PLR0911 (one return a kind of node)
    """The tree with every parenthesis written out."""
    match expr:
        case Constant():
            return str(expr.value)
        case Aspect():
            return f"{expr.how}({expr.path})"
        case Name():
            return expr.path
        case Not():
            return f"(not {shown(expr.operand)})"
        case Negative():
            return f"(-{shown(expr.operand)})"
        case Binary():
            return f"({shown(expr.left)} {expr.operator} {shown(expr.right)})"
        case Between():
            return f"({shown(expr.value)} between {shown(expr.low)} and {shown(expr.high)})"
        case In():
            return f"({shown(expr.value)} in {list(expr.options)})"
        case Look():
            return f"({shown(expr.value)} {expr.operator} {expr.sought})"
        case Covers():
            return f"({shown(expr.value)} covers {list(expr.options)})"
        case Known():
            return f"({shown(expr.value)} is known)"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a == 1 or b == 2 and c == 3", "((a == 1) or ((b == 2) and (c == 3)))"),
        ("a == 1 and b == 2 or c == 3", "(((a == 1) and (b == 2)) or (c == 3))"),
        ("(a == 1 or b == 2) and c == 3", "(((a == 1) or (b == 2)) and (c == 3))"),
        ("not a == 1 and b == 2", "((not (a == 1)) and (b == 2))"),
        ("not not onboarding.done", "(not (not onboarding.done))"),
        ("a + b * c > 1", "((a + (b * c)) > 1)"),
        ("(a + b) * c > 1", "(((a + b) * c) > 1)"),
        ("a - b - c > 1", "(((a - b) - c) > 1)"),
        ("a / b / c > 1", "(((a / b) / c) > 1)"),
        ("a / b * c > 1", "(((a / b) * c) > 1)"),
        ("-a + b > 1", "(((-a) + b) > 1)"),
        ("-a * b > -2", "(((-a) * b) > -2)"),
        ("- - a > 1", "((-(-a)) > 1)"),
        ("a between 1 and 2 and b > 3", "((a between 1 and 2) and (b > 3))"),
        ("a between b - 1 and b + 1", "(a between (b - 1) and (b + 1))"),
        ("not a in [1, 2] or b > 3", "((not (a in [1, 2])) or (b > 3))"),
        ("a + 1 in [1, -2.5]", "((a + 1) in [1, -2.5])"),
        ("a*2>=b", "((a * 2) >= b)"),
        ("true or a<1", "(True or (a < 1))"),
        ('not d matches "x|y" and a > 1', "((not (d matches x|y)) and (a > 1))"),
        ("d starts with 'x' or d ends  with 'y'", "((d starts with x) or (d ends with y))"),
        ("account.owner is missing and a > 1", "((not (account.owner is known)) and (a > 1))"),
        ("not person.title is known", "(not (person.title is known))"),
        ("rules.on-board and not rules.x", "(rules.on-board and (not rules.x))"),
        ("limits.e-mails.used-limits.e-mails.left > 1", "((limits.e-mails.used - limits.e-mails.left) > 1)"),
    ],
)
def test_precedence(text: str, tree: str) -> None:
    assert shown(typed(text, NAMES, RULE)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("limit.percent >= 80%", "(limit.percent >= 0.8)"),
        ("limit.percent >= 12.5%", "(limit.percent >= 0.125)"),
        ("onboarding.took <= 14d", "(onboarding.took <= 1209600000)"),
        ("onboarding.took / 1h < 24", "((onboarding.took / 3600000) < 24)"),
        ("onboarding.took < 2 * 15m", "(onboarding.took < (2 * 900000))"),
        ("limit.used > limit.allowed * 50%", "(limit.used > (limit.allowed * 0.5))"),
        ("plan.change == up", "(plan.change == up)"),
        ("up == plan.change", "(up == plan.change)"),
        ("stage != churned", "(stage != churned)"),
        ('plan == "premium"', "(plan == premium)"),
        ("plan in [free, premium]", "(plan in ['free', 'premium'])"),
        ('stage in [free, "paying"]', "(stage in ['free', 'paying'])"),
        ("event == asked", "(event == asked)"),
        ("properties.topic in topics", "(properties.topic in ['pricing', 'plans'])"),
        ("properties.topic in none_yet", "(properties.topic in [])"),
        ("account.is_test", "account.is_test"),
        ("not person.opted_out", "(not person.opted_out)"),
        ("account.country == 'NO'", "(account.country == NO)"),
        ('properties.$browser.name != "it\'s"', "(properties.$browser.name != it's)"),
        ("d > properties.total", "(d > properties.total)"),
        ("account.employees between 20 and 2000", "(account.employees between 20 and 2000)"),
        ("onboarding.done == true", "(onboarding.done == True)"),
        ("since(account.born) >= 90d", "(since(account.born) >= 7776000000)"),
        ("until( d ) between 1d and 1w", "(until(d) between 86400000 and 604800000)"),
        ("trial.left between 1d and 2d", "(trial.left between 86400000 and 172800000)"),
        ("s covers ['x', 1, true]", "(values(s) covers ['x', 1, 'true'])"),
        ("s covers topics", "(values(s) covers ['pricing', 'plans'])"),
        ('s contains "x"', "(values(s) covers ['x'])"),
        ("properties.tags covers ['x', true]", "(properties.tags covers ['x', True])"),
        ("properties.tags contains 5", "(properties.tags contains 5)"),
        ('plan contains "pro"', "(plan contains pro)"),
        ("limits.e-mails.percent >= 90%", "(limits.e-mails.percent >= 0.9)"),
        ("a == starts and is > b", "((a == starts) and (is > b))"),
        ("limit.label == account.name", "(limit.label == account.name)"),
    ],
)
def test_names_and_values(text: str, tree: str) -> None:
    assert shown(typed(text, NAMES, RULE)) == tree


@pytest.mark.parametrize(
    "text",
    [
        *("a == 80%", "a == 14d", "limit.percent == 1", "onboarding.took > 1", "a == 'x'", "limit.label == 1", "plan == 1"),
        *(
            "onboarding.done > true",
            "stage < free",
            "limit.percent * limit.percent > 1",
            "onboarding.took + a > 1d",
            "-stage == 'x'",
        ),
        *("account.age > 14d", "account.share >= 50%", "a in topics", "a in ['x']", "a between 1 and 2d", "a", "'x'", "3", "80%"),
        *("plan in topics and a", "a or onboarding.done", "not a", "a + stage > 1"),
    ],
)
def test_types_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        typed(text, NAMES, RULE)
    assert refused.value.code == "type"


@pytest.mark.parametrize(
    "text",
    [
        "account.country == 'x'",
        "a > 1",
        "stage == free",
        "limit.percent > 1%",
        "event == asked",
        "person == 'x'",
        "person.title == 'x'",
    ],
)
def test_where_knows_the_event_alone(text: str) -> None:
    """A person's title, too, may be said after the event: what is counted would depend on which came first."""
    assert type_of(typed("properties.x == 1 and properties.title == 'y'", NAMES, WHERE)) is Type.BOOL
    with pytest.raises(Refusal) as refused:
        typed(text, NAMES, WHERE)
    assert refused.value.code == "unknown_name"


@pytest.mark.parametrize(
    "text", ["(" * 60 + "a > 1" + ")" * 60, " or ".join(["a > 1"] * 40), "not " * 60 + "onboarding.done", "a > 1" + " " * 1000]
)
def test_a_condition_that_is_too_long_or_deep_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        typed(text, NAMES, RULE)
    assert refused.value.code == "too_long"


TOKENS = [
    *("a", "b", "d", "zz", "plan", "stage", "free", "up", "plan.change", "properties.x", "account.y", "event", "limit.percent"),
    *("onboarding.done", "onboarding.took", "topics", "1", "2.5", "80%", "14d", "'x'", '"y', "true", "and", "or", "not", "in"),
    *(
        "between",
        "==",
        "!=",
        "<",
        ">=",
        "=",
        "+",
        "-",
        "*",
        "/",
        "(",
        ")",
        "[",
        "]",
        ",",
        *("matches", "contains", "covers", "starts", "ends", "with", "is", "known", "missing", "since", "until", "since(", "s"),
        *("rules.x", "rules.on-board", "rules.each-limit", "limits.e-mails.percent", "limits.e-mails", "customer_since"),
        *("'(a+)+$'", "'(?=x)'", "'((a{9}){9}){9}'", "''"),
        ".",
        "#",
        "9" * 50,
        "é",
        "\n",
    ),
]


@given(st.lists(st.sampled_from(TOKENS), max_size=20).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_typed_condition_or_a_refusal_within_it(text: str) -> None:
    refusal: Refusal | None = None
    try:
        expr = typed(text, NAMES, RULE)
    except Refusal as refused:
        refusal = refused
    if refusal is not None:
        assert 0 <= refusal.offset <= len(text)
        assert refusal.message
    else:
        assert type_of(expr) in (Type.BOOL, Type.ANY)
        assert type_of(typed(f"({text})", NAMES, RULE)) is type_of(expr)


@pytest.mark.parametrize(
    "part", ["(", "[", "a ", "not ", "- ", "since(", "x contains ", "'", "a or ", "1.", "rules.a-", "a.b", "éé"]
)
def test_a_long_text_is_answered_at_once(part: str) -> None:
    """A thousand characters are read, and then in one go; of a million none."""
    for text in (part * (1_000 // len(part)), part * (1_000_000 // len(part))):
        begun = process_time()
        with pytest.raises(Refusal):
            typed(text, NAMES, RULE)
        assert process_time() - begun < 0.25


def test_the_fixed_values_that_a_name_is_compared_with_are_found_wherever_they_stand() -> None:
    expr = typed("not trial.left > 3d and (a > 1 or trial.left <= 1h) or 2 < b", NAMES, RULE)
    assert compared_with(expr, Name("trial.left", Type.DURATION)) == [3 * 86_400_000, 3_600_000]
    assert compared_with(expr, Name("a", Type.NUMBER)) == [1]
    assert compared_with(expr, Name("b", Type.NUMBER)) == []
