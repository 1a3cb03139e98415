"""A rule for each limit in; what is judged for one of them out: its steps, apart by the lead type that they lead to."""

from collections.abc import Iterable
from dataclasses import replace

from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Limit, Plan, Rule


def for_limits(judged: Judged, limits: Iterable[LimitReader], allowed: Course, plans: tuple[Plan, ...]) -> list[Judged]:
    """`allowed`: what time alone can do to what is allowed."""
    return [each for limit in limits for each in _for_limit(judged, limit, allowed, plans)]


def names_for_limits(rule: Rule, limits: Iterable[Limit], plans: tuple[Plan, ...]) -> list[str]:
    """Of what is judged."""
    return [_name(rule.name, limit, lead) for limit in limits for lead in _leads(rule, limit, plans)]


def _for_limit(judged: Judged, limit: LimitReader, allowed: Course, plans: tuple[Plan, ...]) -> list[Judged]:
    """One, and one more for each lead type that steps of the limit lead to beside the rule's own."""
    rule, of = judged.rule, limit.limit
    course = max(judged.course, limit.course, allowed)
    whole = replace(judged, name=_name(rule.name, of, ""), limit=limit, limits=judged.limits | {of.name}, course=course)
    if not rule.steps:
        return [whole]
    steps = rule.steps if of.at is None else of.at
    found = []
    for lead in _leads(rule, of, plans):
        each = replace(whole, steps=steps.get(lead, ()), lead=lead, stepped=True)
        found.append(replace(each, name=_name(rule.name, of, lead), rule=replace(rule, lead=lead)) if lead else each)
    return found


def _leads(rule: Rule, limit: Limit, plans: tuple[Plan, ...]) -> list[str]:
    """The lead types that steps of the limit lead to; empty: the rule's own."""
    if not rule.steps:
        return [""]
    terms = [each for plan in plans for each in (plan, *plan.former)]
    every = [rule.steps if limit.at is None else limit.at, *(each.at[limit.name] for each in terms if limit.name in each.at)]
    return list(dict.fromkeys(lead for steps in every for lead in steps))


def _name(rule: str, limit: Limit, lead: str) -> str:
    return f"{rule}/{limit.name}/{lead}" if lead else f"{rule}/{limit.name}"
