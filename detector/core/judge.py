"""An account, one more event, and its place in the log in; what sales must hear out.

`holds` and `reconcile` are the only interpreters of a rule. `holds` answers from facts as of a moment alone; `reconcile` asks
it, compares with the ledger, and finds what is new.
"""

from typing import NamedTuple

from contracts.messages import LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.desk import Desk, Fired
from detector.core.fold import fold
from detector.core.ledger import RuleState
from detector.core.measures.moment import Moment
from detector.core.measures.usage import rank
from detector.core.rulebook.compile import Program
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Step

LATENESS_MS = 24 * 3_600_000
"""`received_at − timestamp` up to which an event decides at its own instant."""


class Verdict(NamedTuple):
    """`held` None: something that the rule needs is unknown, so it does not fire. `rank`: how high; 0 unless it holds."""

    held: bool | None
    step: Step | None = None
    rank: float = 0.0


_FALSE = Verdict(held=False)
_UNKNOWN = Verdict(held=None)
_TRUE = Verdict(held=True, step=None, rank=1.0)


def process(program: Program, account: Account, event: UsageEvent, place: Place) -> list[LeadEvent]:
    """Folds the event and judges what it can change.

    In order and within lateness: at its own timestamp. Else once at partition time (`place.time`).
    """
    facts = account.facts
    in_order = event.timestamp >= facts.newest
    fold(program, facts, event)
    touched = program.touched(event)
    if not touched and event.type != "group":
        return []
    in_time = event.received_at - event.timestamp <= LATENESS_MS
    t = event.timestamp if in_order and in_time else max(place.time, facts.newest)
    # A request or refusal that came a little out of order still happened: it is looked for at its own instant.
    instant = event.timestamp if in_time else t
    moment = Moment(facts, program.ladder, t, instant, event.person, event.id, plan_may_differ=event.type == "group")
    return reconcile(program, account, touched, moment, place)


def holds(judged: Judged, moment: Moment) -> Verdict:
    """Whether a rule (`program.judged["limit/contacts"]`) holds at a moment, from events with timestamp ≤ t only.

    The moment's person is whom lines about `person.…` look at; without one these are unknown.
    """
    if not judged.look(moment):
        return _FALSE
    guard = judged.guard(moment)
    if guard is False:
        return _FALSE
    if not judged.rule.steps or judged.limit is None:
        return _TRUE if guard else _UNKNOWN
    step = judged.limit.step(moment, judged.rule.steps)
    if step is False:
        return _FALSE
    if step is None or step is True or guard is None:
        return _UNKNOWN
    return Verdict(held=True, step=step, rank=rank(step))


def reconcile(program: Program, account: Account, touched: tuple[Judged, ...], moment: Moment, place: Place) -> list[LeadEvent]:
    """Closes leads by a change of plan, then turns each onset into a signal; strongest lead type first. Writes the ledger."""
    ledger = account.ledger
    if ledger.stage:
        moment.known_before = program.ladder.named(ledger.plan, ledger.stage)
    desk = None
    if moment.plan_may_differ or ledger.open_leads:
        desk = Desk(program, account, moment, place)
        desk.close_by_plan()
    fired = [each for judged in touched if (each := _onset(judged, account, moment)) is not None]
    if not fired:
        return desk.lead_events if desk is not None else []
    desk = desk or Desk(program, account, moment, place)
    for each in sorted(fired, key=lambda each: program.rank(desk.lead_type(each.judged))):
        desk.take(each)
    desk.note_plan()
    return desk.lead_events


def _onset(judged: Judged, account: Account, moment: Moment) -> Fired | None:
    """What is new: it holds, and higher than what sales was told of, or than a millisecond ago (whichever was less).

    What the cooldown silences is not remembered as told, so it fires at the next judgement after the cooldown, if it still holds.
    """
    verdict = holds(judged, moment)
    state = account.ledger.rules.get(judged.name)
    held = before = state.held if state is not None else 0.0
    if held == verdict.rank == 0:
        return None
    if 0 < verdict.rank <= before and judged.fades:
        before = min(before, holds(judged, moment.earlier()).rank)
    onset = verdict.rank > before
    silent = onset and state is not None and verdict.rank <= state.rank and judged.cools(state, moment)
    told = before if silent else _lasting(judged, verdict, moment)
    if told != held:
        _remember(judged, account, told)
    # Of a request that is made again the desk keeps the evidence.
    return Fired(judged, verdict.step, verdict.rank) if onset and not (silent and judged.asked_key is None) else None


def _lasting(judged: Judged, verdict: Verdict, moment: Moment) -> float:
    """The rank without what only happens: a request or a refusal does not hold any more a millisecond later."""
    if judged.asked_key is not None:
        return 0.0
    if verdict.step != "refused" or judged.limit is None:
        return verdict.rank
    return rank(judged.limit.step(moment, tuple(step for step in judged.rule.steps if step != "refused")))


def _remember(judged: Judged, account: Account, held: float) -> None:
    account.ledger.rules.setdefault(judged.name, RuleState()).held = held
    account.ledger_changed()
