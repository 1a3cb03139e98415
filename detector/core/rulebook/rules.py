"""The section `rules`: each a way to qualify, of exactly one form: steps of a limit, conditions, or an event."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final, cast

from detector.core import words
from detector.core.rulebook import forms, shapes, units
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.leads import FAMILIES, TYPES_OF_FAMILY
from detector.core.rulebook.model import Condition, Family, OnEnable, Rule, Selector, Temperature, Template, Term
from detector.core.rulebook.names import TEMPERATURES, Place
from detector.core.rulebook.problems import Report, closest
from detector.core.rulebook.selectors import BUILTINS, Context, is_misspelt
from detector.core.rulebook.steps import STEP, steps
from detector.core.rulebook.templates import template
from detector.core.rulebook.tree import At, Entry, Fields, Items, Node, Scalar, kind_of

RULES_MAX: Final = 200
CONDITIONS_MAX: Final = 32
COOLDOWN_MS: Final = 14 * units.UNITS_MS["d"]
LATENESS_MS: Final = units.UNITS_MS["d"]
_MODES: Final = ("live", "shadow")
_LATENESSES: Final = ("1d", "6h", "1h", "15m", "1m", "10s", "1s")
"""What a remedy may say: the first that is short enough."""
_EACH: Final = ("limit",)
_BACKFILL: Final[forms.Keys] = {"backfill": forms.said(forms.DURATION, "What qualified within this time before is found")}
ON_ENABLE: Final = forms.either(forms.words(("baseline", "fire_all")), forms.record(_BACKFILL, needs=("backfill",)))
RULE: Final[forms.Keys] = {
    "family": forms.said(forms.words(FAMILIES), "The lead type follows from it and from the account's stage"),
    "lead": forms.said(forms.TEXT, "The lead type, whatever the stage"),
    "each": forms.said(forms.words(_EACH), "One rule for each of the limits"),
    "at": forms.said(forms.one_or_more(STEP), "The steps of a limit, with `each: limit`"),
    "when": forms.said(forms.one_or_more(forms.CONDITION), "All of them must hold; each is one line of evidence"),
    "event": forms.said(forms.one_or_more(forms.TEXT), "At once when one of these comes, and hot"),
    "say": forms.said(forms.TEMPLATE, "What sales reads; may name {account}, {plan}, measures …"),
    "cooldown": forms.said(forms.DURATION, "Silence after it fired; 14d if nothing is said"),
    "lateness": forms.said(forms.DURATION, "How late an event may come and still count; 1d if nothing is said"),
    "mode": forms.said(forms.words(_MODES), "`shadow`: judged and counted, and told to nobody"),
    "at_least": forms.said(forms.words(TEMPERATURES), "Its lead is never colder, whatever the score"),
    "on_enable": forms.said(
        ON_ENABLE, "What becomes of accounts that qualify already when it is switched on; `baseline`: nothing"
    ),
}
_RULE_LATER: Final = (
    "after",
    "within",
    "then",
    "sequence",
    "to",
    "score",
    "if",
)


def rules(
    node: Node | None,
    lead_types: Collection[str],
    context: Context,
    enabled: OnEnable = OnEnable(),  # noqa: B008 - immutable
) -> tuple[Rule, ...]:
    """`enabled`: of rules that say nothing of it."""
    found = shapes.bounded(shapes.entries(node, "rules", context.report), "rules", RULES_MAX, context.report)
    built = [_rule(name, entry, lead_types, context, enabled) for name, entry in found.items()]
    return tuple(rule for rule in built if rule is not None)


def form_of_each(node: Node | None) -> dict[str, str]:
    """Rule -> the key that its form begins with, before any rule is read."""
    found = node.entries.items() if isinstance(node, Fields) else ()
    keys = {name: entry.value.entries.keys() if isinstance(entry.value, Fields) else () for name, entry in found}
    return {name: next((form for form in ("event", "each") if form in of), "when") for name, of in keys.items()}


def on_enable(node: Node, what: str, report: Report) -> OnEnable:
    """`baseline`, `fire_all` or `{backfill: 30d}`."""
    if not isinstance(node, Fields):
        if isinstance(node, Scalar) and node.text == "backfill":
            report.refuse(node.at, "missing", f"{what} does not say how far back", "Write: on_enable: {backfill: 7d}")
            return OnEnable()
        said = shapes.one_of(node, what, ("baseline", "fire_all"), (), report)
        return OnEnable("fire_all") if said == "fire_all" else OnEnable()
    values = shapes.fields(node, what, _BACKFILL, (), report) or {}
    shapes.require(values, node, what, {"backfill": "7d"}, report)
    length = shapes.duration(values["backfill"], f"`backfill` of {what}", report) if "backfill" in values else None
    return OnEnable("backfill", length or 0)


def _rule(name: str, entry: Entry, lead_types: Collection[str], context: Context, enabled: OnEnable) -> Rule | None:
    what, report = f"rule '{name}'", context.report
    shapes.name_ok(entry.key, "a rule", report)
    values = shapes.fields(entry.value, what, RULE, _RULE_LATER, report)
    if values is None:
        return None
    family, lead = _leads_to(values, entry, what, lead_types, report)
    each_limit = (
        "each" in values and shapes.one_of(values["each"], f"`each` of {what}", _EACH, ("plan", "feature"), report) is not None
    )
    _check_form(values, entry, what, report)
    by_event = "event" in values
    place = Place(what, rules=True, limit=each_limit, event=by_event, properties=by_event, score=True)
    cooldown, lateness = _silence(values, what, report)
    return Rule(
        name=name,
        say=_say(values, entry, what, place, context),
        family=family,
        lead=lead,
        each_limit=each_limit,
        steps=steps(values["at"], what, lead_types, report) if "at" in values else {},
        when=_when(values["when"], what, place, context) if "when" in values else (),
        event=_event(values["event"], what, context) if by_event else (),
        cooldown_ms=cooldown,
        lateness_ms=lateness,
        shadow="mode" in values and shapes.one_of(values["mode"], f"`mode` of {what}", _MODES, (), report) == "shadow",
        on_enable=on_enable(values["on_enable"], f"`on_enable` of {what}", report) if "on_enable" in values else enabled,
        at_least=_at_least(values["at_least"], what, report) if "at_least" in values else None,
    )


def _at_least(node: Node, what: str, report: Report) -> Temperature | None:
    return cast("Temperature | None", shapes.one_of(node, f"`at_least` of {what}", TEMPERATURES, (), report))


def _silence(values: Mapping[str, Node], what: str, report: Report) -> tuple[int, int]:
    """Cooldown and lateness. An event as late as the cooldown is long could undo more than the last thing that was told."""
    said = {
        key: shapes.duration(values[key], f"the {key} of {what}", report) for key in ("cooldown", "lateness") if key in values
    }
    cooldown, lateness = said.get("cooldown", COOLDOWN_MS), said.get("lateness", LATENESS_MS)
    if cooldown is None or lateness is None:
        return COOLDOWN_MS, LATENESS_MS
    if lateness >= cooldown:
        default = "" if "lateness" in said else ", the default,"
        message = f"{what} has a lateness of {words.window(lateness)}{default} and a cooldown of {words.window(cooldown)}"
        shorter = next((text for text in _LATENESSES if (units.duration_ms(text) or 0) < cooldown), None)
        remedy = "The lateness must be shorter. " + (
            "Write a longer cooldown" if shorter is None else f"Write: lateness: {shorter}"
        )
        report.refuse(values["lateness" if "lateness" in said else "cooldown"].at, "value", message, remedy)
    return cooldown, lateness


def _leads_to(
    values: Mapping[str, Node], entry: Entry, what: str, lead_types: Collection[str], report: Report
) -> tuple[Family | None, str | None]:
    family = shapes.one_of(values["family"], f"the family of {what}", FAMILIES, (), report) if "family" in values else None
    lead = _lead(values["lead"], what, lead_types, report) if "lead" in values else None
    if "family" not in values and "lead" not in values:
        remedy = "Add a family (the lead type then follows from the account's stage), or a lead type: lead: pql"
        report.refuse(entry.value.at, "missing", f"{what} has neither `family` nor `lead`", remedy)
    if family is not None and "lead" not in values:
        for needed in TYPES_OF_FAMILY[cast("Family", family)]:
            if needed not in lead_types:
                message = f"{what} can lead to '{needed}', which is not in `lead_types`"
                report.refuse(values["family"].at, "unknown_name", message, "Add `use: b2b-saas@1`, define it, or set `lead`")
    return cast("Family | None", family), lead


def _lead(node: Node, what: str, lead_types: Collection[str], report: Report) -> str | None:
    if lead_types:
        return shapes.one_of(node, f"the lead of {what}", lead_types, (), report)
    message = f"{what} leads to {kind_of(node)}, and there are no `lead_types`"
    report.refuse(node.at, "unknown_name", message, "Add `use: b2b-saas@1`, or define it in `lead_types`")
    return None


def _check_form(values: Mapping[str, Node], entry: Entry, what: str, report: Report) -> None:
    """`at` needs `each`, `each` needs `at` or `when`, an event stands without both; `when` may guard the others."""
    at = entry.value.at
    if not {"at", "when", "event"} & values.keys():
        report.refuse(at, "missing", f"{what} never holds", "Add `when`, or `event`, or `each: limit` with `at`")
    if "at" in values and "each" not in values:
        report.refuse(values["at"].at, "missing", f"{what} has `at` and no `each`", "Add: each: limit")
    if "event" in values and {"each", "at"} & values.keys():
        report.refuse(values["event"].at, "value", f"{what} has `event` and `each` or `at`", "Make two rules of it")


def _say(values: Mapping[str, Node], entry: Entry, what: str, place: Place, context: Context) -> Template:
    shapes.require(values, entry.value, what, {"say": '"{account} …"'}, context.report)
    if "say" not in values:
        return ()
    return template(
        values["say"],
        context.names,
        replace(place, text=True, score=False),
        context.report,
    )


def _when(node: Node, what: str, place: Place, context: Context) -> tuple[Condition, ...]:
    items = node.items if isinstance(node, Items) else (node,)
    if not 1 <= len(items) <= CONDITIONS_MAX:
        remedy = f"Write 1 to {CONDITIONS_MAX} conditions; all of them must hold"
        context.report.refuse(node.at, "value", f"`when` of {what} has {len(items)} conditions", remedy)
    found = (condition(item, context.names, place, context.report) for item in items[:CONDITIONS_MAX])
    return tuple(each for each in found if each is not None)


def _event(node: Node, what: str, context: Context) -> tuple[tuple[str, Selector], ...]:
    """The events that a rule waits for: names from `events`, or the product's own."""
    found = dict[str, Selector]()

    def read(item: Node, event: str, report: Report) -> str | None:
        name = shapes.text(item, event, report)
        if name in BUILTINS:
            report.refuse(item.at, "value", f"'{name}' is only known in a measure", "Name an event")
        elif name is not None and (name in context.aliases or not is_misspelt(name, item.at, context)):
            found[name] = _selected(name, item.at, what, context)
        return name

    if not shapes.each(node, f"`event` of {what}", read, context.report) and isinstance(node, Items) and not node.items:
        context.report.refuse(node.at, "value", f"`event` of {what} is empty", "Name an event")
    return tuple(found.items())


def _selected(name: str, at: At, what: str, context: Context) -> Selector:
    """A word that `events` does not map, yet, is asleep and no mistake: bases name well-known events that way."""
    if name not in context.aliases and (name in context.own or not name.isidentifier()):
        return Selector((Term(name),))
    selector = context.aliases.get(name, Selector())
    if not selector.terms:
        near = closest(name, (alias for alias, mapped in context.aliases.items() if mapped.terms), cutoff=0.8)
        remedy = (
            f"Did you mean it by '{near}'?" if near else f"Say in `events` what your product calls it: {name}: Your Event Name"
        )
        context.report.warn(at, "asleep", f"{what} waits for '{name}', which `events` does not map", remedy)
    return selector
