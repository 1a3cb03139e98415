"""What is judged on its own: a rule (for one limit, if it is about limits) with the functions that were generated for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.model import Rule, Step, Type
from detector.core.rulebook.values import Value

ACTING = "sacting"
"""The series of who acted: every event of an account with the person whom it names, where a rule looks at people."""


@dataclass(frozen=True, slots=True)
class Line:
    """One `when` line: its text, what it compares and with what, and where the value comes from."""

    text: str
    value: Callable[[Moment], Any]
    threshold: Callable[[Moment], Any]
    source: Value
    type: Type
    holds: Callable[[Moment], Any]
    counted_to: int | None = None
    """`count >= 5`: the number from which on it holds, where no event raises the value by more than one."""

    def events_left(self, moment: Moment) -> int:
        """So many events that change it, at least, must come before it holds; 0: it does."""
        if self.counted_to is None:
            return 0 if self.holds(moment) is True else 1
        value = self.value(moment)
        return 1 if value is None else max(0, self.counted_to - value)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged on its own: a rule, a rule for one limit (`limit/contacts`), or those of its steps that lead to a lead
    of their own type (`limit/contacts/product`). `guard`: all `when` lines, three-valued.
    """

    name: str
    rule: Rule
    lines: tuple[Line, ...]
    guard: Callable[[Moment], bool | None]
    sources: tuple[Value, ...]
    """Of every name in its lines."""
    limit: LimitReader | None = None
    asked_key: str | None = None
    of_person: bool = False
    """Whether a line looks at the person at hand."""
    course: Course = Course.STILL
    steps: tuple[Step, ...] = ()
    """Of the limit, where the plan says none of its own; `lead`: the lead type of a step that is not the rule's own."""
    lead: str = ""
    stepped: bool = False
    """Whether it is judged by steps, be there any on the plan in force or not."""

    def steps_at(self, moment: Moment) -> tuple[Step, ...]:
        """The plan's own win over the limit's, and these over the rule's."""
        plan = moment.standing.plan
        of_plan = plan.at.get(self.limit.limit.name) if plan is not None and self.limit is not None else None
        return self.steps if of_plan is None else of_plan.get(self.lead, ())

    def allowed(self, moment: Moment) -> float | None:
        return None if self.limit is None else self.limit.allowed(moment)

    def look(self, moment: Moment) -> bool:
        """Puts what this rule looks at into the moment. False: it waits for an event, and that did not happen then."""
        moment.limit, moment.asked, moment.person = self.limit, None, moment.actor
        if self.of_person:
            moment.person = moment.facts.series(ACTING).last(moment.t)
        if self.asked_key is None:
            return True
        asked = moment.facts.series(self.asked_key)
        at = asked.at(moment.t)
        if at is None:
            return False
        moment.asked = asked.values[at]
        moment.person = moment.asked[1]
        return True

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which it may stand elsewhere, from what is known now."""
        if self.asked_key is not None:
            return moment.facts.series(self.asked_key).next(moment.t)
        self.look(moment)
        found = min((source.next(moment) for source in self.sources), default=NEVER)
        if self.limit is not None:
            found = min(found, self.limit.next(moment))
        return min(found, moment.facts.series(ACTING).next(moment.t)) if self.of_person else found

    def rest(self, moment: Moment) -> list[int] | None:
        """[a part of it that keeps it from standing anywhere, how many events must change that before it may rise]; None: it may
        stand somewhere.

        The part is a bit of `Touch.parts`. True as long as events come in order, and time alone cannot make it hold.
        """
        if not self.look(moment):
            return [1 << len(self.lines), 1]
        for n, line in enumerate(self.lines):
            if left := line.events_left(moment):
                return [1 << n, left]
        left = self.limit.events_left(moment, self.steps_at(moment)) if self.limit is not None and self.stepped else 0
        return [1 << len(self.lines), left] if left else None

    @property
    def moves(self) -> bool:
        """Whether time alone can make it hold: it needs a timer."""
        return self.course is Course.MOVES

    @property
    def explicit(self) -> bool:
        """Somebody asked for it: hot whatever the score, and no cap holds it back."""
        return bool(self.rule.event) or self.rule.family == "upgrade_intent"
