"""A checked rulebook in, a Program out: fold functions by event name, and what is judged with a generated guard each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from detector.core.drops import drops
from detector.core.instants import NEVER
from detector.core.measures.addons import ADDONS
from detector.core.measures.keys import asked_key, feature_key
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.periods import Periods
from detector.core.measures.plan import Ladder
from detector.core.measures.plan_said import PlanSaid
from detector.core.measures.reader import Course, Reader
from detector.core.measures.readers import reader_of_name
from detector.core.measures.score import ScoreReader
from detector.core.measures.sink import Sink
from detector.core.measures.usage import LimitReader
from detector.core.measures.warming import Begun
from detector.core.rulebook.definitions import definition
from detector.core.rulebook.folds import fold_functions
from detector.core.rulebook.judged import ACTING, Judged, Start
from detector.core.rulebook.judged_limits import for_limits, names_for_limits
from detector.core.rulebook.limit_values import limit_values
from detector.core.rulebook.lines import Habits, line_of, shaken_by
from detector.core.rulebook.measured import Calculated, Calendar
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
from detector.core.rulebook.uses import asked_properties, other_sinks, paths_used, plan_sinks, told_apart, traits_told
from detector.core.rulebook.values import (
    STATE_VALUES,
    Value,
    limits_by_name,
    measure_value,
    onboarding_values,
    where_trials_end,
    would_lose,
)
from detector.core.rulebook.warm import of_limits, unknown_while, warm_billed, warm_plan, warm_readers, warm_score, warm_state
from detector.core.suppression import Ground, Suppression

PERSON_TRAITS = frozenset(
    ("email", "name", "first_name", "firstName", "last_name", "lastName", "title", "role", "timezone", "phone")
)
"""Kept of every person, whether a rule uses them or not: whom to call, and how."""
ACCOUNT_TRAITS = frozenset(("plan", "name", "domain", "website"))


class _Read(NamedTuple):
    """What can be asked of an account, by the names of the rulebook."""

    values: dict[str, Value]
    readers: dict[str, Reader]
    limits: dict[str, LimitReader]
    features: dict[str, str]
    onboarding: OnboardingReader | None
    score: ScoreReader | None
    ladder: Ladder
    sources: Sources


class _Stored(NamedTuple):
    """What is kept of an account: where events go, the traits that are wanted, and the keys of all that has one."""

    sinks: list[Sink]
    person_traits: frozenset[str]
    account_traits: frozenset[str]
    keys: set[str]
    """Of what is stored under a key of its own."""

    @property
    def named(self) -> set[str]:
        return {f"person.{name}" for name in self.person_traits} | {f"account.{name}" for name in self.account_traits}


def compile_rulebook(
    rulebook: Rulebook, version: int, known: Mapping[str, Span] | None = None, former: Kept = KEPT_NOTHING
) -> Program:
    """Raises nothing for a rulebook that `parse` accepted.

    `known`: since when what is kept and judged, where that is not always; `former`: what else is kept on.
    """
    known = known or {}
    read = _read(rulebook, known)
    judged = _judge(rulebook, read, known)
    acting = any(each.of_person for each in judged.values())
    stored = _store(rulebook, read, acting=acting)
    values = read.values
    return Program(
        rulebook=rulebook,
        version=version,
        ladder=read.ladder,
        person_traits=stored.person_traits | _of_root("person", former.traits),
        account_traits=stored.account_traits | _of_root("account", former.traits),
        judged=judged,
        reactions=Reactions(
            rulebook, judged.values(), fold_functions([*stored.sinks, *former.sinks], acting=acting or former.acting)
        ),
        values=values,
        limits=read.limits,
        features=read.features,
        onboarding=read.onboarding,
        close_won=_closing(rulebook.close_won, values),
        close_lost=_closing(rulebook.close_lost, values),
        closes_at_plans_only=all(map(_is_change_of_plan, (rulebook.close_won, rulebook.close_lost))),
        lateness_ms=min((each.rule.lateness_ms for each in judged.values()), default=0),
        drops=drops(rulebook.drop_events),
        suppression=Suppression(tuple(_suppressing(condition, values) for condition in rulebook.suppress)),
        strength={lead_type.name: place for place, lead_type in enumerate(rulebook.lead_types)},
        score=read.score,
        followers=tuple(each for each in judged.values() if each.follows),
        segments={name: _test(condition, values).holds for name, condition in rulebook.segments.items()},
        sinks=tuple(stored.sinks),
        acting=ACTING if acting else None,
        keys=frozenset(stored.keys | stored.named | {definition(rule, rulebook) for rule in rulebook.rules}),
        keeps=frozenset(stored.keys | {sink.key for sink in former.sinks} | ({ACTING} if former.acting else set())),
        anew={key: each.version for key, each in known.items() if each.version},
        filled={key: each.filled for key, each in known.items() if each.filled > 0},
    )


def _by_billing_period(rulebook: Rulebook, names: Iterable[str]) -> Iterator[str]:
    """Of the names of measures, those that may count by it: what is calculated, too, where anything does."""
    measures = rulebook.measures
    direct = {name for name, measure in measures.items() if getattr(measure, "window", None) == Calendar("billing period")}
    for name in names:
        base = name.partition(".")[0]
        if base in direct or (direct and isinstance(measures.get(base), Calculated)):
            yield name


def _read(rulebook: Rulebook, known: Mapping[str, Span]) -> _Read:
    """Where something of it began later than the account may have, it is unknown as long as that matters."""
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
    by_period = frozenset(_by_billing_period(rulebook, readers))
    billed = warm_billed(by_period, begun, rulebook.billing_day)
    values |= {name: unknown_while(values[name], [state]) for name, state in billed.items()}
    if ladder.timed:
        values = where_trials_end(values)
    partly = of_limits(begun, addons=bool(rulebook.addons)), rulebook.billing_day
    limits = {name: LimitReader(limit, periods, existence(limit, values), *partly) for name, limit in rulebook.limits.items()}
    named = limit_values(limits.values())
    values |= where_trials_end(named) if ladder.timed else named
    values |= limits_by_name(values, limits)
    score = _score(rulebook, values, ladder)
    values |= score_values(score)
    if begun and rulebook.score is not None:
        values |= warm_score(rulebook.score, values, readers, limits, begun, billed)
    sources = Sources(
        values,
        readers,
        onboarding,
        features,
        rulebook.limits,
        periods,
        rulebook.score,
        said,
        billed=by_period,
        billing_day=rulebook.billing_day,
        addons=bool(rulebook.addons),
    )
    return _Read(values, readers, limits, features, onboarding, score, ladder, sources)


def _judge(rulebook: Rulebook, read: _Read, known: Mapping[str, Span]) -> dict[str, Judged]:
    """What is judged, by its name: in the rulebook's order, but what looks at the signals of others comes last."""
    of_rules = _of_rules(rulebook.rules, read)
    if known:
        starts = {rule.name: _start(rule, known.get(definition(rule, rulebook))) for rule in rulebook.rules}
        told = Rests(known, read.sources).told((each for of in of_rules.values() for each in of), starts)
        of_rules = {name: [told[each.name] for each in of] for name, of in of_rules.items()}
    every = [each for rule in rulebook.rules for each in of_rules[rule.name]]
    return _placed(sorted(every, key=lambda each: bool(each.follows)))


