"""Plans that end by themselves: `like`, `days` and `then` of a trial, checked and resolved against the other plans."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from detector.core.rulebook import forms, units
from detector.core.rulebook.model import Plan
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry, Fields, Node, Scalar, kind_of

DAYS_MAX: Final = 3_650
KEYS: Final[forms.Keys] = {
    "like": forms.said(forms.TEXT, "A trial: the plan whose `allows`, `has` and `tolerance` it takes"),
    "days": forms.said(forms.whole(1, DAYS_MAX), "A trial: how many days of 24 hours it lasts, with `then`"),
    "then": forms.said(forms.TEXT, "A trial: the plan that follows it, with `days`"),
}
_OWN: Final = ("allows", "has", "tolerance")
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


def resolved(plans: Sequence[Plan], entries: Mapping[str, Entry], report: Report) -> tuple[Plan, ...]:
    """The plans, trials with all that they say. `entries`: the whole section `plans`, for places and names."""
    others = _Others(plans, entries, report)
    return tuple(_resolved(plan, entries[plan.name].value, others, report) for plan in plans)


class _Others:
    """What a trial may name: every plan that is no trial itself."""

    def __init__(self, plans: Sequence[Plan], names: Mapping[str, Entry], report: Report) -> None:
        self._plans = {plan.name: plan for plan in plans}
        self._names = names
        self._report = report

    def named(self, node: Node, what: str, remedy: str) -> Plan | None:
        """None: there is no such plan, or it was refused. `remedy`: what to name in place of a trial."""
        name = node.text if isinstance(node, Scalar) else ""
        if name not in self._names:
            lasting = [each for each in self._names if each not in self._plans or self._plans[each].stage != "trial"]
            message = f"{what} names {kind_of(node)}, which is no plan"
            self._report.refuse(node.at, "unknown_name", message, self._report.guess(name, lasting))
            return None
        plan = self._plans.get(name)
        if plan is not None and plan.stage == "trial":
            self._report.refuse(node.at, "value", f"{what} names '{name}', which is a trial itself", remedy)
            return None
        return plan


def _resolved(plan: Plan, node: Node, others: _Others, report: Report) -> Plan:
    values = {key: entry for key, entry in node.entries.items() if key in (*KEYS, *_OWN)} if isinstance(node, Fields) else {}
    what = f"plan '{plan.name}'"
    if plan.stage != "trial":
        for key in KEYS:
            if key in values:
                remedy = "Remove it, or write: stage: trial"
                report.refuse(values[key].key.at, "value", f"{what} has `{key}` and is no trial", remedy)
        return plan
    if "like" in values:
        _check_own(values, what, report)
        like = others.named(values["like"].value, f"`like` of {what}", "Name the plan that it lets people try")
        plan = plan if like is None else _like(plan, like)
    return _timed(plan, values, what, others, report)


def _like(plan: Plan, like: Plan) -> Plan:
    """With what the other plan allows and has, now and before."""
    former = tuple(_like(plan, each) for each in like.former)
    return replace(plan, allows=like.allows, has=like.has, tolerance=like.tolerance, since_ms=like.since_ms, former=former)


def _check_own(values: Mapping[str, Entry], what: str, report: Report) -> None:
    """Beside `like` nobody could tell whether a list of its own adds to the other plan's or replaces it."""
    for key in _OWN:
        if key in values:
            remedy = (
                "Keep one: `like` takes `allows`, `has` and `tolerance` as they are, so to change them write all without `like`"
            )
            report.refuse(values[key].key.at, "value", f"{what} has `like` and its own `{key}`", remedy)


def _timed(plan: Plan, values: Mapping[str, Entry], what: str, others: _Others, report: Report) -> Plan:
    """The trial with its end, if it has one."""
    days = _days(values["days"].value, what, report) if "days" in values else None
    remedy = "Name the plan that an account is on once it is over"
    then = others.named(values["then"].value, f"`then` of {what}", remedy) if "then" in values else None
    if ("days" in values) != ("then" in values):
        said, missing, example = ("days", "then", "free") if "days" in values else ("then", "days", "14")
        remedy = f"Add: {missing}: {example}. A trial with neither has no end"
        report.refuse(values[said].key.at, "missing", f"{what} has `{said}` and no `{missing}`", remedy)
    if days is None or then is None:
        return plan
    ends = {"days_ms": days * units.UNITS_MS["d"], "then": then.name}
    return replace(plan, former=tuple(replace(each, **ends) for each in plan.former), **ends)  # type: ignore[arg-type]


def _days(node: Node, what: str, report: Report) -> int | None:
    if isinstance(node, Scalar) and node.plain and _WHOLE.fullmatch(node.text) and int(node.text) <= DAYS_MAX:
        return int(node.text)
    message = f"`days` of {what} is a whole number from 1 to {DAYS_MAX}, found {kind_of(node)}"
    report.refuse(node.at, "value", message, "Write: days: 14, without a unit or quotes")
    return None
