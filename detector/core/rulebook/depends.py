"""Which rules an event can change, and what in them: the index that keeps a judgement to the few that matter."""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from contracts.messages import EventType
from detector.core.measures.score import Part
from detector.core.resting import EVERYTHING
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.measured import Calculated, Calendar, Counted, Distinct, Newest
from detector.core.rulebook.model import Condition, Limit, Name, Points, Rule, Rulebook, Selector, Term
from detector.core.rulebook.references import conditions_behind
from detector.core.rulebook.scoring import PARTS
from detector.core.rulebook.tree_walk import names_in

_PLAN = {"plan", "plan.change", "stage", "paying.for", "customer_since"}
_SINCE_SEEN = {"stage.for", "plan.for", "trial.quiet"}
"""They may count from the first sight of anybody, or from the last thing that somebody did."""
TYPES: Final[tuple[EventType, ...]] = ("track", "group", "identify", "page", "screen", "alias")


class Touch(NamedTuple):
    """What an event can change of a rule. `parts`: bit n for `when` line n, the bit behind them for what is no line: the use of
    the limit; EVERYTHING if the rule can rise whatever its parts say: an event that asks, a refusal.
    """

    judged: Judged
    parts: int


_Needs: TypeAlias = list[tuple[int, set[str]]]


class Dependencies:
    """What is judged, by the wire name of a track event, else by its type; in the rulebook's order."""

    def __init__(self, rulebook: Rulebook, judged: Iterable[Judged]) -> None:
        needs = [(each, _needs(each.rule, None if each.limit is None else each.limit.limit, rulebook)) for each in judged]
        wires = {wire for _, parts in needs for _, need in parts for wire in need if not wire.startswith(_OF_TYPE)}
        self._by_name = {wire: _touched(needs, wire, f"{_OF_TYPE}track") for wire in wires}
        self._by_type = {type_: _touched(needs, f"{_OF_TYPE}{type_}") for type_ in TYPES}
        self._scored = _needs_of_points(rulebook) if rulebook.score is not None else set()

    @property
    def names(self) -> frozenset[str]:
        """Track events that are more to a rule, or to the score, than any other."""
        return frozenset(self._by_name) | {wire for wire in self._scored if not wire.startswith(_OF_TYPE)}

    def scores(self, name: str) -> bool:
        """Whether a track event so named can change the score of a lead, without any signal."""
        return name in self._scored or self.type_scores("track")

    def type_scores(self, type_: EventType) -> bool:
        """Whether any event of this type can."""
        return f"{_OF_TYPE}{type_}" in self._scored

    def of(self, name: str) -> tuple[Touch, ...]:
        """What a track event so named can change, in the rulebook's order."""
        return self._by_name.get(name) or self._by_type["track"]

    def of_type(self, type_: EventType) -> tuple[Touch, ...]:
        """What any event of this type can change."""
        return self._by_type[type_]


def _touched(needs: Iterable[tuple[Judged, _Needs]], *wires: str) -> tuple[Touch, ...]:
    found = []
    for judged, parts in needs:
        bits = 0
        for bit, need in parts:
            if not need.isdisjoint(wires):
                bits |= bit
        if bits:
            found.append(Touch(judged, bits))
    return tuple(found)


_OF_TYPE = "\0type "
"""Before a type, so that no event's name can be taken for one."""


def _needs(rule: Rule, limit: Limit | None, rulebook: Rulebook) -> _Needs:
    used = set() if limit is None else _needs_of_limit(limit, rulebook)
    rules = {each.name: each for each in rulebook.rules}
    lines = [conditions_behind((condition,), rules) for condition in rule.when]
    needs = [(1 << n, _needs_of_line(behind, used, rulebook, asked=bool(rule.event))) for n, behind in enumerate(lines)]
    needs += [(EVERYTHING, _wires(selector, rulebook)) for _, selector in rule.event]  # lines may look at the event itself
    needs.append((1 << len(rule.when), used))
    if limit is not None:
        needs.append((EVERYTHING, _wires(limit.refused, rulebook)))
    return needs


def _needs_of_limit(limit: Limit, rulebook: Rulebook) -> set[str]:
    """What changes its use, what is allowed, or whether it is there."""
    needs = _wires(limit.of, rulebook) | _says_plan(rulebook)
    for name in () if limit.only_if is None else names_in(limit.only_if.expr):
        needs |= _needs_of_state(name, rulebook)
    return needs