def _store(rulebook: Rulebook, read: _Read, *, acting: bool) -> _Stored:
    """`acting`: it must be known who acted when."""
    sinks = [sink for reader in read.readers.values() for sink in reader.sinks]
    sinks += [sink for limit in read.limits.values() for sink in limit.sinks]
    sinks += [*other_sinks(rulebook, read.features), *plan_sinks(rulebook, read.ladder)]
    sinks += read.onboarding.sinks if read.onboarding is not None else ()
    traits = {
        path
        for path in (*paths_used(rulebook, sinks), rulebook.billing_day or "", *told_apart(rulebook), *traits_told(rulebook))
        if path.startswith(("person.", "account."))
    } - PERSON_NAMES.keys()
    return _Stored(
        sinks,
        PERSON_TRAITS | _of_root("person", traits),
        ACCOUNT_TRAITS | ({ADDONS} if rulebook.addons else set()) | _of_root("account", traits),
        {sink.key for sink in sinks} | {read.sources.said} | ({ACTING} if acting else set()),
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


def _of_rules(rules: Sequence[Rule], read: _Read) -> dict[str, list[Judged]]:
    """Rule -> what is judged of it. Puts into the values what rules say of themselves to those that look at them."""
    values, limits, ladder, score = read.values, read.limits.values(), read.ladder, read.score
    habits = Habits.of(read.readers, limits)
    by_name = {rule.name: rule for rule in rules}
    found: dict[str, list[Judged]] = {}
    for rule in in_order(rules):
        behind = [name.path for condition in conditions_behind(rule.when, by_name) for name in names_in(condition.expr)]
        of_score = [condition for path in behind if score is not None for condition in score.conditions(*PARTS.get(path, ()))]
        paths = {*behind, *(name.path for condition in of_score for name in names_in(condition.expr))}
        follows = tuple(dict.fromkeys(each for path in behind for each in signals_behind(path, score)))
        whole = replace(_judged(rule, values, habits, paths), follows=follows)
        each = for_limits(whole, limits, values["limit.allowed"].course, ladder.plans) if rule.each_limit else [whole]
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
