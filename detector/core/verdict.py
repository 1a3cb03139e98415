"""A rule and a moment in; whether it holds, and how high it stands, out. The only interpreter of a rule."""

from typing import NamedTuple

from detector.core.measures.moment import Moment
from detector.core.measures.usage import rank
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Step


class Verdict(NamedTuple):
    """`held` None: something that the rule needs is unknown, so it does not fire. `rank`: how high; 0 unless it holds."""

    held: bool | None
    step: Step | None = None
    rank: float = 0.0


_FALSE = Verdict(held=False)
_UNKNOWN = Verdict(held=None)
_TRUE = Verdict(held=True, step=None, rank=1.0)


def holds(judged: Judged, moment: Moment) -> Verdict:
    """Whether a rule (`program.judged["limit/contacts"]`) holds at a moment, from events with timestamp ≤ t only."""
    if not judged.look(moment):
        return _FALSE
    guard = None if judged.waits and judged.waits_for(moment.facts) else judged.guard(moment)
    if guard is False:
        return _FALSE
    if not judged.stepped or judged.limit is None:
        return _TRUE if guard else _UNKNOWN
    step = judged.limit.step(moment, judged.steps_at(moment))
    if step is False:
        return _FALSE
    if step is None or step is True or guard is None:
        return _UNKNOWN
    return Verdict(held=True, step=step, rank=rank(step))


def lasting(judged: Judged, verdict: Verdict, moment: Moment) -> float:
    """The rank without what only happens: a request or a refusal does not hold any more a millisecond later."""
    if judged.asked_key is not None:
        return 0.0
    if verdict.step != "refused" or judged.limit is None:
        return verdict.rank
    return rank(judged.limit.step(moment, tuple(step for step in judged.steps_at(moment) if step != "refused")))
