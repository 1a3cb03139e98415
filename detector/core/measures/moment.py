"""What a rule looks at: one account's facts at one time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from detector.core.facts.facts import Facts
from detector.core.measures.plan import Ladder
from detector.core.measures.standing import Standing
from detector.core.overrides import Override

if TYPE_CHECKING:
    from detector.core.ledger import RuleState
    from detector.core.measures.usage import LimitReader


@dataclass(eq=False, slots=True)
class Moment:
    """The account as of `t`: only events with timestamp ≤ t count.

    `actor` and `event_id` are of the message at hand: who it names, and what decided; they are empty where time alone, or a
    message of another time, is judged.
    """

    facts: Facts
    ladder: Ladder
    t: int
    actor: str | None = None
    event_id: str = ""
    overrides: Mapping[str, Sequence[Override]] = field(default_factory=dict)
    """limit -> what sales said of the account's allowance."""
    rules: "Mapping[str, RuleState]" = field(default_factory=dict)
    """What is judged -> its signals, for a score that counts them: those with `qualified_at` ≤ t are known."""
    limit: "LimitReader | None" = None
    person: str | None = None
    """Whom lines about `person.…` look at: who asked, or whom the account's newest event names."""
    asked: list[Any] | None = None
    """Of an explicit request: [its name in the rulebook, who asked, the properties that the rule uses]."""
    _answers: dict[tuple[str, str | None], bool | None] | None = None
    _standing: Standing | None = None
    _earlier: "Moment | None" = None
    _plan_turns: int | None = None
    _limits_turn: "dict[LimitReader, int] | None" = None

    @property
    def standing(self) -> Standing:
        """Read once: several rules ask, and the answer cannot change."""
        if self._standing is None:
            self._standing = self.ladder.standing(self.facts, self.t)
        return self._standing

    @property
    def plan_turns(self) -> int:
        """The first instant after t at which the standing may be another one. Read once: every limit asks, for every rule."""
        if self._plan_turns is None:
            self._plan_turns = self.ladder.next(self.facts, self.t)
        return self._plan_turns

    def limit_turns(self, limit: "LimitReader", turn: "Callable[[Moment], int]") -> int:
        """The first instant after t at which anything of a limit may be another. Asked once: by all that read it."""
        if self._limits_turn is None:
            self._limits_turn = {}
        found = self._limits_turn.get(limit)
        if found is None:
            found = self._limits_turn[limit] = turn(self)
        return found

    @property
    def before(self) -> Standing:
        """What a change of plan is compared with: the last standing before t that had a place on the ladder."""
        return self.ladder.placed_before(self.facts, self.t)

    def at(self, t: int) -> "Moment":
        """The same account at another time; no event is at hand."""
        return Moment(self.facts, self.ladder, t, overrides=self.overrides, rules=self.rules)

    def answer(self, rule: str, guard: "Callable[[Moment], bool | None]") -> bool | None:
        """Whether a rule holds that others look at. Asked once: rules that look at rules may be many."""
        if self._answers is None:
            self._answers = {}
        of = (rule, self.person)
        if of not in self._answers:
            self._answers[of] = guard(self)
        return self._answers[of]

    def earlier(self) -> "Moment":
        """A millisecond before. Made once: several rules ask."""
        if self._earlier is None:
            self._earlier = self.at(self.t - 1)
        return self._earlier
