"""One rule of one account, instant after instant in; its signals out.

Where a rule stands is a function of time, `rank(t)`, from events with timestamp ≤ t. A rise above what sales was told is an
onset, and the cooldown thins onsets. `step` takes one more instant into account, and is the only place that decides this, whether
the instant has just come or is judged once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from detector.core import words
from detector.core.instants import NEVER
from detector.core.ledger import SIGNALS_KEPT, RuleState, Signal
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged, Start
from detector.core.rulebook.model import Rule
from detector.core.rulebook.program import Program
from detector.core.verdict import Verdict, holds, lasting


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule is judged in: the rulebook version, and the account at any instant."""

    program: Program
    at: Callable[[int], Moment]


_PAYING = {"paying": "xql"}
_UPGRADE = {"free": "service_sql", "paying": "service_sql"}


class Onset(NamedTuple):
    """`again`: a request that is made once more within its cooldown; sales hears nothing, the evidence grows."""

    kind: Literal["new", "raised", "again"]
    signal: Signal
    verdict: Verdict
    moment: Moment


def lead_type_of(rule: Rule, stage: str) -> str:
    """What the rule says, else the table of lead types: what was seen, and where the account stood."""
    return rule.lead or (_UPGRADE if rule.family == "upgrade_intent" else _PAYING).get(stage, "pql")


def step(scene: Scene, judged: Judged, state: RuleState, t: int) -> Onset | None:
    """Judge the rule at one more instant. `state` must be that of the instants before; it moves on."""
    moment = scene.at(t)
    onset = _stand(scene, judged, state, moment)
    _wait(judged, state, moment)
    return onset


def _stand(scene: Scene, judged: Judged, state: RuleState, moment: Moment) -> Onset | None:
    """The same, without what time alone may bring later: `due` is only when a cooldown ends that silences it."""
    verdict = holds(judged, moment)
    stands = lasting(judged, verdict, moment)
    onset = None
    if verdict.rank > state.told:
        onset = _onset(scene.program, judged, state, verdict, moment)
        if onset is not None and onset.kind != "again":
            state.told = verdict.rank
    state.told = min(state.told, stands)
    last = state.last
    silenced = stands > state.told and last is not None
    state.due = last.qualified_at + judged.rule.cooldown_ms if silenced and last is not None else NEVER
    return onset


def _wait(judged: Judged, state: RuleState, moment: Moment) -> None:
    """`due`, with what time alone may bring. The moment has been judged."""
    if judged.moves_at(moment.t):
        state.due = min(state.due, judged.due(moment))


def dip(judged: Judged, state: RuleState, before: Moment) -> None:
    """Time has passed without an event that could raise the rule: it may have fallen until the instant `before`."""
    state.told = min(state.told, _lasting_at(judged, before))


def walk(scene: Scene, judged: Judged, state: RuleState, start: int, until: int) -> list[Onset]:
    """Judge at `start` and at every later instant until `until` at which the rule may stand elsewhere."""
    onsets = []
    t, moment = start, None
    while t <= until:
        moment = scene.at(t)
        onset = _stand(scene, judged, state, moment)
        if onset is not None:
            onsets.append(onset)
        t = min(judged.next(moment), state.due)  # what time alone may bring comes no sooner than anything may
    if moment is not None:
        _wait(judged, state, moment)
    return onsets


def restart(scene: Scene, judged: Judged, state: RuleState, since: int, first: int) -> tuple[int, RuleState, int]:
    """Where to begin when facts at `since` and later are new, but not before the rule was switched on. `first`: the account's
    first instant.

    (How many signals stand as they are, the state after the last of these, the instant to go on from.) That last one
    may still be raised, or lose a step. Settled: signals of before, of another version, or too many to be remembered.
    """
    begun = judged.start_for(scene.at(since).facts)
    fixed, fresh, start = _restart(scene, judged, state, since)
    if begun is not None and start <= begun.at:
        return fixed, fresh, _from_the_start(scene, judged, fresh, begun)
    if begun is not None and not fixed and start > first:  # nothing was told since: where it was taken for told, or fallen
        fresh.told = _lasting_at(judged, scene.at(start - 1))
    elif begun is not None and not fixed and begun.told:  # no instant lies between
        fresh.told = _lasting_at(judged, scene.at(begun.at))
    return fixed, fresh, start


