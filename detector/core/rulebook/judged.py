"""What is judged on its own: a rule (for one limit, if it is about limits) with the functions that were generated for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.core.ledger import RuleState
from detector.core.measures.moment import Moment
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.model import Rule, Type
from detector.core.rulebook.values import Value


@dataclass(frozen=True, slots=True)
class Line:
    """One `when` line: its text, what it compares and with what, and where the value comes from."""

    text: str
    value: Callable[[Moment], Any]
    threshold: Callable[[Moment], Any]
    source: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged on its own: a rule, or a rule for one limit (`limit/contacts`). `guard`: all `when` lines, three-valued."""

    name: str
    rule: Rule
    lines: tuple[Line, ...]
    guard: Callable[[Moment], bool | None]
    limit: LimitReader | None = None
    asked_key: str | None = None
    fades: bool = True
    """Whether time alone, or who is at hand, can end what holds. If not, what held at the last judgement still does."""

    def allowed(self, moment: Moment) -> float | None:
        return None if self.limit is None else self.limit.allowed(moment)

    def cools(self, state: RuleState, moment: Moment) -> bool:
        """Whether the moment lies within the cooldown of the last signal. A limit that was raised since ends it."""
        if state.n == 0 or moment.t >= state.qualified_at + self.rule.cooldown_ms:
            return False
        allowed = self.allowed(moment)
        return allowed is None or state.allowed is None or allowed <= state.allowed

    def look(self, moment: Moment) -> bool:
        """Puts what this rule looks at into the moment. False: it waits for an event, and that did not happen then."""
        moment.limit, moment.asked = self.limit, None
        if self.asked_key is None:
            return True
        asked = moment.facts.series(self.asked_key)
        at = asked.at(moment.instant)
        moment.asked = None if at is None else asked.values[at]
        return at is not None

    @property
    def explicit(self) -> bool:
        """Somebody asked for it: hot whatever the score, and no cap holds it back."""
        return bool(self.rule.event) or self.rule.family == "upgrade_intent"
