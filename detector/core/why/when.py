"""What does not hold yet, at a moment, in; when it will, out: by time alone, or at the pace of the last week.

The pace is that of `limit.full_in`: a line through the value at the last midnight (UTC) and seven days before it. What has a
window keeps that pace only until the first of those days leaves the window: of what comes later nothing is said.
"""

from collections.abc import Callable

from detector.core.facts.series import DAY_MS
from detector.core.instants import NEVER
from detector.core.measures.forecast import SPAN_MS, at_amount, on_a_line
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.logic import kind
from detector.core.rulebook.measured import Calculated, Calendar, Counted, Distinct, During, Newest, Rolling
from detector.core.rulebook.program import Program
from detector.core.why.gap import Gap
from detector.core.why.probe import Leaf, Test

TURNS_MAX = 8
"""So many instants, at which it may change, are looked at."""


def by_time(leaf: Leaf, holds: Test, judged: Judged, moment: Moment) -> int | None:
    """The first instant at which it holds if nothing happens; None: it does not, or nobody knows, or a request is waited for."""
    if leaf.course is Course.STILL or judged.asked_key is not None or not leaf.names:
        return None
    return _first(leaf.next, holds, judged, moment)


def step_by_time(judged: Judged, reader: LimitReader, moment: Moment) -> int | None:
    """The same of a step of the limit: a trial ends, or the plan gets other terms."""

    def reached(at: Moment) -> bool:
        return isinstance(reader.step(at, judged.steps_at(at)), float | str)

    return _first(reader.next, reached, judged, moment) if judged.moves_at(moment.t) else None


def _first(following: Callable[[Moment], int], holds: Test, judged: Judged, moment: Moment) -> int | None:
    at = moment
    for _ in range(TURNS_MAX):
        t = following(at)
        if t >= NEVER:
            return None
        at = moment.at(t)
        judged.look(at)
        if holds(at) is True:
            return t
    return None


def at_this_pace(program: Program, leaf: Leaf, found: Gap, moment: Moment) -> int | None:
    """Of a value that events raise; later than the moment."""
    name = leaf.name
    if name is None:
        return None
    limit, what = _of_limit(program, name.path, moment)
    at = _of_use(limit, what, found, moment) if limit is not None else _of_measure(program, leaf, name.path, found, moment)
    return at if at is not None and at > moment.t else None


def _of_limit(program: Program, path: str, moment: Moment) -> tuple[LimitReader | None, str]:
    root, _, what = path.partition(".")
    if root == "limits":
        name, _, what = what.partition(".")
        return program.limits[name], what
    return (moment.limit if root == "limit" else None), what


def _of_use(limit: LimitReader, what: str, found: Gap, moment: Moment) -> int | None:
    allowed = limit.allowed(moment)
    if what == "used" and found.rises:
        return at_amount(limit, moment, found.target)
    if what == "percent" and found.rises and allowed is not None:
        return at_amount(limit, moment, found.target * allowed)
    if what == "left" and not found.rises and allowed is not None:
        return at_amount(limit, moment, allowed - found.target)
    return None


def _of_measure(program: Program, leaf: Leaf, path: str, found: Gap, moment: Moment) -> int | None:
    measure = program.rulebook.measures.get(path)
    if not found.rises or not isinstance(measure, Counted | Distinct | Newest | Calculated):
        return None
    if isinstance(measure.window, During) or (isinstance(measure, Calculated) and measure.how != "sum"):
        return None
    midnight = moment.t - moment.t % DAY_MS
    begun, ends = midnight - SPAN_MS, NEVER
    if isinstance(measure.window, Rolling):
        ends = begun + measure.window.ms + 1
    elif isinstance(measure.window, Calendar):
        periods = Periods.of(program.rulebook)
        begun = max(begun, periods.begins(measure.window.unit, moment))
        ends = periods.ends(measure.window.unit, moment)
    if begun >= midnight:
        return None
    before, now = leaf.value(moment.at(begun)), leaf.value(moment.at(midnight))
    if kind(before) != "number" or kind(now) != "number":
        return None
    at = on_a_line((begun, before), (midnight, now), found.target)
    return None if at is None or at >= ends else at
