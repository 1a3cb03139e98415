"""What a rule looks at: one account's facts at one time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.core.facts.facts import Facts
from detector.core.measures.plan import Ladder, Standing

if TYPE_CHECKING:
    from detector.core.measures.usage import LimitReader


@dataclass(eq=False, slots=True)
class Moment:
    """`instant` is where things that happen (a refusal, a request) are looked for; it is `t` unless an event came out of order.

    `person` is who the event at hand names, for conditions about the person; `known_before` is the standing that `plan.change`
    compares with (None: that of a millisecond earlier).
    """

    facts: Facts
    ladder: Ladder
    t: int
    instant: int
    person: str | None = None
    event_id: str = ""
    """The message at hand: what decided."""
    known_before: Standing | None = None
    plan_may_differ: bool = True
    """False: the event at hand says nothing of a plan, so the plan is that of the last judgement."""
    limit: "LimitReader | None" = None
    asked: list[Any] | None = None
    """Of an explicit request: [its name in the rulebook, who asked, the properties that the rule uses]."""
    _standing: Standing | None = None
    _earlier: "Moment | None" = None

    @property
    def standing(self) -> Standing:
        """Read once: several rules ask, and the answer cannot change."""
        if self._standing is None:
            self._standing = self.ladder.standing(self.facts, self.t)
        return self._standing

    @property
    def before(self) -> Standing:
        return self.known_before if self.known_before is not None else self.ladder.standing(self.facts, self.t - 1)

    def earlier(self) -> "Moment":
        """A millisecond before. Made once: several rules ask."""
        if self._earlier is None:
            self._earlier = Moment(self.facts, self.ladder, self.t - 1, self.instant - 1, self.person)
        return self._earlier
