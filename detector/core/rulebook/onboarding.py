"""The section `onboarding`: the steps of a good start, events or measures that come to a number."""

from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.measured import Counted, Distinct, Measure
from detector.core.rulebook.model import Onboarding, Reached, Selector
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.tree import Entry, Fields, Items, Node, kind_of

STEPS_MAX: Final = 32
NUMBER_MAX: Final = 1_000
"""The first so many are kept, whatever comes after."""
_BY: Final = ("account", "person")
_STEP: Final = forms.either(
    forms.TEXT, {"type": "object", "minProperties": 1, "additionalProperties": forms.whole(1, NUMBER_MAX)}
)
ONBOARDING: Final[forms.Keys] = {
    "steps": forms.said(
        {**forms.listed(_STEP, STEPS_MAX), "minItems": 1},
        "Names of `events`, or measures and what they must come to; in any order",
    ),
    "within": forms.said(forms.DURATION, "How long after the first step the last may come"),
    "by": forms.said(forms.words(_BY), "Whose steps count together"),
}
_LATER: Final = ("order", "since", "if")


def onboarding(node: Node | None, measures: Mapping[str, Measure], context: Context) -> Onboarding | None:
    if node is None:
        return None
    report = context.report
    values = shapes.fields(node, "`onboarding`", ONBOARDING, _LATER, report)
    if values is None:
        return None
    shapes.require(values, node, "`onboarding`", {"steps": "[signed_up, …]"}, report)
    by = shapes.one_of(values["by"], "`by` of onboarding", _BY, (), report) if "by" in values else "account"
    within = shapes.duration(values["within"], "`within` of onboarding", report) if "within" in values else None
    steps = _Steps(measures, context, by_person=by == "person")
    return Onboarding(steps.read(values["steps"]) if "steps" in values else {}, within, by == "person")


class _Steps:
    def __init__(self, measures: Mapping[str, Measure], context: Context, *, by_person: bool) -> None:
        self._measures, self._context, self._by_person = measures, context, by_person

    def read(self, node: Node) -> dict[str, Selector | Reached]:
        report, found = self._context.report, dict[str, Selector | Reached]()
        if not isinstance(node, Items):
            report.refuse(node.at, "value", f"`steps` of onboarding is a list, found {kind_of(node)}", "Write: [one, two]")
            return {}
        if not 1 <= len(node.items) <= STEPS_MAX:
            report.refuse(node.at, "value", f"onboarding has {len(node.items)} steps", f"Name 1 to {STEPS_MAX} events")
        for item in node.items:
            steps = self._reached(item) if isinstance(item, Fields) else self._event(item)
            for name, step in steps.items():
                if name in found:
                    report.refuse(item.at, "duplicate_key", f"onboarding names '{name}' twice", "Keep one of them")
                elif step is not None:
                    found[name] = step
        return found

    def _event(self, item: Node) -> dict[str, Selector | None]:
        report, aliases = self._context.report, self._context.aliases
        name = shapes.text(item, "a step of onboarding", report)
        if name is None:
            return {}
        if name not in aliases:
            remedy = report.guess(name, aliases) or "Add it to `events`"
            report.refuse(item.at, "unknown_name", f"onboarding waits for '{name}', which is not in `events`", remedy)
            return {name: None}
        if not aliases[name].terms:
            message = f"onboarding is asleep: `events` does not map '{name}'"
            report.warn(item.at, "asleep", message, f"Write the event's own name behind it: {name}: Your Event Name")
        return {name: aliases[name]}

    def _reached(self, item: Fields) -> dict[str, Reached | None]:
        return {name: self._number(name, entry) for name, entry in item.entries.items()}

    def _number(self, name: str, entry: Entry) -> Reached | None:
        report, measure = self._context.report, self._measures.get(name)
        if measure is None:
            remedy = report.guess(name, self._measures) or "Define it in `measures`"
            report.refuse(
                entry.key.at, "unknown_name", f"onboarding waits for the measure '{name}', which does not exist", remedy
            )
            return None
        if self._by_person:
            remedy = "Name an event, or write: by: account"
            report.refuse(entry.key.at, "value", f"measure '{name}' is of the account, and onboarding is `by: person`", remedy)
        if not isinstance(measure, Counted | Distinct) or measure.window is not None or not _tells_apart(measure):
            remedy = "Take a `count`, or a `distinct` of persons or of a property, without window"
            report.refuse(entry.key.at, "value", f"measure '{name}' cannot be a step of onboarding", remedy)
            return None
        number = shapes.number(entry.value, f"what '{name}' must come to", report)
        if number is None or not float(number).is_integer() or not 1 <= number <= NUMBER_MAX:
            if number is not None:
                message = f"'{name}' must come to a whole number from 1 to {NUMBER_MAX:,}"
                report.refuse(entry.value.at, "value", message, "Write: {members: 3}")
            return None
        return Reached(measure, int(number))


def _tells_apart(measure: Counted | Distinct) -> bool:
    if measure.of.builtin == "premium":
        return False
    return isinstance(measure, Counted) or not (measure.most_by or (measure.of_value or "").startswith("person."))
