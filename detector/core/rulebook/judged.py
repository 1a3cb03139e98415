"""What is judged on its own: a rule (for one limit, if it is about limits) with the functions that were generated for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from detector.core.facts.facts import Facts
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.resting import Rest
from detector.core.rulebook.model import Rule, Step, Temperature, Type
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
    course: Course
    """What time alone can do to it."""
    sources: tuple[Value, ...]
    """Of every name in it."""
    counted_to: int | None = None
    """`count >= 5`: the number from which on it holds, where no event raises the value by more than one."""
    share: float | None = None
    """`limit.percent >= 50%`: the share of the limit at hand from which on it holds."""
    lasts: bool = False
    """Whether, once it holds, no event in order ends it, or brings nearer what time alone will do to it."""

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which time may change it, from what is known."""
        return min((source.next(moment) for source in self.sources), default=NEVER)

    def until(self, moment: Moment) -> int:
        """Until then no event can change it that comes in order."""
        return min((source.until(moment) for source in self.sources), default=0)

    def rest(self, moment: Moment, part: int) -> Rest | None:
        """What keeps it from holding; None: it does. `part`: its bit."""
        if self.counted_to is None:
            if self.holds(moment) is True:
                return None
            return Rest(part, names=self.source.spent(moment)) if len(self.sources) == 1 else Rest(part)
        value = self.value(moment)
        if value is None:
            return Rest(part)
        left = self.counted_to - value
        return Rest(part, left, self.source.until(moment), self.source.known(moment)) if left > 0 else None


class Start(NamedTuple):
    """When a rule began to be judged, of accounts that were there before `version` of the rulebook, which switched it on.

    `at`: the instant from which on it is judged; `since`: partition time of the switch. `told`: where it stands at `at` is taken
    for told.
    """

    version: int
    since: int
    at: int
    told: bool


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
    behind: frozenset[str] = frozenset()
    """All names behind its lines."""
    limits: frozenset[str] = frozenset()
    """The limits that it looks at, at hand or by name."""
    asked_key: str | None = None
    of_person: bool = False
    """Whether a line looks at the person at hand."""
    course: Course = Course.STILL
    settles_at: int = 0
    """Until then time alone can make it hold whatever its course: terms of plans that it looks at change on days to come."""
    steps: tuple[Step, ...] = ()
    """Of the limit, where the plan says none of its own; `lead`: the lead type of a step that is not the rule's own."""
    lead: str = ""
    start: Start | None = None
    """None: it was always there."""
    waits: bool = False
    """Whether it rests on facts for which the log is still to be read again: of accounts that were there it says nothing yet."""
    filled: int = 0
    """The newest version for which that was done for facts that it rests on; 0: for none."""
    stepped: bool = False
    """Whether it is judged by steps, be there any on the plan in force or not."""
    shaken_by: int | None = None
    """Bits of `Touch.parts`: while it stands, only an event that changes one of these can end that. None: any may."""
    place: int = 0
    """Of all bits of all that is judged, where its own begin."""

    @property
    def width(self) -> int:
        """How many bits `Touch.parts` has of it."""
        return len(self.lines) + 1

    def steps_at(self, moment: Moment) -> tuple[Step, ...]:
        """The plan's own win over the limit's, and these over the rule's."""
        plan = moment.standing.plan
        of_plan = plan.at.get(self.limit.limit.name) if plan is not None and self.limit is not None else None
        return self.steps if of_plan is None else of_plan.get(self.lead, ())

    follows: tuple[str, ...] = ()
    """What is judged before it, because its lines look at the signals of that."""

    @property
    def value(self) -> Value:
        """What other rules see of it: whether it holds. Of a rule with conditions alone."""

        def ids(moment: Moment, number: int) -> list[str]:
            found = dict.fromkeys(each for source in self.sources for each in source.ids(moment, number))
            return list(found)[:number]

        def turn(moment: Moment) -> int:
            return min((source.next(moment) for source in self.sources), default=NEVER)

        return Value(lambda m: m.answer(self.name, self.guard), turn, ids, course=self.course, parts=self.sources)

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

    def due(self, moment: Moment) -> int:
        """The first instant after the moment at which time alone may let it stand elsewhere. The moment has been looked at.

        While lines do not hold, not before each of them may; NEVER while one does not that only events can make hold. Before
        it settles nothing is known of what one of them waits for.
        """
        failing = [line for line in self.lines if line.holds(moment) is not True]
        if self.asked_key is not None or not failing or moment.t < self.settles_at:
            return self.next(moment)
        blocked = any(line.course is not Course.MOVES for line in failing)
        return NEVER if blocked else max(line.next(moment) for line in failing)

    def rest(self, moment: Moment, due: int = NEVER) -> Rest | None:
        """What keeps it from standing anywhere; None: it may stand somewhere, or nobody looks when it may.

        `due`: when somebody looks at it, whatever happens.
        """
        of_no_line = 1 << len(self.lines)
        if not self.look(moment):
            return Rest(of_no_line, ends=due)
        settled = moment.t >= self.settles_at
        for n, line in enumerate(self.lines):
            if settled and line.course is not Course.MOVES and (rest := line.rest(moment, 1 << n)):
                rest.ends = due
                if line.share is not None and self.limit is not None:
                    rest.events = self.limit.events_under(moment, line.share)
                    rest.gauge, rest.below = self.limit.gauge_under(moment, line.share)
                return rest
        if self.moves_at(moment.t):
            return self._waits(moment, due)
        if self.limit is None or not self.stepped:
            return None
        steps = self.steps_at(moment)
        left = self.limit.events_left(moment, steps)
        if not left:
            return None
        gauge, below = self.limit.gauge_below(moment, steps)
        return Rest(of_no_line, left, gauge=gauge, below=below, ends=due)

    def stands(self, t: int, parts: int, due: int) -> bool:
        """Whether it stands at t as it stood before, for all that an event in order does to it that changes these parts.

        `due`: when time alone may end that.
        """
        return self.moves_at(t) and t < due and self.shaken_by is not None and not parts & self.shaken_by

    def standing(self, moment: Moment) -> Rest | None:
        """What it takes to end that it stands, if no timer looks when time alone does; None: anything may."""
        if self.shaken_by is None or self.moves_at(moment.t):
            return None
        return Rest(self.shaken_by, ends=self.next(moment))

    def _waits(self, moment: Moment, due: int) -> Rest | None:
        """On a line that time could make hold, but not before somebody looks."""
        for n, line in enumerate(self.lines):
            if line.holds(moment) is not True and line.next(moment) >= due:
                until = line.until(moment)
                return Rest(1 << n, until=until if due <= until else 0, ends=due)
        return None

    def start_for(self, facts: Facts) -> Start | None:
        """None: the account came later, or the rule was always there."""
        return self.start if self.start is not None and facts.came < self.start.version else None

    def waits_for(self, facts: Facts) -> bool:
        """Whether nothing is said of this account yet."""
        return self.waits and self.start_for(facts) is not None

    def course_at(self, t: int) -> Course:
        """What time alone can do to it from t on."""
        return self.course if t >= self.settles_at else Course.MOVES

    def moves_at(self, t: int) -> bool:
        """Whether time alone can make it hold: it needs a timer."""
        return self.course_at(t) is Course.MOVES

    @property
    def floor(self) -> Temperature | None:
        """A lead with its signal is never colder."""
        return self.rule.at_least or ("hot" if self.explicit else None)

    @property
    def explicit(self) -> bool:
        """Somebody asked for it: hot, unless the rule says how hot at least, and no cap holds it back."""
        return bool(self.rule.event) or self.rule.family == "upgrade_intent"
