"""A checked rulebook in, a Program out: fold functions by event name, and what is judged with a generated guard each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

from contracts.messages import UsageEvent
from detector.core.drops import Drops, drops
from detector.core.measures.addons import ADDONS
from detector.core.measures.keys import asked_key, feature_key
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.periods import Periods
from detector.core.measures.plan import Ladder
from detector.core.measures.reader import Course
from detector.core.measures.readers import reader_of_name
from detector.core.measures.sink import Sink
from detector.core.measures.tenure import ACTIVE_KEY
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.folds import fold_functions
from detector.core.rulebook.generate import Source
from detector.core.rulebook.judged import Judged, Line
from detector.core.rulebook.judged_limits import for_limits
from detector.core.rulebook.limit_values import limit_values
from detector.core.rulebook.measured import Distinct
from detector.core.rulebook.model import (
    Binary,
    Condition,
    Constant,
    Expr,
    LeadType,
    Name,
    Rule,
    Rulebook,
    Selector,
    Type,
)
from detector.core.rulebook.names import PERSON_NAMES
from detector.core.rulebook.reactions import Reactions
from detector.core.rulebook.reading import course_of, existence, guard, reading
from detector.core.rulebook.references import RULES, conditions_behind, in_order
from detector.core.rulebook.tree_walk import held_against, names_in
from detector.core.rulebook.values import (
    STATE_VALUES,
    Value,
    limits_by_name,
    measure_value,
    onboarding_values,
    where_trials_end,
    would_lose,
)
from detector.core.suppression import Ground, Suppression

PERSON_TRAITS = frozenset(
    ("email", "name", "first_name", "firstName", "last_name", "lastName", "title", "role", "timezone", "phone")
)
"""Kept of every person, whether a rule uses them or not: whom to call, and how."""
ACCOUNT_TRAITS = frozenset(("plan", "name", "domain", "website"))
_DAY_MS = 86_400_000
_LEAD_TYPE_DEFAULT = LeadType("", "sales", _DAY_MS, ())


@dataclass(frozen=True, slots=True)
class Program:
    """One rulebook version, ready to fold and to judge. Immutable; shared by all accounts of a project."""

    rulebook: Rulebook
    version: int
    ladder: Ladder
    person_traits: frozenset[str]
    account_traits: frozenset[str]
    judged: Mapping[str, Judged]
    reactions: Reactions
    values: Mapping[str, Value]
    limits: Mapping[str, LimitReader]
    features: Mapping[str, str]
    onboarding: OnboardingReader | None
    close_won: Callable[[Moment], bool | None]
    close_lost: Callable[[Moment], bool | None]
    plan_events: frozenset[str]
    """The track events that say the plan, where it is not said by `group`."""
    closes_at_plans_only: bool
    """Whether leads are closed where the plan goes up or down, and so by no other event in order."""
    lateness_ms: int
    """An event that is later than this is too late for some rule."""
    suppression: Suppression
    drops: Drops | None
    strength: Mapping[str, int]
    """Lead type -> place in the order, 0 is the strongest."""

    def lead_type(self, name: str) -> LeadType:
        place = self.strength.get(name)
        return _LEAD_TYPE_DEFAULT if place is None else self.rulebook.lead_types[place]

    def says_plan(self, event: UsageEvent) -> bool:
        """Whether it may move the plan, at any time: it is never too late."""
        return event.type == "group" or event.name in self.plan_events

    def is_for_product(self, lead_type: str) -> bool:
        """Such leads are apart: neither these nor those for people take over, or join, the others."""
        return self.lead_type(lead_type).to == "product"

    def quiet_ms(self, lead_type: str, outcome: str) -> int:
        """How long after a lead of this type came to that no further one is opened."""
        return self.lead_type(lead_type).quiet_after.get(outcome, self.rulebook.noise.quiet_after.get(outcome, 0))

    def rank(self, lead_type: str) -> int:
        """Smaller is stronger; a type that the rulebook does not order is the weakest."""
        return self.strength.get(lead_type, len(self.strength))


def compile_rulebook(rulebook: Rulebook, version: int) -> Program:
    """Raises nothing for a rulebook that `parse` accepted."""
    periods = Periods.of(rulebook)
    features = {name: feature_key(feature, periods.zone) for name, feature in rulebook.features.items()}
    onboarding = OnboardingReader(rulebook.onboarding, periods) if rulebook.onboarding is not None else None
    of_measures = [path for path in sorted(_paths(rulebook, [])) if path.partition(".")[0] in rulebook.measures]
    names = dict.fromkeys([*rulebook.measures, *of_measures])
    readers = {name: reader_of_name(name, rulebook.measures, features, periods) for name in names}
    values = {
        **STATE_VALUES,
        **onboarding_values(onboarding),
        "trial.would_lose": would_lose(features),
        **{name: measure_value(reader) for name, reader in readers.items()},
    }
    ladder = Ladder(rulebook.plans, rulebook.no_plan, rulebook.addons, rulebook.plan_source)
    if ladder.timed:
        values = where_trials_end(values)
    limits = {name: LimitReader(limit, periods, existence(limit, values)) for name, limit in rulebook.limits.items()}
    of_limits = limit_values(limits.values())
    values |= where_trials_end(of_limits) if ladder.timed else of_limits
    values |= limits_by_name(values, limits)
    counts = frozenset(name for name, reader in readers.items() if reader.rises_by_one)
    of_rules = _of_rules(rulebook.rules, limits, values, counts, ladder)
    judged = {each.name: each for rule in rulebook.rules for each in of_rules[rule.name]}
    sinks = [sink for reader in readers.values() for sink in reader.sinks]
    sinks += [sink for limit in limits.values() for sink in limit.sinks]
    sinks += [*_sinks(rulebook, features), *_plan_sinks(rulebook, ladder)]
    sinks += onboarding.sinks if onboarding is not None else ()
    traits = {
        path
        for path in (*_paths(rulebook, sinks), rulebook.billing_day or "", *_told_apart(rulebook))
        if path.startswith(("person.", "account."))
    } - PERSON_NAMES.keys()
    folds = fold_functions(sinks, acting=any(each.of_person for each in judged.values()))
    return Program(
        rulebook=rulebook,
        version=version,
        ladder=ladder,
        person_traits=PERSON_TRAITS | {path.removeprefix("person.") for path in traits if path.startswith("person.")},
        account_traits=ACCOUNT_TRAITS
        | ({ADDONS} if rulebook.addons else set())
        | {path.removeprefix("account.") for path in traits if path.startswith("account.")},
        judged=judged,
        reactions=Reactions(rulebook, judged.values(), folds),
        values=values,
        limits=limits,
        features=features,
        onboarding=onboarding,
        close_won=_closing(rulebook.close_won, values),
        close_lost=_closing(rulebook.close_lost, values),
        plan_events=frozenset(term.name for term in rulebook.plan_source.of.terms) if rulebook.plan_source else frozenset(),
        closes_at_plans_only=all(map(_is_change_of_plan, (rulebook.close_won, rulebook.close_lost))),
        lateness_ms=min((each.rule.lateness_ms for each in judged.values()), default=0),
        drops=drops(rulebook.drop_events),
        suppression=Suppression(tuple(_suppressing(condition, values) for condition in rulebook.suppress)),
        strength={lead_type.name: place for place, lead_type in enumerate(rulebook.lead_types)},
    )


def asked_properties(rule: Rule) -> tuple[str, ...]:
    """The properties of its event that a rule's conditions and text use."""
    paths = [name.path for condition in rule.when for name in names_in(condition.expr)]
    paths += [part.path for part in rule.say if isinstance(part, Name)]
    return tuple(dict.fromkeys(path for path in paths if path.startswith("properties."))) if rule.event else ()