def _lasting_at(judged: Judged, moment: Moment) -> float:
    return lasting(judged, holds(judged, moment), moment)


def _from_the_start(scene: Scene, judged: Judged, fresh: RuleState, begun: Start) -> int:
    """Puts `fresh` where the rule was switched on; the next instant."""
    if not begun.told:
        fresh.told = 0.0
        return begun.at
    moment = scene.at(begun.at)
    fresh.told = _lasting_at(judged, moment)
    fresh.due = judged.due(moment) if judged.moves_at(begun.at) else NEVER
    return min(judged.next(moment), fresh.due)


def _restart(scene: Scene, judged: Judged, state: RuleState, since: int) -> tuple[int, RuleState, int]:
    """The same of a rule that was always there."""
    signals = state.signals
    fixed = 1 if len(signals) >= SIGNALS_KEPT else 0
    for place, signal in enumerate(signals, 1):
        if signal.qualified_at < since or signal.version != scene.program.version:
            fixed = place
    if not fixed:
        return 0, RuleState(n=state.n), since
    base = msgspec.structs.replace(signals[fixed - 1])
    fresh = RuleState(n=state.n, signals=[base])
    if base.qualified_at < since:
        unbroken = fixed == len(signals) and base.changed_at < since and state.told == base.rank
        if judged.asked_key is not None:
            return fixed, fresh, since
        if unbroken or since > base.qualified_at + judged.rule.cooldown_ms:
            before = scene.at(since - 1)
            fresh.told = lasting(judged, holds(judged, before), before)
            return fixed, fresh, since
    if base.version == scene.program.version:
        return fixed, fresh, _after(scene, judged, fresh, base)
    fresh.told = base.rank
    return fixed, fresh, base.qualified_at


def _after(scene: Scene, judged: Judged, fresh: RuleState, base: Signal) -> int:
    """Puts `fresh` just behind the onset of `base`; the next instant."""
    moment = scene.at(base.qualified_at)
    verdict = holds(judged, moment)
    fresh.told = lasting(judged, verdict, moment)
    if verdict.rank > 0:
        base.rank, base.step = verdict.rank, words.step(verdict.step)
        base.changed_at, base.allowed = base.qualified_at, judged.allowed(moment)
    return judged.next(moment)


def _onset(program: Program, judged: Judged, state: RuleState, verdict: Verdict, moment: Moment) -> Onset | None:
    """A rise becomes a signal, raises the last one, or stays silent."""
    last = state.last
    allowed = judged.allowed(moment)
    if last is None or not _cools(judged, last, moment.t, allowed):
        lead_type = lead_type_of(judged.rule, moment.standing.stage)
        signal = Signal(0, moment.t, verdict.rank, moment.t, lead_type, words.step(verdict.step), allowed, program.version)
        state.signals = [*state.signals, signal]
        return Onset("new", signal, verdict, moment)
    if verdict.rank > last.rank:
        last.rank, last.step = verdict.rank, words.step(verdict.step)
        last.changed_at, last.allowed = moment.t, allowed
        return Onset("raised", last, verdict, moment)
    return Onset("again", last, verdict, moment) if judged.asked_key is not None else None


def _cools(judged: Judged, last: Signal, t: int, allowed: float | None) -> bool:
    """Whether t lies within the cooldown of the last signal. A limit that was raised since ends it."""
    if t >= last.qualified_at + judged.rule.cooldown_ms:
        return False
    return allowed is None or last.allowed is None or allowed <= last.allowed
