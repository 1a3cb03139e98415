"""A checked rulebook in, a Program out: fold functions by event name, and what is judged with a generated guard each."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from detector.core.drops import drops
from detector.core.instants import NEVER
from detector.core.measures.addons import ADDONS
from detector.core.measures.keys import asked_key, feature_key
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.periods import Periods
from detector.core.measures.plan import Ladder
from detector.core.measures.plan_said import PlanSaid
from detector.core.measures.reader import Course
from detector.core.measures.readers import reader_of_name
from detector.core.measures.score import ScoreReader
from detector.core.measures.usage import LimitReader
from detector.core.measures.warming import Begun
from detector.core.rulebook.definitions import definition
from detector.core.rulebook.folds import fold_functions
from detector.core.rulebook.judged import ACTING, Judged, Start
from detector.core.rulebook.judged_limits import for_limits, names_for_limits
from detector.core.rulebook.limit_values import limit_values
from detector.core.rulebook.lines import Habits, line_of, shaken_by
from detector.core.rulebook.model import (
    Binary,
    Condition,
    Constant,
    Name,
    Rule,
    Rulebook,
    Span,
)
from detector.core.rulebook.names import PERSON_NAMES
from detector.core.rulebook.program import KEPT_NOTHING, Kept, Program
from detector.core.rulebook.reactions import Reactions
from detector.core.rulebook.reading import course_of, existence, guard, reading
from detector.core.rulebook.references import RULES, conditions_behind, in_order
from detector.core.rulebook.rests_on import Rests, Sources
from detector.core.rulebook.scoring import PARTS, Test, score_reader, score_values, signals_behind
from detector.core.rulebook.tree_walk import names_in
from detector.core.rulebook.uses import asked_properties, other_sinks, paths_used, plan_sinks, told_apart
from detector.core.rulebook.values import (
    STATE_VALUES,
    Value,
    limits_by_name,
    measure_value,
    onboarding_values,
    where_trials_end,
    would_lose,
)
from detector.core.rulebook.warm import warm_plan, warm_readers, warm_score, warm_state
from detector.core.suppression import Ground, Suppression

PERSON_TRAITS = frozenset(
    ("email", "name", "first_name", "firstName", "last_name", "lastName", "title", "role", "timezone", "phone")
)
"""Kept of every person, whether a rule uses them or not: whom to call, and how."""
ACCOUNT_TRAITS = frozenset(("plan", "name", "domain", "website"))


def compile_rulebook(
    rulebook: Rulebook, version: int, known: Mapping[str, Span] | None = None, former: Kept = KEPT_NOTHING
) -> Program:
    """Raises nothing for a rulebook that `parse` accepted.

    `known`: since when what is kept and judged, where that is not always; `former`: what else is kept on.
    """
    known = known or {}
    begun = {key: Begun(each.version, each.since) for key, each in known.items() if each.is_partly}
    periods = Periods.of(rulebook)
    features = {name: feature_key(feature, periods.zone) for name, feature in rulebook.features.items()}
    onboarding = OnboardingReader(rulebook.onboarding, periods) if rulebook.onboarding is not None else None
    of_measures = [path for path in sorted(paths_used(rulebook, [])) if path.partition(".")[0] in rulebook.measures]
    names = dict.fromkeys([*rulebook.measures, *of_measures])
    readers = {name: reader_of_name(name, rulebook.measures, features, periods) for name in names}
    values = {
        **STATE_VALUES,
        **onboarding_values(onboarding),
        "trial.would_lose": would_lose(features),
        **{name: measure_value(reader) for name, reader in readers.items()},
    }
    said = PlanSaid(rulebook.plan_source).key
    of_plan = (begun[said].version, begun[said].since) if said in begun else (-1, 0)
    ladder = Ladder(rulebook.plans, rulebook.no_plan, rulebook.addons, rulebook.plan_source, of_plan)
    if begun:
        values |= warm_readers(values, readers, begun, said) | warm_state(values, onboarding, features, begun)
        values |= warm_plan(values, begun[said]) if said in begun else {}
    if ladder.timed:
        values = where_trials_end(values)
    limits = {name: LimitReader(limit, periods, existence(limit, values), begun) for name, limit in rulebook.limits.items()}
    of_limits = limit_values(limits.values())
    values |= where_trials_end(of_limits) if ladder.timed else of_limits
    values |= limits_by_name(values, limits)
    habits = Habits.of(readers, limits.values())
    score = _score(rulebook, values, ladder)
    values |= score_values(score)
    if begun and rulebook.score is not None:
        values |= warm_score(rulebook.score, values, readers, limits, begun)
    of_rules = _of_rules(rulebook.rules, limits, values, habits, ladder, score)
    starts = {rule.name: _start(rule, known.get(definition(rule, rulebook))) for rule in rulebook.rules} if known else {}
    if known:
        rests = Rests(known, Sources(values, readers, onboarding, features, rulebook.limits, periods, rulebook.score, said))
        told = rests.told((each for of in of_rules.values() for each in of), starts)
        of_rules = {name: [told[each.name] for each in of] for name, of in of_rules.items()}
    every = [each for rule in rulebook.rules for each in of_rules[rule.name]]
    followers = [each for each in every if each.follows]
    judged = _placed([*(each for each in every if not each.follows), *followers])
    sinks = [sink for reader in readers.values() for sink in reader.sinks]
    sinks += [sink for limit in limits.values() for sink in limit.sinks]
    sinks += [*other_sinks(rulebook, features), *plan_sinks(rulebook, ladder)]
    sinks += onboarding.sinks if onboarding is not None else ()
    traits = {
        path
        for path in (*paths_used(rulebook, sinks), rulebook.billing_day or "", *told_apart(rulebook))
        if path.startswith(("person.", "account."))
    } - PERSON_NAMES.keys()
    acting = any(each.of_person for each in judged.values())
    folds = fold_functions([*sinks, *former.sinks], acting=acting or former.acting)
    person_traits = PERSON_TRAITS | _of_root("person", traits)
    account_traits = ACCOUNT_TRAITS | ({ADDONS} if rulebook.addons else set()) | _of_root("account", traits)
    stored = {sink.key for sink in sinks} | {said} | ({ACTING} if acting else set())
    named = {f"person.{name}" for name in person_traits} | {f"account.{name}" for name in account_traits}
    return Program(
        rulebook=rulebook,
        version=version,
        ladder=ladder,
        person_traits=person_traits | _of_root("person", former.traits),
        account_traits=account_traits | _of_root("account", former.traits),
        judged=judged,
        reactions=Reactions(rulebook, judged.values(), folds),
        values=values,
        limits=limits,
        features=features,
        onboarding=onboarding,
        close_won=_closing(rulebook.close_won, values),
        close_lost=_closing(rulebook.close_lost, values),
        closes_at_plans_only=all(map(_is_change_of_plan, (rulebook.close_won, rulebook.close_lost))),
        lateness_ms=min((each.rule.lateness_ms for each in judged.values()), default=0),
        drops=drops(rulebook.drop_events),
        suppression=Suppression(tuple(_suppressing(condition, values) for condition in rulebook.suppress)),
        strength={lead_type.name: place for place, lead_type in enumerate(rulebook.lead_types)},
        score=score,
        followers=tuple(each for each in judged.values() if each.follows),
        segments={name: _test(condition, values).holds for name, condition in rulebook.segments.items()},
        sinks=tuple(sinks),
        acting=ACTING if acting else None,
        keys=frozenset(stored | named | {definition(rule, rulebook) for rule in rulebook.rules}),
        keeps=frozenset(stored | {sink.key for sink in former.sinks} | ({ACTING} if former.acting else set())),
        anew={key: each.version for key, each in known.items() if each.version},
        filled={key: each.filled for key, each in known.items() if each.filled > 0},
    )


def _of_root(root: str, paths: Set[str]) -> frozenset[str]:
    return frozenset(path.removeprefix(f"{root}.") for path in paths if path.startswith(f"{root}."))


def _placed(judged: Iterable[Judged]) -> dict[str, Judged]:
    """By name, each with bits of its own. The first bit is nobody's (`ALWAYS`)."""
    placed, place = {}, 1
    for each in judged:
        placed[each.name] = replace(each, place=place)
        place += each.width
    return placed