def _needs_of_line(conditions: Iterable[Condition], used: set[str], rulebook: Rulebook, *, asked: bool) -> set[str]:
    """`conditions`: the line's, and what is behind it. `used`: what changes the limit at hand.

    `asked`: the person at hand is who asked.
    """
    needs: set[str] = set()
    for name in (name for condition in conditions for name in names_in(condition.expr)):
        if name.path.startswith("limit."):
            needs |= used
        needs |= _needs_of_state(name, rulebook)
        if name.path in PARTS:
            needs |= _needs_of_points(rulebook, *PARTS[name.path], asked=asked)
            needs |= _needs_of_signals(rulebook, *PARTS[name.path])
        if name.path.startswith("person."):
            # Any event can change who is at hand; of a request that is who asked, whatever else happens.
            needs |= {f"{_OF_TYPE}{type_}" for type_ in (("identify",) if asked else TYPES)}
    return needs


def _needs_of_state(name: Name, rulebook: Rulebook) -> set[str]:
    needs = _needs_of_name(name, rulebook)
    if name.path == "stage" and rulebook.no_plan is None:
        needs |= {f"{_OF_TYPE}{type_}" for type_ in TYPES}  # whoever comes first is a visitor, or ends that stage
    return needs


def _needs_of_points(rulebook: Rulebook, *parts: Part, asked: bool = True) -> set[str]:
    """What changes the score but for the signals of rules. Unless something else is `asked`, of a lead: it knows its person."""
    needs: set[str] = set()
    for line in _points(rulebook, *(parts or PARTS["score"])):
        needs |= _wires(line.event, rulebook)
        if line.condition is not None:
            needs |= _needs_of_line((line.condition,), set(), rulebook, asked=asked)
    return needs


def _needs_of_signals(rulebook: Rulebook, *parts: Part) -> set[str]:
    """What changes the signals that the score counts."""
    names = {line.rule.partition("/")[0] for line in _points(rulebook, *parts) if line.rule is not None}
    rules = [rule for rule in rulebook.rules if rule.name in names]
    judged = [(rule, limit) for rule in rules for limit in (rulebook.limits.values() if rule.each_limit else [None])]
    return {wire for rule, limit in judged for _, need in _needs(rule, limit, rulebook) for wire in need}


def _points(rulebook: Rulebook, *parts: Part) -> list[Points]:
    score = rulebook.score
    return [] if score is None else [line for part in parts for line in (score.fit if part == "fit" else score.behaviour)]


def _needs_of_name(name: Name, rulebook: Rulebook) -> set[str]:
    root = name.path.split(".", 1)[0]
    if root in rulebook.measures:
        measure = rulebook.measures[root]
        wires = {wire for selector in measure.selectors for wire in _wires(selector, rulebook)}
        if isinstance(measure, Counted | Distinct | Newest | Calculated) and measure.window == Calendar("billing period"):
            wires |= {f"{_OF_TYPE}group"}  # the day on which it is billed is a trait of the account
        if isinstance(measure, Distinct) and (measure.most_by or measure.of_value or "").startswith("person."):
            wires |= {f"{_OF_TYPE}identify"}
        return wires
    if root == "onboarding" and rulebook.onboarding is not None:
        return {wire for step in rulebook.onboarding.selectors for wire in _wires(step, rulebook)}
    if name.path in _SINCE_SEEN:
        return {f"{_OF_TYPE}{type_}" for type_ in TYPES}
    if root == "limits":
        limit = rulebook.limits[name.path.split(".")[1]]
        return _needs_of_limit(limit, rulebook) | _wires(limit.refused, rulebook)
    return _says_plan(rulebook) if name.path in _PLAN or root in ("account", "trial") else set()


def _says_plan(rulebook: Rulebook) -> set[str]:
    source = rulebook.plan_source
    return {f"{_OF_TYPE}group"} if source is None else {f"{_OF_TYPE}group", *map(_wire, source.of.terms)}


def _wires(selector: Selector, rulebook: Rulebook) -> set[str]:
    if selector.builtin == "active":
        return {f"{_OF_TYPE}track"}
    if selector.builtin == "premium":
        of_features = [each for feature in rulebook.features.values() for each in (feature.used, feature.refused)]
        return {_wire(term) for each in of_features for term in each.terms} | _says_plan(rulebook)
    return {_wire(term) for term in selector.terms}


def _wire(term: Term) -> str:
    return term.name if term.page is None else f"{_OF_TYPE}page"
