"""A checked rulebook in; what it looks at out: names, conditions, and where events go that feed no measure."""

from collections.abc import Mapping

from detector.core.measures.keys import asked_key, events_key
from detector.core.measures.plan import Ladder
from detector.core.measures.sink import Sink
from detector.core.measures.tenure import ACTIVE_KEY
from detector.core.rulebook.measured import Distinct
from detector.core.rulebook.model import Condition, Name, Points, Rule, Rulebook, Selector
from detector.core.rulebook.tree_walk import names_in


def asked_properties(rule: Rule) -> tuple[str, ...]:
    """The properties of its event that a rule's conditions and text use."""
    paths = [name.path for condition in rule.when for name in names_in(condition.expr)]
    paths += [part.path for part in rule.say if isinstance(part, Name)]
    return tuple(dict.fromkeys(path for path in paths if path.startswith("properties."))) if rule.event else ()


def paths_used(rulebook: Rulebook, sinks: list[Sink]) -> set[str]:
    """Every name that the rulebook's conditions, selectors and texts use."""
    conditions = conditions_used(rulebook)
    conditions += [term.where for sink in sinks for term in sink.selector.terms if term.where is not None]
    texts = [*(rule.say for rule in rulebook.rules), *(lead_type.do for lead_type in rulebook.lead_types)]
    paths = {name.path for condition in conditions for name in names_in(condition.expr)}
    return paths | {part.path for text in texts for part in text if isinstance(part, Name)}


def conditions_used(rulebook: Rulebook) -> list[Condition]:
    """Those that look at the account, not at a single event."""
    conditions = [condition for rule in rulebook.rules for condition in rule.when]
    conditions += [limit.only_if for limit in rulebook.limits.values() if limit.only_if is not None]
    conditions += [*rulebook.segments.values(), *(line.condition for line in points_of(rulebook) if line.condition is not None)]
    conditions += rulebook.suppress
    return conditions + [condition for condition in (rulebook.close_won, rulebook.close_lost) if condition is not None]


def points_of(rulebook: Rulebook) -> tuple[Points, ...]:
    return () if rulebook.score is None else (*rulebook.score.fit, *rulebook.score.behaviour)


def told_apart(rulebook: Rulebook) -> set[str]:
    """The properties and traits of which different values are counted."""
    found = [measure for measure in rulebook.measures.values() if isinstance(measure, Distinct)]
    return {path for measure in found for path in (measure.of_value, measure.most_by) if path is not None}


def traits_told(rulebook: Rulebook) -> set[str]:
    """The traits that name owners, or that a lead carries as they are."""
    carried = {trait for part in rulebook.payload.values() for trait in part.values()}
    return carried if rulebook.owners.trait is None else carried | {rulebook.owners.trait}


def plan_sinks(rulebook: Rulebook, ladder: Ladder) -> list[Sink]:
    source = rulebook.plan_source
    if source is None or not source.of.terms:
        return []
    return [Sink(ladder.said.key, source.of, "plan", None, (source.path, source.since or ""), hear=ladder.said.hear_event)]


def other_sinks(rulebook: Rulebook, features: Mapping[str, str]) -> list[Sink]:
    """Of all that is neither a measure, nor a limit, nor a step of onboarding."""
    sinks = []
    has_trials = any(plan.stage == "trial" for plan in rulebook.plans)
    if has_trials and "trial.quiet" in paths_used(rulebook, []):
        sinks.append(Sink(ACTIVE_KEY, Selector(builtin="active"), "count"))
    for name, feature in rulebook.features.items():
        either = Selector((*feature.used.terms, *feature.refused.terms))
        sinks.append(Sink(features[name], either, "feature"))
    sinks += [Sink(events_key(line.event), line.event, "count") for line in points_of(rulebook) if line.event.terms]
    for rule in rulebook.rules:
        properties = asked_properties(rule)
        key = asked_key(rule.name, rule.event, properties) if rule.event else ""
        sinks += [Sink(key, selector, "asked", None, properties, title) for title, selector in rule.event]
    return sinks
