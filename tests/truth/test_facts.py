"""Facts answer the same for every order of the same events, as of any time, and what the naive oracle says."""

from typing import Any

import pytest
from hypothesis import given, settings

from detector.core.fold import fold
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.program import Program
from tests.oracle.account import DAY, Account
from tests.oracle.calendar import local_date, midnight
from tests.truth.driver import BATCH, Detector, program, usage
from tests.truth.generate import CASES, SOAK, Case, cases
from tests.truth.sales import Command

pytestmark = pytest.mark.timeout(1_800 if SOAK else 600)

LASTING = ("stage.for", "plan.for", "paying.for")
MOVING = ("trial.left", *LASTING)
"""Others at every instant."""
STATE = ["plan", "stage", "plan.change", "onboarding.done", "onboarding.took", "trial.left", *LASTING]


def folded(rules: Program, case: Case) -> Detector:
    """The facts alone, with nothing judged; each restart keeps what is stored."""
    detector = Detector(rules)
    for index, step in enumerate(case.orders[0]):
        if not isinstance(step, Command) and step["id"] not in detector.seen:
            detector.seen.add(step["id"])
            if rules.drops is not None and rules.drops.drop(detector.account, usage(step)):
                continue
            fold(rules, detector.account.facts, usage(step))
        if index % BATCH == 0:
            detector.commits()
        if index in case.restarts:
            detector.restarts()
    return detector


def _times(case: Case) -> list[int]:
    """Of every event a millisecond before and after too, where its windows, and a trial that it began, run out, and its day."""
    times = {event["timestamp"] for event in case.log}
    spans = [0, 3_600_000, *(days * 86_400_000 for days in (1, 3, 7, 14))]
    zone = case.book.get("timezone", "UTC")
    midnights = {midnight(local_date(t + DAY, zone), zone) for t in times}
    return sorted({t + edge for t in {t + span for t in times for span in spans} | midnights for edge in (-1, 0, 1)})


def _may_become(course: Course, value: Any, now: Any) -> bool:
    """Whether time alone may do that. A window may begin, with nothing in it."""
    if course is Course.FALLS:
        return now is None or now is False or now == 0 or (value is not None and now < value)
    return course is Course.MOVES


def _of(moment: Moment, reader: LimitReader) -> Moment:
    moment.limit = reader
    return moment


@settings(CASES, max_examples=1_000 if SOAK else 150)
@given(cases(most=14))
def test_every_order_gives_the_answers_of_the_oracle_at_any_time(case: Case) -> None:
    rules, account = program(case.book), Account(case.book, case.log)
    facts = folded(rules, case).account.facts
    compared = [f"{name}.{of}" for name in case.book["measures"] for of in ("earlier", "rising_weeks")]
    names = [name for name in (*STATE, *case.book["measures"], *compared) if name in rules.values]
    happened = {event["timestamp"] for event in case.log}
    if "since" in case.book.get("plan", {}):
        happened |= set(account.plans.turns())  # what is said counts from a time at which nothing happened
    before: dict[str, Any] = {}
    for t in _times(case):
        moment = Moment(facts, rules.ladder, t)
        answers: dict[str, Any] = {name: rules.values[name].read(moment) for name in names}
        assert answers == {name: account.value(name, t) for name in names}
        since = {name for name, measure in case.book["measures"].items() if "since" in measure}
        for name in before.keys() - set(MOVING) - since:
            then, value = before[name]
            if answers[name] != value:
                assert rules.values[name].next(then) <= t, f"{name} was to be {value} from {then.t} on"
                alone = not any(then.t < each <= t for each in happened)
                assert not alone or _may_become(rules.values[name].course, value, answers[name]), name
        before = {name: (moment, value) for name, value in answers.items()}
        for name, reader in rules.limits.items():
            full_in = rules.values["limit.full_in"].read(_of(moment, reader))
            assert (reader.used(moment), reader.allowed(moment), reader.percent(moment), full_in) == (
                account.used(name, t),
                account.allowed(name, t),
                account.percent(name, t),
                account.full_in(name, t),
            )
