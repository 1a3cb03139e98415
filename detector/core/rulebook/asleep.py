"""A checked rulebook: which of its rules cannot fire yet, because a section or an event that they need is missing."""

from collections.abc import Iterator, Mapping

from detector.core.rulebook.model import Condition, Reached, Rule, Rulebook
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry
from detector.core.rulebook.tree_walk import names_in

_MAP_IT = "Say in `events` what your product calls it"


def report_asleep(rulebook: Rulebook, entries: Mapping[str, Entry], report: Report) -> None:
    """Warns once for each rule and reason. `entries`: the nodes of the rules, for their places."""
    for rule in rulebook.rules:
        own = entries[rule.name].key.at.base is None
        reasons = {reason for name in names_of(rule) for reason in _reasons(name, rulebook, own=own)}
        if rule.each_limit:
            reasons |= set(_reasons_of_limits(rulebook))
        for message, remedy in sorted(reasons):
            report.warn(entries[rule.name].key.at, "asleep", f"rule '{rule.name}' is asleep: {message}", remedy)


def _reasons_of_limits(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    if not rulebook.limits:
        yield "no `limits` are defined", "Define the limits that your plans cap"
    for limit in rulebook.limits.values():
        if not limit.of.terms:
            yield f"limit '{limit.name}' waits for an event that `events` does not map", _MAP_IT
        for name in () if limit.only_if is None else sorted(names_in_condition(limit.only_if)):
            for reason, remedy in _reasons(name, rulebook, own=True):
                yield f"limit '{limit.name}' is there only if: {reason}", remedy


def names_of(rule: Rule) -> set[str]:
    """Every name that the rule's conditions use."""
    return {name for condition in rule.when for name in names_in_condition(condition)}


def names_in_condition(condition: Condition) -> set[str]:
    return {name.path for name in names_in(condition.expr)}


def _reasons(name: str, rulebook: Rulebook, *, own: bool) -> Iterator[tuple[str, str]]:
    """(message, remedy). `own`: the rule is the project's own. A base's rule about trials is no news to who has no trial."""
    timed = [plan.days_ms is not None for plan in rulebook.plans if plan.stage == "trial"]
    if name == "trial.left" and (timed or own) and not any(timed):
        yield "no plan is a trial with `days`", "Say how long the trial lasts: {stage: trial, days: 14, then: free}"
    stages = {plan.stage for plan in rulebook.plans}
    if name == "trial.quiet" and "trial" not in stages:
        yield "no plan is a trial", "Add a plan with `stage: trial`"
    if name == "paying.for" and "paying" not in stages:
        yield "no plan is paying", "Add a plan with `stage: paying` and its price"
    if name.startswith("onboarding.") and rulebook.onboarding is None:
        yield "there is no `onboarding`", "Name its steps: onboarding: {steps: [signed_up, …]}"
    if name.startswith("limits.") and not rulebook.limits[limit := name.split(".")[1]].of.terms:
        yield f"limit '{limit}' waits for an event that `events` does not map", _MAP_IT
    if name.startswith("onboarding.") and rulebook.onboarding is not None:
        counted = [step.measure.name for step in rulebook.onboarding.steps.values() if isinstance(step, Reached)]
        yield from (reason for each in counted for reason in _reasons(each, rulebook, own=own))
    name = name.partition(".")[0]
    if name in rulebook.measures:
        selectors = rulebook.measures[name].selectors
        if any(of.builtin == "premium" for of in selectors) and not rulebook.features:
            yield "no `features` are defined", "Define the features that some plans lack"
        if any(of.builtin is None and not of.terms for of in selectors):
            yield f"measure '{name}' waits for an event that `events` does not map", _MAP_IT
