"""A merged tree of sections into a Rulebook; everything that is wrong with it goes to the report."""

import re
from typing import Final

from detector.core.rulebook import addons, leads, limits, measures, meters, plans, rules, shapes
from detector.core.rulebook.asleep import report_asleep
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.names import Names
from detector.core.rulebook.plan_source import plan_source
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context, aliases
from detector.core.rulebook.terms import Known
from detector.core.rulebook.tree import Fields, Node, Scalar, kind_of

SECTIONS: Final = (
    *("project", "use", "currency", "account", "person", "lists", "events", "measures", "limits", "features"),
    *("plans", "addons", "no_plan", "plan", "onboarding", "lead_types", "close", "rules"),
)
LATER: Final = (
    *("timezone", "score", "noise", "suppress", "drop_events", "segments", "mode", "on_enable", "lateness"),
    *("quiet_after", "sequences", "endpoints", "owner", "retention"),
)
ROLES: Final = ("asker", "trigger", "admin", "most_active")
LISTS_MAX: Final = 100
_PROJECT: Final = re.compile(r"(?=.{1,64}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


def checked(root: Fields, report: Report) -> Rulebook:
    """The rulebook. It is whole only if the report has no problems."""
    sections = shapes.fields(root, shapes.RULEBOOK, SECTIONS, LATER, report) or {}
    lists = _lists(sections.get("lists"), report)
    measure_types = measures.measure_types(sections.get("measures"), report)
    names = Names(measure_types, lists, _keys(sections.get("plans")), _keys(sections.get("events")))
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
            lambda item, what, report: shapes.one_of(item, what, ("group",), ("domain", "person"), report),
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
