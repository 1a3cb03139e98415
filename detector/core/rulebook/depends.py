"""Which rules an event can change: the index that keeps a judgement to the few that matter."""

from collections.abc import Iterable

from contracts.messages import UsageEvent
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Name, Rule, Rulebook, Selector
from detector.core.rulebook.tree_walk import names_in

_PLAN = {"plan", "plan.change", "stage"}
_TYPES = ("track", "group", "identify", "page", "screen", "alias")


class Dependencies:
    """What is judged, by the wire name of a track event, else by its type; in the rulebook's order."""

    def __init__(self, rulebook: Rulebook, judged: Iterable[Judged]) -> None:
        self._by_name: dict[str, tuple[Judged, ...]] = {}
        self._by_type: dict[str, tuple[Judged, ...]] = {}
        needs = [(each, _needs(each.rule, each.limit, rulebook)) for each in judged]
        wires = {wire for _, need in needs for wire in need if not wire.startswith(_OF_TYPE)}
        for wire in wires:
            self._by_name[wire] = tuple(each for each, need in needs if wire in need or f"{_OF_TYPE}track" in need)
        for type_ in _TYPES:
            self._by_type[type_] = tuple(each for each, need in needs if f"{_OF_TYPE}{type_}" in need)

    def of(self, event: UsageEvent) -> tuple[Judged, ...]:
        if event.type == "track":
            named = self._by_name.get(event.name or "")
            if named is not None:
                return named
        return self._by_type.get(event.type, ())


_OF_TYPE = "\0type "
"""Before a type, so that no event's name can be taken for one."""


def _needs(rule: Rule, limit: LimitReader | None, rulebook: Rulebook) -> set[str]:
    needs: set[str] = set()
    for _, selector in rule.event:
        needs |= _wires(selector, rulebook)
    if limit is not None:
        needs |= _wires(limit.limit.of, rulebook) | _wires(limit.limit.refused, rulebook) | {f"{_OF_TYPE}group"}
    for condition in rule.when:
        for name in names_in(condition.expr):
            needs |= _needs_of_name(name, rulebook)
            if name.path.startswith("person."):
                # Any event can change who is at hand; of a request that is who asked, whatever else happens.
                needs |= {f"{_OF_TYPE}{type_}" for type_ in (("identify",) if rule.event else _TYPES)}
            if name.path == "stage" and rulebook.no_plan is None:
                needs |= {f"{_OF_TYPE}{type_}" for type_ in _TYPES}  # whoever comes first is a visitor, or ends that stage
    return needs


def _needs_of_name(name: Name, rulebook: Rulebook) -> set[str]:
    root = name.path.split(".", 1)[0]
    if name.path in rulebook.measures:
        measure = rulebook.measures[name.path]
        return _wires(measure.of, rulebook) | _wires(measure.after, rulebook)
    if root == "onboarding" and rulebook.onboarding is not None:
        steps = rulebook.onboarding.steps.values()
        return {wire for step in steps for wire in _wires(step, rulebook)}
    return {f"{_OF_TYPE}group"} if name.path in _PLAN or root in ("account", "trial") else set()


def _wires(selector: Selector, rulebook: Rulebook) -> set[str]:
    if selector.builtin == "active":
        return {f"{_OF_TYPE}track"}
    if selector.builtin == "premium":
        of_features = [each for feature in rulebook.features.values() for each in (feature.used, feature.refused)]
        return {term.name for each in of_features for term in each.terms} | {f"{_OF_TYPE}group"}
    return {term.name for term in selector.terms}