def _of_rules(
    rules: Sequence[Rule],
    limits: Mapping[str, LimitReader],
    values: dict[str, Value],
    counts: frozenset[str],
    ladder: Ladder,
) -> dict[str, list[Judged]]:
    """Rule -> what is judged of it. Puts into `values` what rules say of themselves to those that look at them."""
    by_name = {rule.name: rule for rule in rules}
    found: dict[str, list[Judged]] = {}
    for rule in in_order(rules):
        behind = {name.path for condition in conditions_behind(rule.when, by_name) for name in names_in(condition.expr)}
        whole = _judged(rule, values, counts, behind)
        each = for_limits(whole, limits.values(), values["limit.allowed"].course, ladder.plans) if rule.each_limit else [whole]
        settles = ladder.settles_at if whole.limits or rule.each_limit or {"plan", "stage"} & behind else 0
        found[rule.name] = [replace(one, settles_at=settles) for one in each]
        if not rule.event and not rule.each_limit:
            values[f"{RULES}{rule.name}"] = whole.value
    return found


def _judged(rule: Rule, values: Mapping[str, Value], counts: frozenset[str], behind: set[str]) -> Judged:
    """`counts`: the measures that no event raises by more than one. `behind`: names in its lines and in rules behind them."""
    properties = asked_properties(rule)
    read = reading(rule.when, values, properties)
    names = dict.fromkeys(name for condition in rule.when for name in names_in(condition.expr))
    return Judged(
        name=rule.name,
        rule=rule,
        lines=tuple(_line(condition, read, counts) for condition in rule.when),
        guard=guard(rule.when, read),
        sources=tuple(dict.fromkeys(each for name in names for each in (read(name).parts or (read(name),)))),
        limits=frozenset(path.split(".")[1] for path in behind if path.startswith("limits.")),
        asked_key=asked_key(rule.name, rule.event, properties) if rule.event else None,
        of_person=not rule.event and any(path.startswith("person.") for path in behind),
        course=max((course_of(condition.expr, read) for condition in rule.when), default=Course.STILL),
    )