def _start(rule: Rule, known: Span | None) -> Start | None:
    if known is None or not known.version:
        return None
    how = rule.on_enable
    return Start(known.version, known.since, known.since - how.back_ms, told=how.mode != "fire_all")


def _score(rulebook: Rulebook, values: Mapping[str, Value], ladder: Ladder) -> ScoreReader | None:
    if rulebook.score is None:
        return None
    limits = rulebook.limits.values()
    judged = [
        name
        for rule in rulebook.rules
        for name in (names_for_limits(rule, limits, ladder.plans) if rule.each_limit else [rule.name])
    ]
    return score_reader(rulebook.score, judged, lambda condition: _test(condition, values))


def _test(condition: Condition, values: Mapping[str, Value]) -> Test:
    """A condition that stands by itself."""
    read = reading((condition,), values)
    sources = tuple(read(name) for name in dict.fromkeys(names_in(condition.expr)))
    return Test(
        guard((condition,), read),
        lambda moment: min((source.next(moment) for source in sources), default=NEVER),
        lambda moment, number: [each for source in sources for each in source.ids(moment, number)],
        course_of(condition.expr, read),
    )


def _of_rules(  # noqa: PLR0913, PLR0917 - here everything meets
    rules: Sequence[Rule],
    limits: Mapping[str, LimitReader],
    values: dict[str, Value],
    habits: Habits,
    ladder: Ladder,
    score: ScoreReader | None,
) -> dict[str, list[Judged]]:
    """Rule -> what is judged of it. Puts into `values` what rules say of themselves to those that look at them."""
    by_name = {rule.name: rule for rule in rules}
    found: dict[str, list[Judged]] = {}
    for rule in in_order(rules):
        behind = [name.path for condition in conditions_behind(rule.when, by_name) for name in names_in(condition.expr)]
        of_score = [condition for path in behind if score is not None for condition in score.conditions(*PARTS.get(path, ()))]
        paths = {*behind, *(name.path for condition in of_score for name in names_in(condition.expr))}
        follows = tuple(dict.fromkeys(each for path in behind for each in signals_behind(path, score)))
        whole = replace(_judged(rule, values, habits, paths), follows=follows)
        each = for_limits(whole, limits.values(), values["limit.allowed"].course, ladder.plans) if rule.each_limit else [whole]
        settles = ladder.settles_at if whole.limits or rule.each_limit or {"plan", "stage"} & paths else 0
        found[rule.name] = [replace(one, settles_at=settles, shaken_by=shaken_by(one)) for one in each]
        if not rule.event and not rule.each_limit:
            values[f"{RULES}{rule.name}"] = whole.value
    return found


