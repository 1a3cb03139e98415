"""The rulebook as checked data: what `parse` makes and `compile` reads. No YAML, no code, nothing unresolved.

Durations are milliseconds, shares are fractions of 1 (80 % is 0.8), money is in the rulebook's currency per month.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias


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


Expr: TypeAlias = Constant | Name | Not | Negative | Binary | Between | In


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


@dataclass(frozen=True, slots=True)
class Rolling:
    """(t - ms, t]: what happened exactly a window ago has left it."""

    ms: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """From the beginning of the period that t is in, in the rulebook's time zone, until t."""

    unit: Literal["day", "week", "month", "billing period"]


@dataclass(frozen=True, slots=True)
class During:
    """[t0 + begins, t0 + ends), of it what is until t; t0 is the account's first event of `of`. `text`: as it was written."""

    of: Selector
    begins_ms: int
    ends_ms: int
    text: str = field(compare=False)


Window: TypeAlias = Rolling | Calendar | During
"""What a measure looks at, as of t. None in its place: since the beginning."""


def _selectors(of: Selector, window: Window | None) -> tuple[Selector, ...]:
    return (of, window.of) if isinstance(window, During) else (of,)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events."""

    name: str
    of: Selector
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different `of_value`: `day` (of the time zone), `person`, `feature`, or a path: `properties.viewer_id`, or
    `person.department` for the trait of those who did it.
    """

    name: str
    of: Selector
    of_value: str | None
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest `of_value`, a path such as `properties.tone` (written `last`)."""

    name: str
    of: Selector
    of_value: str | None
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Calculated:
    """The sum of what is above zero in `of_value`, or the least or the largest of it; a path such as `properties.seconds`."""

    name: str
    how: Literal["sum", "min", "max"]
    of: Selector
    of_value: str | None
    window: Window | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return _selectors(self.of, self.window)


@dataclass(frozen=True, slots=True)
class Streak:
    """On how many days (or in how many weeks) without a gap there was an event, until today or yesterday."""

    name: str
    of: Selector
    unit: Literal["day", "week"]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Since:
    """How long ago the first event was (written `since`). Another at every millisecond."""

    name: str
    of: Selector

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """How long after the first `after` the first `of` came; unknown if it came before."""

    name: str
    of: Selector
    after: Selector

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of, self.after)


@dataclass(frozen=True, slots=True)
class Steps:
    """A truth: whether each of `steps` happened in (t - within_ms, t]; `ordered`: each later than the one before."""

    name: str
    steps: tuple[Selector, ...]
    within_ms: int
    ordered: bool

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return self.steps


@dataclass(frozen=True, slots=True)
class Absent:
    """A truth: whether, since the first `after` that no `of` has answered yet, `within_ms` have passed."""

    name: str
    of: Selector
    after: Selector
    within_ms: int

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.of, self.after)


Measure: TypeAlias = Counted | Distinct | Newest | Calculated | Streak | Since | Elapsed | Steps | Absent
"""What is kept of an account under a name. `selectors`: all the events that can change it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A measure that plans cap. gauge: the newest `of_value`, a path such as `properties.total`.

    counter: events since the beginning of the `period` (None: of all time), in the rulebook's time zone.
    """

    name: str
    label: str
    kind: Literal["gauge", "counter"]
    of: Selector
    of_value: str | None = None
    refused: Selector = Selector()
    period: Literal["day", "week", "month", "year", "billing period"] | None = "month"


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    used: Selector
    refused: Selector


@dataclass(frozen=True, slots=True)
class Plan:
    """`allows`: limit name -> most allowed, None: no cap. A limit that is not named is unknown on this plan. price None: ask.

    A timed trial has both `days_ms`, how long it lasts, and `then`, the plan that follows (no trial). Other plans have neither.
    """

    name: str
    stage: Literal["trial", "free", "paying"]
    price: float | None
    allows: Mapping[str, float | None]
    has: frozenset[str]
    days_ms: int | None = None
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A step that is done when a measure, which counts since the beginning, comes to `number`."""

    measure: Counted | Distinct
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


Family: TypeAlias = Literal["usage_limit", "onboarding_milestone", "premium_feature", "usage_growth", "upgrade_intent"]


@dataclass(frozen=True, slots=True)
class LeadType:
    name: str
    to: str
    answer_in_ms: int
    do: Template


Step: TypeAlias = float | Literal["refused"]
"""A share of the limit (0.8, 1.0, …), or the product's own refusal, which is above every share."""


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
    steps: tuple[Step, ...] = ()
    when: tuple[Condition, ...] = ()
    event: tuple[tuple[str, Selector], ...] = ()
    """(name in the rulebook, what it selects): the name is what `{event}` says."""
    cooldown_ms: int = 14 * 86_400_000
    lateness_ms: int = 86_400_000
    """`received_at - timestamp` up to which an event decides at its own instant. Always less than the cooldown."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One project's rulebook, resolved. Order of `plans` is the ladder, cheapest first; of `lead_types`, strongest first."""

    project: str
    currency: str = "USD"
    timezone: str = "UTC"
    billing_day: str | None = None
    """The trait that says on which day of the month an account is billed: `account.billing_day`. None: on the first."""
    person: tuple[str, ...] = ()
    events: Mapping[str, Selector] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    no_plan: str | None = None
    onboarding: Onboarding | None = None
    lead_types: tuple[LeadType, ...] = ()
    close_won: Condition | None = None
    close_lost: Condition | None = None
    rules: tuple[Rule, ...] = ()
