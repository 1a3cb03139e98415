"""How long something has lasted at a moment: a stage, a plan, being a customer, the silence in a trial. It grows by itself."""

from collections.abc import Callable

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.standing import Standing
from detector.core.rulebook.model import Selector

ACTIVE_KEY = events_key(Selector(builtin="active"))
"""The series of what persons did, kept where a rule asks for `trial.quiet`."""
_FROM_A_PLAN = ("trial", "free", "paying", "churned")

Since = Callable[[Moment], int | None]


def stage_since(moment: Moment) -> int | None:
    """When the present stage began, without a break; None: no plan is known, or the account was never seen."""
    if moment.standing.stage not in _FROM_A_PLAN:
        return None
    return _run(moment, lambda standing: standing.stage)


def plan_since(moment: Moment) -> int | None:
    """The same of the present plan. Other terms, and add-ons, are no break."""
    return None if moment.standing.name is None else _run(moment, lambda standing: standing.name)


def paying_since(moment: Moment) -> int | None:
    """When the account first paid, breaks or not; None: it does not pay now."""
    return moment.ladder.customer_since(moment.facts, moment.t) if moment.standing.stage == "paying" else None


def quiet_since(moment: Moment) -> int | None:
    """In a trial: the last thing that somebody did in it, else its begin."""
    if moment.standing.stage != "trial":
        return None
    acted = moment.facts.series(ACTIVE_KEY).newest_time(moment.t)
    began = stage_since(moment)
    return began if acted is None or began is None else max(began, acted)


def churned_on(moment: Moment) -> str | None:
    """Such as 15 May 2026, in UTC; None: the account has not left."""
    since = stage_since(moment) if moment.standing.stage == "churned" else None
    return None if since is None else words.day(since)


def lasted(since: Since) -> Callable[[Moment], int | None]:
    def read(moment: Moment) -> int | None:
        begun = since(moment)
        return None if begun is None else moment.t - begun

    return read


def next_lasted(since: Since, moment: Moment, thresholds: tuple[int, ...]) -> int:
    """The first instant after the moment at which it may compare otherwise with one of these (ms), from what is known.

    `>= K` and `< K` change when K is reached, `> K` and `<= K` a millisecond later.
    """
    turns = [moment.plan_turns, moment.facts.series(ACTIVE_KEY).next(moment.t), _seen(moment, moment.t)]
    begun = since(moment)
    if begun is not None:
        turns += [begun + threshold + late for threshold in thresholds for late in (0, 1)]
    return min((turn for turn in turns if turn > moment.t), default=NEVER)


def _run(moment: Moment, of: Callable[[Standing], object]) -> int | None:
    began, value = -1, object()
    for start, _, standing in moment.ladder.spans(moment.facts, 0, moment.t + 1):
        if of(standing) != value:
            began, value = start, of(standing)
    if began > 0:
        return began
    seen = _seen(moment, -1)  # since ever: as long as we know of it
    return seen if seen <= moment.t else None


def _seen(moment: Moment, after: int) -> int:
    """The first sight of the account that is later than `after`: of a person, of somebody anonymous, or of its plan."""
    facts = moment.facts
    firsts = [facts.activity.first, moment.ladder.first_said(facts)]
    if facts.activity.anonymous_since is not None:
        firsts.append(facts.activity.anonymous_since)
    return min((first for first in firsts if first > after), default=NEVER)
