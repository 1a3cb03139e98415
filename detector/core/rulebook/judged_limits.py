"""A rule for each limit in; what is judged for one of them out: its steps, apart by the lead type that they lead to."""

from collections.abc import Iterable
from dataclasses import replace

from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Plan


def for_limits(judged: Judged, limits: Iterable[LimitReader], allowed: Course, plans: tuple[Plan, ...]) -> list[Judged]:
    """`allowed`: what time alone can do to what is allowed."""
    return [each for limit in limits for each in _for_limit(judged, limit, allowed, plans)]


def _for_limit(judged: Judged, limit: LimitReader, allowed: Course, plans: tuple[Plan, ...]) -> list[Judged]:
    """One, and one more for each lead type that steps of the limit lead to beside the rule's own."""
    name = f"{judged.name}/{limit.limit.name}"
    limits, course = judged.limits | {limit.limit.name}, max(judged.course, limit.course, allowed)
    whole = replace(judged, name=name, limit=limit, limits=limits, course=course)
    if not judged.rule.steps:
        return [whole]
    steps = judged.rule.steps if limit.limit.at is None else limit.limit.at
    terms = [each for plan in plans for each in (plan, *plan.former)]
    every = [steps, *(each.at[limit.limit.name] for each in terms if limit.limit.name in each.at)]
    leads = dict.fromkeys(lead for each in every for lead in each)
    found = []
    for lead in leads:
        each = replace(whole, steps=steps.get(lead, ()), lead=lead, stepped=True)
        found.append(replace(each, name=f"{name}/{lead}", rule=replace(judged.rule, lead=lead)) if lead else each)
    return found
