"""The three-valued logic and the types of conditions, as tables."""

import pytest

from detector.core.facts.facts import Facts
from detector.core.measures.moment import Moment
from detector.core.measures.plan import Ladder
from detector.core.rulebook import logic
from detector.core.rulebook.generate import Source
from detector.core.rulebook.model import Between, Binary, Condition, Constant, In, Name, Negative, Not, Type

T, F, U = True, False, None


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, T, U, T),
        (U, F, F, U),
        (U, U, U, U),
    ],
)
def test_and_and_or_are_kleenes(left: bool | None, right: bool | None, both: bool | None, either: bool | None) -> None:
    assert logic.both(left, right) is both
    assert logic.either(left, right) is either


def test_a_mismatch_of_types_is_unknown_and_a_bool_is_no_number() -> None:
    assert logic.equal(True, 1) is None
    assert logic.equal(1, 1.0) is True
    assert logic.less("2", 10) is None
    assert logic.less(False, True) is None
    assert logic.unequal("a", None) is None
    assert logic.member(True, frozenset({("number", 1)})) is False
    assert logic.member(None, frozenset({("number", 1)})) is None


def test_arithmetic_with_unknown_or_a_zero_divisor_is_unknown() -> None:
    assert logic.divided(1, 2) == 0.5
    assert logic.divided(1, 0) is None
    assert logic.plus(1, None) is None
    assert logic.negative("1") is None


def _holds(*expressions: object, **values: object) -> bool | None:
    source = Source()
    conditions = [Condition("", expr) for expr in expressions]  # type: ignore[arg-type]
    moment = Moment(Facts(), Ladder((), None), 0)
    return source.all_hold("holds", conditions, lambda name: source.bind(values.get(name.path)))(moment)


def test_generated_conditions_say_what_the_tree_means() -> None:
    x, y = Name("x", Type.NUMBER), Name("y", Type.ANY)
    one, five = Constant(1, Type.NUMBER), Constant(5, Type.NUMBER)
    assert _holds(Binary(">=", x, five, Type.BOOL), x=5) is True
    assert _holds(Binary("<", x, five, Type.BOOL), x=5) is False
    assert _holds(Binary(">=", x, five, Type.BOOL)) is None
    assert _holds(Between(x, one, five), x=1) is True
    assert _holds(Between(x, one, five), x=5.1) is False
    assert _holds(In(y, ("a", "b")), y="b") is True
    assert _holds(In(y, (1,)), y=True) is False
    assert _holds(Not(In(y, ("a",)))) is None
    assert _holds(Binary("==", Negative(x), Binary("-", one, five, Type.NUMBER), Type.BOOL), x=4) is True


def test_one_false_line_beats_any_number_of_unknown_ones() -> None:
    unknown, false, true = Name("u", Type.BOOL), Name("f", Type.BOOL), Name("t", Type.BOOL)
    assert _holds(unknown, false, f=False) is False
    assert _holds(unknown, true, t=True) is None
    assert _holds(true, true, t=True) is True
    assert _holds() is True


def test_text_of_a_rulebook_never_becomes_source() -> None:
    nasty = Constant('"); raise SystemExit("', Type.TEXT)
    assert _holds(Binary("==", Name("x", Type.TEXT), nasty, Type.BOOL), x='"); raise SystemExit("') is True
