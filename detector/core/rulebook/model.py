"""The rulebook as checked data: what `parse` makes and `compile` reads. No YAML, no code, nothing unresolved.

Durations are milliseconds, shares are fractions of 1 (80 % is 0.8), money is in the rulebook's currency per month.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from contracts.messages import Caps
from detector.core.instants import NEVER

if TYPE_CHECKING:
    from detector.core.rulebook.measured import Counted, Distinct, Measure


class Type(StrEnum):
    """Types of the condition language. ANY: a property or trait, known only at run time (a mismatch there is unknown)."""

    NUMBER = "number"
    TEXT = "text"
    BOOL = "bool"
    TIME = "time"
    DURATION = "duration"
    PERCENT = "percent"
    LIST = "list"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Constant:
    value: float | str | bool
    type: Type


@dataclass(frozen=True, slots=True)
class Name:
    """A value of the account, the person or the event at hand: `limit.percent`, `stage`, `active_days`, `person.title`, …"""

    path: str
    type: Type


@dataclass(frozen=True, slots=True)
class Aspect(Name):
    """Of a name not its value, but: the time since the date that it holds, or until it; the different values that it counts."""

    how: Literal["since", "until", "values"]


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expr"


@dataclass(frozen=True, slots=True)
class Negative:
    operand: "Expr"


@dataclass(frozen=True, slots=True)
class Binary:
    """`and or` (Kleene), `== != < <= > >=`, `+ - * /` (real division)."""

    operator: Literal["and", "or", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/"]
    left: "Expr"
    right: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends included."""

    value: "Expr"
    low: "Expr"
    high: "Expr"


