"""A merged tree of sections into a Rulebook; everything that is wrong with it goes to the report."""

import re
from typing import Final

from detector.core import zones
from detector.core.rulebook import (
    addons,
    beside,
    forms,
    leads,
    limits,
    measures,
    meters,
    noise,
    onboarding,
    owners,
    plans,
    rules,
    scores,
    selectors,
    shapes,
    whom,
)
from detector.core.rulebook.asleep import report_asleep, report_score
from detector.core.rulebook.model import OnEnable, Rulebook
from detector.core.rulebook.names import Names
from detector.core.rulebook.plan_source import KEYS as PLAN_SOURCE
from detector.core.rulebook.plan_source import plan_source
from detector.core.rulebook.problems import Report
from detector.core.rulebook.references import report_circles
from detector.core.rulebook.selectors import Context, aliases
from detector.core.rulebook.terms import Known
from detector.core.rulebook.tree import Fields, Node, Scalar, kind_of

LATER: Final = (
    *("mode", "lateness"),
    *("sequences", "endpoints", "retention"),
)
LISTS_MAX: Final = 100
_PROJECT_MAX: Final = 64
_PROJECT_PATTERN: Final = r"[a-z0-9]+(-[a-z0-9]+)*"
_CURRENCY_PATTERN: Final = r"[A-Z]{3}"
_ACCOUNT_TRAIT_PATTERN: Final = r"account\.[\w$]{1,100}"
_ACCOUNT_TRAIT: Final = re.compile(_ACCOUNT_TRAIT_PATTERN)
_PROJECT: Final = re.compile(rf"(?=.{{1,{_PROJECT_MAX}}}$){_PROJECT_PATTERN}", re.ASCII)
_CURRENCY: Final = re.compile(_CURRENCY_PATTERN, re.ASCII)
SECTIONS: Final[forms.Keys] = {
    "project": forms.said(forms.matching(_PROJECT_PATTERN, _PROJECT_MAX, "acme-mail"), "The project's name"),
    "use": forms.said(forms.TEXT, "The shipped rules that this file builds on"),
    "timezone": forms.said(forms.TEXT, "Where your days, weeks and months begin; UTC if nothing is said"),
    "billing_day": forms.said(
        forms.matching(_ACCOUNT_TRAIT_PATTERN, 108, "account.billing_day"),
        "The trait that says on which day of the month an account is billed",
    ),
    "currency": forms.said(forms.matching(_CURRENCY_PATTERN, 3, "EUR"), "Of the plans' prices; USD if nothing is said"),
    "account": forms.said(forms.one_or_more(forms.words(whom.WAYS)), "How an event that names no account finds its own"),
    "person": forms.said(forms.some(forms.words(whom.ROLES)), "Whom a lead names: the first of these with an e-mail"),
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
    "onboarding": forms.said(forms.record(onboarding.ONBOARDING, needs=("steps",)), "The steps of a good start"),
    "lead_types": forms.said(
        forms.named(forms.record(leads.LEAD_TYPE), leads.LEAD_TYPES_MAX), "What a lead is for, strongest first"
    ),
    "close": forms.said(forms.record(leads.CLOSING), "When events close an account's leads"),
    "suppress": forms.said(whom.CONDITIONS, "Of an account or person for which one of these holds sales hears nothing"),
    "drop_events": forms.said(whom.CONDITIONS, "Events for which one of these holds count for nothing"),
    "noise": forms.said(forms.record(noise.NOISE), "How much sales is spared"),
    "on_enable": forms.said(rules.ON_ENABLE, "What becomes of accounts that qualify already when a rule is switched on"),
    "rules": forms.said(forms.named(forms.record(rules.RULE), rules.RULES_MAX), "The ways to qualify"),
    "score": forms.said(forms.record(scores.SCORE), "What speaks for and against an account, in points"),
    "segments": forms.said(
        forms.named(forms.CONDITION, scores.SEGMENTS_MAX, word=True), "Names for kinds of account: conditions"
    ),
    "owners": forms.said(forms.record(owners.OWNERS), "Whose a lead is"),
    "payload": forms.said(forms.record(beside.PAYLOAD), "Which traits a lead carries to its receivers"),
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
        rules=rules.form_of_each(sections.get("rules")),
        moving=measures.moving(sections.get("measures")),
    )
    context = Context(report, names)
    aliases(sections.get("events"), context)
    kinds = _keys(sections.get("lead_types"))
    segments = scores.segments(sections.get("segments"), context)
    capped = limits.limits(sections.get("limits"), kinds, context)
    features = meters.features(sections.get("features"), context)
    lead_types = leads.lead_types(sections.get("lead_types"), context)
    close_won, close_lost = leads.close(sections.get("close"), context)
    offered = Known(limits.units_of(sections.get("limits")), _keys(sections.get("features")), kinds, report)
    ladder = plans.plans(sections.get("plans"), offered)
    of_account = measures.measures(sections.get("measures"), context)
    enabled = rules.on_enable(sections["on_enable"], "`on_enable`", report) if "on_enable" in sections else OnEnable()
    judged = rules.rules(sections.get("rules"), kinds, context, enabled)
    rulebook = Rulebook(
        project=_project(sections.get("project"), root, report),
        currency=_currency(sections.get("currency"), report),
        timezone=_timezone(sections.get("timezone"), report),
        billing_day=_billing_day(sections.get("billing_day"), report),
        account=whom.account(sections.get("account"), report),
        person=whom.person(sections.get("person"), report),
        suppress=whom.suppress(sections.get("suppress"), context),
        drop_events=whom.drop_events(sections.get("drop_events"), context),
        events=context.aliases,
        lists=lists,
        measures=of_account,
        limits=capped,
        features=features,
        plans=ladder,
        addons=addons.addons(sections.get("addons"), offered),
        no_plan=plans.no_plan(sections.get("no_plan"), _keys(sections.get("plans")), ladder, report),
        plan_source=plan_source(sections.get("plan"), context),
        onboarding=onboarding.onboarding(sections.get("onboarding"), of_account, context),
        lead_types=lead_types,
        close_won=close_won,
        close_lost=close_lost,
        noise=noise.noise(sections.get("noise"), report),
        rules=judged,
        score=scores.score(sections.get("score"), judged, capped, context),
        segments=segments,
        owners=owners.owners(sections.get("owners"), context),
        payload=beside.payload(sections.get("payload"), report),
    )
    report_circles(rulebook.rules, shapes.entries(sections.get("rules"), "rules", Report()), report)
    report_score(rulebook, sections.get("score"), report)
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


def _timezone(node: Node | None, report: Report) -> str:
    if node is None:
        return zones.UTC
    if isinstance(node, Scalar) and node.text in zones.names():
        return node.text
    near = report.guess(node.text if isinstance(node, Scalar) else "", zones.names()) or "Write: timezone: Europe/Berlin"
    report.refuse(node.at, "value", f"there is no time zone {kind_of(node)}", near)
    return zones.UTC


def _billing_day(node: Node | None, report: Report) -> str | None:
    if node is None:
        return None
    if isinstance(node, Scalar) and _ACCOUNT_TRAIT.fullmatch(node.text):
        return node.text
    message = f"`billing_day` is the trait that says on which day of the month an account is billed, found {kind_of(node)}"
    report.refuse(node.at, "value", message, "Write: billing_day: account.billing_day")
    return None


def _lists(node: Node | None, report: Report) -> dict[str, tuple[str, ...]]:
    found = shapes.bounded(shapes.entries(node, "lists", report), "lists", LISTS_MAX, report)
    lists = {}
    for name, entry in found.items():
        shapes.name_ok(entry.key, "a list", report, word=True)
        lists[name] = shapes.each(entry.value, f"an item of the list '{name}'", shapes.pure_text, report)
    return lists