def _judged(rule: Rule, values: Mapping[str, Value], habits: Habits, behind: Set[str]) -> Judged:
    """`behind`: all names behind its lines."""
    properties = asked_properties(rule)
    read = reading(rule.when, values, properties)
    names = dict.fromkeys(name for condition in rule.when for name in names_in(condition.expr))
    return Judged(
        name=rule.name,
        rule=rule,
        lines=tuple(line_of(condition, read, habits) for condition in rule.when),
        guard=guard(rule.when, read),
        sources=tuple(dict.fromkeys(each for name in names for each in (read(name).parts or (read(name),)))),
        behind=frozenset(behind),
        limits=frozenset(path.split(".")[1] for path in behind if path.startswith("limits.")),
        asked_key=asked_key(rule.name, rule.event, properties) if rule.event else None,
        of_person=not rule.event and any(path.startswith("person.") for path in behind),
        course=max((course_of(condition.expr, read) for condition in rule.when), default=Course.STILL),
    )


def _closing(condition: Condition | None, values: Mapping[str, Value]) -> Callable[[Moment], bool | None]:
    if condition is None:
        return lambda _moment: False
    return guard((condition,), reading((condition,), values))


def _suppressing(condition: Condition, values: Mapping[str, Value]) -> Ground:
    of_person = any(name.path.startswith("person.") for name in names_in(condition.expr))
    return Ground(condition.text, _closing(condition, values), of_person)


def _is_change_of_plan(condition: Condition | None) -> bool:
    match condition and condition.expr:
        case None | Binary(operator="==", left=Name(path="plan.change"), right=Constant(value="up" | "down")):
            return True
        case _:
            return False