@dataclass(frozen=True, slots=True)
class In:
    value: "Expr"
    options: tuple[float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Whether `sought` is in a text, whatever its case; `matches`: it is a pattern (RE2). A list contains its items."""

    operator: Literal["matches", "contains", "starts with", "ends with"]
    value: "Expr"
    sought: float | str


@dataclass(frozen=True, slots=True)
class Covers:
    """Whether every one of `options` is among several values: of a list, or of what a measure counts different ones of."""

    value: Name
    options: tuple[float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Whether a trait or property was ever said, and not taken back with null. Unknown only while no person is at hand."""

    value: Name


Expr: TypeAlias = Constant | Name | Not | Negative | Binary | Between | In | Look | Covers | Known


@dataclass(frozen=True, slots=True)
class Condition:
    """One `when` line: the text as written is what evidence quotes."""

    text: str
    expr: Expr
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Term:
    """Track events named `name` on the wire for which `where` (over `properties.…`) holds.

    `page`: page events of that path instead, or of all that begin with it if it ends in *; then `name` is empty.
    """

    name: str
    where: Condition | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """Which events. `builtin` active: any track event of a person; premium: use or refusal of a feature that the plan lacks.

    No builtin and no terms: an event that the rulebook does not map; what waits for it is asleep.
    """

    terms: tuple[Term, ...] = ()
    builtin: Literal["active", "premium"] | None = None


Template: TypeAlias = tuple[str | Name, ...]
"""`say` and `do` texts: literal parts and names in order."""


Step: TypeAlias = float | Literal["refused"]
"""A share of the limit (0.8, 1.0, …), or the product's own refusal, which is above every share."""

Steps: TypeAlias = Mapping[str, tuple[Step, ...]]
"""Lead type ("": that of the rule) -> the steps that lead to it, in rising order."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A measure that plans cap. gauge: the newest `of_value`, a path such as `properties.total`.

    counter: events since the beginning of the `period` (None: of all time), in the rulebook's time zone. sum, distinct: the sum
    of `of_value`, or its different values, in the calendar month (UTC) of t.
    `unit`: what the numbers are: a duration's unit, `bytes`, or a text that is only shown. `each`: what a single event is,
    where the limit is on each of them. `worst_by`: the path that tells sub-resources apart, each a gauge; the highest counts.
    `only_if`: the limit is there only while this holds. `at`: its steps, in place of the rule's.
    """

    name: str
    label: str
    kind: Literal["gauge", "counter", "sum", "distinct"]
    of: Selector
    of_value: str | None = None
    refused: Selector = Selector()
    period: Literal["day", "week", "month", "year", "billing period"] | None = "month"
    unit: str | None = None
    each: str | None = None
    worst_by: str | None = None
    only_if: Condition | None = None
    at: Steps | None = None

    @property
    def resets(self) -> bool:
        """Whether it begins again with each period."""
        return self.kind != "gauge" and self.period is not None


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    used: Selector
    refused: Selector


@dataclass(frozen=True, slots=True)
class Plan:
    """`allows`: limit name -> most allowed, None: no cap. A limit that is not named is unknown on this plan. price None: ask.

    `at`: limit -> its steps on this plan, in place of the limit's and the rule's.
    `per`: what else the price is for, such as a seat. `tolerance`: limit -> by how much of what is allowed, a fraction of 1, the
    steps of 100 % and more come later. `since_ms`: from when on these terms count (epoch ms); `former`: those before, oldest
    first, of which the first counts since ever.
    A timed trial has both `days_ms`, how long it lasts, and `then`, the plan that follows (no trial). Other plans have neither.
    """

    name: str
    stage: Literal["trial", "free", "paying"]
    price: float | None
    allows: Mapping[str, float | None]
    has: frozenset[str]
    days_ms: int | None = None
    then: str | None = None
    at: Mapping[str, Steps] = field(default_factory=dict)
    per: str | None = None
    tolerance: Mapping[str, float] = field(default_factory=dict)
    since_ms: int | None = None
    former: tuple["Plan", ...] = ()

    def at_time(self, t: int) -> "Plan":
        """The terms in force at t (epoch ms)."""
        newest_first = (self, *reversed(self.former))
        return next((plan for plan in newest_first if plan.since_ms is not None and plan.since_ms <= t), newest_first[-1])


@dataclass(frozen=True, slots=True)
class AddOn:
    """What an account may have beside its plan, any number of times. `adds`: limit -> how much more of it each one allows."""

    name: str
    adds: Mapping[str, float]
    gives: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlanSource:
    """Where an account's plan is said. `path`: `account.TRAIT`, or `properties.…` of the events `of`.

    `since`: the same for the time from which on it counts; None: from when it is said.
    """

    path: str
    of: Selector = Selector()
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A step that is done when a measure, which counts since the beginning, comes to `number`."""

    measure: "Counted | Distinct"
    number: int


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Done when every step was seen, in any order, the last within `within_ms` of the first.

    `steps`: name -> events, or a measure. `by_person`: one person must have done them all; then all steps are events.
    """

    steps: Mapping[str, Selector | Reached]
    within_ms: int | None
    by_person: bool = False

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return tuple(step.measure.of if isinstance(step, Reached) else step for step in self.steps.values())


class Span(NamedTuple):
    """Of a key of facts, or of a rule, in one partition.

    version, since: of the rulebook whose switch began it, and the partition time of that; 0: it was always there. gone: when a
    switch removed it; last: the version that still had it. filled: by the version in force then the log was read again for it
    (see backfill.py), and `since` is the time from which on that was there, -1: the log goes back to its beginning; -1: there was
    nothing older to be read; 0: it was not yet.
    """

    version: int = 0
    since: int = 0
    gone: int = NEVER
    last: int = 0
    filled: int = 0

    @property
    def is_partly(self) -> bool:
        """Whether it began, is there, and something came before."""
        return self.version > 0 and self.gone == NEVER and self.since >= 0


@dataclass(frozen=True, slots=True)
class OnEnable:
    """What becomes of accounts that qualify already when a rule is switched on.

    baseline: they are taken for told. fire_all: they are told. backfill: what qualified within `back_ms` before is found, and
    told unless it is too long ago.
    """

    mode: Literal["baseline", "backfill", "fire_all"] = "baseline"
    back_ms: int = 0


Family: TypeAlias = Literal["usage_limit", "onboarding_milestone", "premium_feature", "usage_growth", "upgrade_intent"]


@dataclass(frozen=True, slots=True)
class LeadType:
    name: str
    to: str
    answer_in_ms: int
    do: Template
    expires_ms: int | None = None
    """A lead of this type is given up after so long without progress; None: never."""
    quiet_after: Mapping[str, int] = field(default_factory=dict)
    """Outcome -> how long (ms) no further lead of this type is opened; all other outcomes as `Noise` says."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much sales is spared. `quiet_after`: outcome -> how long (ms) an account gets no further lead of that type.

    `caps` decide of no lead, only when who hears of it: the notifier goes by them.
    """

    caps: Caps | None = None
    quiet_after: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose a lead is: whom the account's `trait` (`account.owner_email`) names, else one of those of its first segment, else one
    of `others`."""

    trait: str | None = None
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


Way: TypeAlias = Literal["group", "domain", "person"]
"""How an event that names no account finds its own: by what its person joined, by their e-mail's domain, or by their id."""

Temperature: TypeAlias = Literal["cold", "warm", "hot"]
"""Rising."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to qualify. Exactly one of `steps` (with each_limit), `when`, `event` decides; `when` may also guard the others.

    `lead` None: the type follows from family and stage (the table in docs/rulebook.md).
    """

    name: str
    say: Template
    family: Family | None = None
    lead: str | None = None
    each_limit: bool = False
    steps: Steps = field(default_factory=dict)
    when: tuple[Condition, ...] = ()
    event: tuple[tuple[str, Selector], ...] = ()
    """(name in the rulebook, what it selects): the name is what `{event}` says."""
    cooldown_ms: int = 14 * 86_400_000
    lateness_ms: int = 86_400_000
    """`received_at - timestamp` up to which an event decides at its own instant. Always less than the cooldown."""
    on_enable: OnEnable = OnEnable()
    shadow: bool = False
    """It is judged, and its signals are counted; sales is told nothing."""
    at_least: Temperature | None = None
    """The temperature below which a lead with its signal never lies, whatever the score. None: hot for an explicit request."""


@dataclass(frozen=True, slots=True)
class Points:
    """One line of the score, in hundredths of a point. One of `condition`, `rule`, `event` says when it counts.

    condition: while it holds. rule: since its newest signal (`limit`: of any limit, `limit/contacts`: of one). event: since each
    event, together `at_most`. `fades_days`: the whole days of 24 hours until nothing of it is left; None: it does not fade.
    """

    points: int
    text: str
    """As receivers read what it is about."""
    condition: Condition | None = None
    rule: str | None = None
    event: Selector = Selector()
    at_most: int = 0
    fades_days: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """All numbers are hundredths of a point. `hot`, `warm`: from where on, None: the score makes nothing hot or warm.

    `hysteresis`: how far below a lead may fall and stay what it was. `caps`: the most that the lines of a group give together.
    """

    fit: tuple[Points, ...] = ()
    behaviour: tuple[Points, ...] = ()
    hot: int | None = None
    warm: int | None = None
    hysteresis: int = 0
    caps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One project's rulebook, resolved. Order of `plans` is the ladder, cheapest first; of `lead_types`, strongest first."""

    project: str
    currency: str = "USD"
    timezone: str = "UTC"
    billing_day: str | None = None
    """The trait that says on which day of the month an account is billed: `account.billing_day`. None: on the first."""
    account: tuple[Way, ...] = ("group",)
    person: tuple[str, ...] = ()
    suppress: tuple[Condition, ...] = ()
    """Of an account or a person for which one of these holds sales is told nothing."""
    drop_events: tuple[Condition, ...] = ()
    """An event for which one of these holds counts for nothing."""
    events: Mapping[str, Selector] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: Mapping[str, "Measure"] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    addons: Mapping[str, AddOn] = field(default_factory=dict)
    no_plan: str | None = None
    plan_source: PlanSource | None = None
    onboarding: Onboarding | None = None
    lead_types: tuple[LeadType, ...] = ()
    close_won: Condition | None = None
    close_lost: Condition | None = None
    noise: Noise = Noise()
    rules: tuple[Rule, ...] = ()
    score: Score | None = None
    segments: Mapping[str, Condition] = field(default_factory=dict)
    owners: Owners = Owners()
    payload: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Part of a lead's payload (`told_us`, `source`, `crm`) -> name -> trait."""
