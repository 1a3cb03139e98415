"""A merged tree of sections into a Rulebook; everything that is wrong with it goes to the report."""

import re
from typing import Final

from detector.core.rulebook import addons, forms, leads, limits, measures, meters, plans, rules, selectors, shapes
from detector.core.rulebook.asleep import report_asleep
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.names import Names
from detector.core.rulebook.plan_source import KEYS as PLAN_SOURCE
from detector.core.rulebook.plan_source import plan_source
from detector.core.rulebook.problems import Report
from detector.core.rulebook.references import report_circles
from detector.core.rulebook.selectors import Context, aliases
from detector.core.rulebook.terms import Known
from detector.core.rulebook.tree import Fields, Node, Scalar, kind_of

LATER: Final = (
    *("timezone", "score", "noise", "suppress", "drop_events", "segments", "mode", "on_enable", "lateness"),
    *("quiet_after", "sequences", "endpoints", "owner", "retention"),
)
ROLES: Final = ("asker", "trigger", "admin", "most_active")
LISTS_MAX: Final = 100
_ACCOUNT: Final = ("group",)
_PROJECT_MAX: Final = 64
_PROJECT_PATTERN: Final = r"[a-z0-9]+(-[a-z0-9]+)*"
_CURRENCY_PATTERN: Final = r"[A-Z]{3}"
_PROJECT: Final = re.compile(rf"(?=.{{1,{_PROJECT_MAX}}}$){_PROJECT_PATTERN}", re.ASCII)
_CURRENCY: Final = re.compile(_CURRENCY_PATTERN, re.ASCII)
SECTIONS: Final[forms.Keys] = {
    "project": forms.said(forms.matching(_PROJECT_PATTERN, _PROJECT_MAX, "acme-mail"), "The project's name"),
    "use": forms.said(forms.TEXT, "The shipped rules that this file builds on"),
    "currency": forms.said(forms.matching(_CURRENCY_PATTERN, 3, "EUR"), "Of the plans' prices; USD if nothing is said"),
    "account": forms.said(forms.some(forms.words(_ACCOUNT)), "How an event finds its account"),
    "person": forms.said(forms.some(forms.words(ROLES)), "Whom a lead names: the first of these with an e-mail"),
    "lists": forms.said(forms.named(forms.some(forms.TEXT), LISTS_MAX, word=True), "Lists of texts, for `in`"),
    "events": forms.said(
        forms.named(forms.EVENTS, selectors.ALIASES_MAX, word=True), "Your names for events, and what your product calls them"
    ),
    "measures": forms.said(
        forms.named(measures.FORM, measures.MEASURES_MAX, word=True), "Numbers that are kept for each account"
    ),
    "limits": forms.said(forms.named(forms.record(limits.LIMIT), limits.LIMITS_MAX), "What plans cap"),
    "features": forms.said(forms.named(forms.record(meters.FEATURE), meters.FEATURES_MAX), "What only some plans include"),
    "plans": forms.said(forms.named(plans.FORM, plans.PLANS_MAX), "The ladder, cheapest first"),
    "addons": forms.said(forms.named(forms.record(addons.ADDON), addons.ADDONS_MAX), "What an account may have beside its plan"),
    "no_plan": forms.said(forms.TEXT, "The plan of an account of which none is known"),
    "plan": forms.said(forms.record(PLAN_SOURCE, needs=("from",)), "Where the plan is said, if not by the trait `plan`"),
    "onboarding": forms.said(forms.record(plans.ONBOARDING, needs=("steps",)), "The steps of a good start"),
    "lead_types": forms.said(
        forms.named(forms.record(leads.LEAD_TYPE), leads.LEAD_TYPES_MAX), "What a lead is for, strongest first"
    ),
    "close": forms.said(forms.record(leads.CLOSING), "When events close an account's leads"),
    "rules": forms.said(forms.named(forms.record(rules.RULE), rules.RULES_MAX), "The ways to qualify"),
}
"""The file itself; what forms are and how to add a key: forms.py."""


