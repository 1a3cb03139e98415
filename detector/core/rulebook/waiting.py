"""A checked rulebook and the events that ever came in; which of its rules wait for one that is mapped and never did, out."""

from collections.abc import Collection, Iterable, Iterator

from detector.core.rulebook.asleep import names_in_condition, names_of
from detector.core.rulebook.model import Limit, Rule, Rulebook, Selector


def never_arrived(rule: Rule, limit: Limit | None, rulebook: Rulebook, arrived: Collection[str]) -> list[tuple[str, ...]]:
    """What keeps a rule asleep although it is mapped: events, by their own names, of which not one (of several) ever came.

    `limit`: the one that the rule is judged for, if it is about limits. `arrived`: the names of all track events that did.
    """
    found = [_names_of_events(selectors, rulebook) for selectors in _waits(rule, limit, rulebook)]
    return [names for names in dict.fromkeys(found) if names and not any(name in arrived for name in names)]


def _waits(rule: Rule, limit: Limit | None, rulebook: Rulebook) -> Iterator[Iterable[Selector]]:
    """One of each must come."""
    yield [selector for _, selector in rule.event]
    if limit is not None:
        yield [limit.of, limit.refused]
    only_if = set() if limit is None or limit.only_if is None else names_in_condition(limit.only_if)
    for name in sorted(names_of(rule) | only_if):
        if name in rulebook.measures:
            yield rulebook.measures[name].selectors
        elif name.startswith("onboarding.") and rulebook.onboarding is not None:
            yield from (
                [step] if isinstance(step, Selector) else step.measure.selectors for step in rulebook.onboarding.steps.values()
            )


def _names_of_events(selectors: Iterable[Selector], rulebook: Rulebook) -> tuple[str, ...]:
    """Empty: any event would do, or nothing is mapped."""
    every = list(selectors)
    if any(selector.builtin == "active" for selector in every):
        return ()
    if any(selector.builtin == "premium" for selector in every):
        every += [each for feature in rulebook.features.values() for each in (feature.used, feature.refused)]
    return tuple(dict.fromkeys(term.name for selector in every for term in selector.terms))