def _closing(condition: Condition | None, values: Mapping[str, Value]) -> Callable[[Moment], bool | None]:
    if condition is None:
        return lambda _moment: False
    return guard((condition,), reading((condition,), values, ()))


def _suppressing(condition: Condition, values: Mapping[str, Value]) -> Ground:
    of_person = any(name.path.startswith("person.") for name in names_in(condition.expr))
    return Ground(condition.text, _closing(condition, values), of_person)


def _is_change_of_plan(condition: Condition | None) -> bool:
    match condition and condition.expr:
        case None | Binary(operator="==", left=Name(path="plan.change"), right=Constant(value="up" | "down")):
            return True
        case _:
            return False


def _line(condition: Condition, read: Callable[[Name], Value], counts: frozenset[str]) -> Line:
    compared = condition.expr if isinstance(condition.expr, Binary) and condition.expr.operator not in ("and", "or") else None
    left = held_against(condition.expr)
    names = names_in(condition.expr)
    source = read(names[0]) if names else Value(lambda _moment: None)
    kind = left.type if isinstance(left, Name) else Type.ANY
    threshold = _calculation(compared.right, read) if compared is not None else lambda _moment: None
    return Line(
        text=condition.text,
        value=_calculation(left, read),
        threshold=threshold,
        source=source,
        type=kind,
        holds=guard((condition,), read),
        course=course_of(condition.expr, read),
        sources=tuple(map(read, dict.fromkeys(names))),
        counted_to=_counted_to(condition.expr, counts),
    )


def _counted_to(expr: Expr, counts: frozenset[str]) -> int | None:
    match expr:
        case Binary(operator=">=", left=Name(path=path), right=Constant(value=int() | float() as number)) if path in counts:
            return ceil(number)
        case Binary(operator=">", left=Name(path=path), right=Constant(value=int() | float() as number)) if path in counts:
            return floor(number) + 1
        case _:
            return None


def _calculation(expr: Expr, read: Callable[[Name], Value]) -> Callable[[Moment], Any]:
    source = Source()
    return source.build("value", "m", [f"return {source.expression(expr, lambda name: f'{source.bind(read(name).read)}(m)')}"])


def _paths(rulebook: Rulebook, sinks: list[Sink]) -> set[str]:
    """Every name that the rulebook's conditions, selectors and texts use."""
    conditions = _conditions(rulebook)
    conditions += [term.where for sink in sinks for term in sink.selector.terms if term.where is not None]
    texts = [*(rule.say for rule in rulebook.rules), *(lead_type.do for lead_type in rulebook.lead_types)]
    paths = {name.path for condition in conditions for name in names_in(condition.expr)}
    return paths | {part.path for text in texts for part in text if isinstance(part, Name)}


def _conditions(rulebook: Rulebook) -> list[Condition]:
    """Those that look at the account, not at a single event."""
    conditions = [condition for rule in rulebook.rules for condition in rule.when]
    conditions += [limit.only_if for limit in rulebook.limits.values() if limit.only_if is not None]
    conditions += rulebook.suppress
    return conditions + [condition for condition in (rulebook.close_won, rulebook.close_lost) if condition is not None]


def _told_apart(rulebook: Rulebook) -> set[str]:
    """The properties and traits of which different values are counted."""
    found = [measure for measure in rulebook.measures.values() if isinstance(measure, Distinct)]
    return {path for measure in found for path in (measure.of_value, measure.most_by) if path is not None}


def _plan_sinks(rulebook: Rulebook, ladder: Ladder) -> list[Sink]:
    source = rulebook.plan_source
    if source is None or not source.of.terms:
        return []
    return [Sink(ladder.said.key, source.of, "plan", None, (source.path, source.since or ""), hear=ladder.said.hear_event)]


def _sinks(rulebook: Rulebook, features: Mapping[str, str]) -> list[Sink]:
    """Of all that is neither a measure, nor a limit, nor a step of onboarding."""
    sinks = []
    if any(name.path == "trial.quiet" for condition in _conditions(rulebook) for name in names_in(condition.expr)):
        sinks.append(Sink(ACTIVE_KEY, Selector(builtin="active"), "count"))
    for name, feature in rulebook.features.items():
        either = Selector((*feature.used.terms, *feature.refused.terms))
        sinks.append(Sink(features[name], either, "feature"))
    for rule in rulebook.rules:
        properties = asked_properties(rule)
        key = asked_key(rule.name, rule.event, properties) if rule.event else ""
        sinks += [Sink(key, selector, "asked", None, properties, title) for title, selector in rule.event]
    return sinks