def checked(root: Fields, report: Report) -> Rulebook:
    """The rulebook. It is whole only if the report has no problems."""
    sections = shapes.fields(root, shapes.RULEBOOK, SECTIONS, LATER, report) or {}
    lists = _lists(sections.get("lists"), report)
    measure_types = measures.measure_types(sections.get("measures"), report)
    names = Names(
        measures=measure_types,
        several=measures.several(sections.get("measures")),
        lists=lists,
        plans=_keys(sections.get("plans")),
        events=_keys(sections.get("events")),
        limits=_keys(sections.get("limits")),
        rules=rules.forms_of(sections.get("rules")),
    )
    context = Context(report, names)
    aliases(sections.get("events"), context)
    kinds = _keys(sections.get("lead_types"))
    capped = limits.limits(sections.get("limits"), kinds, context)
    features = meters.features(sections.get("features"), context)
    _account(sections.get("account"), report)
    lead_types = leads.lead_types(sections.get("lead_types"), context)
    close_won, close_lost = leads.close(sections.get("close"), context)
    offered = Known(limits.units_of(sections.get("limits")), _keys(sections.get("features")), kinds, report)
    ladder = plans.plans(sections.get("plans"), offered)
    rulebook = Rulebook(
        project=_project(sections.get("project"), root, report),
        currency=_currency(sections.get("currency"), report),
        person=_person(sections.get("person"), report),
        events=context.aliases,
        lists=lists,
        measures=measures.measures(sections.get("measures"), context),
        limits=capped,
        features=features,
        plans=ladder,
        addons=addons.addons(sections.get("addons"), offered),
        no_plan=plans.no_plan(sections.get("no_plan"), _keys(sections.get("plans")), ladder, report),
        plan_source=plan_source(sections.get("plan"), context),
        onboarding=plans.onboarding(sections.get("onboarding"), context),
        lead_types=lead_types,
        close_won=close_won,
        close_lost=close_lost,
        rules=rules.rules(sections.get("rules"), kinds, context),
    )
    report_circles(rulebook.rules, shapes.entries(sections.get("rules"), "rules", Report()), report)
    report_asleep(rulebook, shapes.entries(sections.get("rules"), "rules", Report()), report)
    return rulebook


def _keys(node: Node | None) -> tuple[str, ...]:
    return tuple(node.entries) if isinstance(node, Fields) else ()


def _project(node: Node | None, root: Fields, report: Report) -> str:
    if node is None:
        report.refuse(root.at, "missing", "the rulebook names no project", "Add: project: your-product")
    elif isinstance(node, Scalar) and _PROJECT.fullmatch(node.text):
        return node.text
    else:
        remedy = "Use up to 64 small letters, digits and single hyphens: acme-mail"
        report.refuse(node.at, "name", f"{kind_of(node)} cannot be the name of a project", remedy)
    return ""


def _currency(node: Node | None, report: Report) -> str:
    if node is None:
        return "USD"
    if isinstance(node, Scalar) and _CURRENCY.fullmatch(node.text):
        return node.text
    report.refuse(node.at, "value", f"a currency is three capital letters, found {kind_of(node)}", "Write: currency: EUR")
    return ""


def _account(node: Node | None, report: Report) -> None:
    """How an event finds its account. Only by Segment's group, yet."""
    if node is not None:
        shapes.each(
            node,
            "`account`",
            lambda item, what, report: shapes.one_of(item, what, _ACCOUNT, ("domain", "person"), report),
            report,
        )


def _person(node: Node | None, report: Report) -> tuple[str, ...]:
    """Whom a lead names: the first of these roles with an e-mail."""
    if node is None:
        return ()
    return shapes.each(node, "`person`", lambda item, what, report: shapes.one_of(item, what, ROLES, (), report), report)


def _lists(node: Node | None, report: Report) -> dict[str, tuple[str, ...]]:
    found = shapes.bounded(shapes.entries(node, "lists", report), "lists", LISTS_MAX, report)
    lists = {}
    for name, entry in found.items():
        shapes.name_ok(entry.key, "a list", report, word=True)
        lists[name] = shapes.each(entry.value, f"an item of the list '{name}'", shapes.pure_text, report)
    return lists
