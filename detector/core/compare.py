"""A rule's signals as told and as they are now, judged once more, in; what became of each out."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from detector.core import words
from detector.core.ledger import SIGNALS_KEPT, RuleState, Signal
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged
from detector.core.timeline import Onset, Scene, restart, walk

Kind = Literal["gone", "moved", "stepped", "raised", "new", "again"]


class Change(NamedTuple):
    """What the desk must tell. `moment`: when it happened; `old`: the signal as it was told.

    `moved`: the same, at another time. `stepped`: raised or lowered by late events, `raised`: by the passage of time.
    """

    kind: Kind
    judged: Judged
    signal: Signal
    moment: Moment
    old: Signal | None = None


def of_onset(judged: Judged, onset: Onset, old: Signal | None = None) -> Change:
    return Change(onset.kind, judged, onset.signal, onset.moment, old)


def judge_again(scene: Scene, judged: Judged, state: RuleState, times: tuple[int, int, int]) -> list[Change]:
    """Facts at `since` or later are new: every instant from there until `until` is judged again; `state` becomes what follows.

    `times`: the account's first instant, `since` and `until`.
    """
    first, since, until = times
    fixed, fresh, start = restart(scene, judged, state, min(since, state.due), first)
    told = state.signals
    onsets = walk(scene, judged, fresh, start, until)
    newest = {id(onset.signal): onset for onset in onsets if onset.kind != "again"}  # a repetition makes a signal no other
    base = [(told[fixed - 1], fresh.signals[0])] if fixed else []
    pairs, gone, new = _matched(told[fixed:], fresh.signals[1 if fixed else 0 :], judged.rule.cooldown_ms)
    changes = [Change("gone", judged, signal, scene.at(signal.qualified_at)) for signal in gone]
    for old, signal in base + pairs:
        signal.n, signal.lead_id = old.n, old.lead_id
        signal.silent, signal.told_at = old.silent, _told_at(old, signal)
        changes += _differences(judged, old, signal, newest.get(id(signal)), scene)
    for signal in new:
        state.n += 1
        signal.n = state.n
        found = next(onset for onset in onsets if onset.signal is signal)
        changes += _from_the_start(judged, found, newest[id(signal)])
    changes += [of_onset(judged, onset) for onset in onsets if onset.kind == "again" and onset.moment.t == since]
    state.signals = [*told[: max(0, fixed - 1)], *fresh.signals][-SIGNALS_KEPT:]
    state.told, state.due = fresh.told, fresh.due
    return changes


def _told_at(old: Signal, signal: Signal) -> int:
    """Where it was told, if that is an instant of its own still: the instant moves with the signal, told or not."""
    if old.told_at == old.qualified_at:
        return signal.qualified_at
    return signal.changed_at if old.told_at == old.changed_at else old.told_at


def _from_the_start(judged: Judged, first: Onset, last: Onset) -> list[Change]:
    """A new signal as it stands, at once. In two, if the plan changed before it was raised: its lead may be closed there."""
    signal, moment = last.signal, first.moment
    if not moment.ladder.changes(moment.facts, moment.t, last.moment.t):
        return [Change("new", judged, signal, last.moment)]
    rank, step = first.verdict.rank, words.step(first.verdict.step)
    low = msgspec.structs.replace(signal, rank=rank, step=step, changed_at=moment.t)
    return [Change("new", judged, low, moment), Change("raised", judged, signal, last.moment, low)]


def _matched(
    told: Sequence[Signal], found: Sequence[Signal], cooldown_ms: int
) -> tuple[list[tuple[Signal, Signal]], list[Signal], list[Signal]]:
    """(the same signals as told and as found, those that are gone, those that are new), each in order of time.

    The same: at the same time, else the first that lies less than a cooldown away. Of another lead type: another signal.
    """
    pairs: list[tuple[Signal, Signal]] = []
    gone, new = list(told), list(found)
    for reach in (1, cooldown_ms):
        for signal in list(new):
            near = (old for old in gone if _apart(old, signal) < reach and old.lead_type == signal.lead_type)
            old = next(near, None)
            if old is not None:
                pairs.append((old, signal))
                gone.remove(old)
                new.remove(signal)
    return sorted(pairs, key=lambda pair: pair[1].qualified_at), gone, new


def _apart(one: Signal, other: Signal) -> int:
    return abs(one.qualified_at - other.qualified_at)


def _differences(judged: Judged, old: Signal, signal: Signal, onset: Onset | None, scene: Scene) -> list[Change]:
    moment = onset.moment if onset is not None else scene.at(signal.qualified_at)
    changes = []
    if signal.qualified_at != old.qualified_at:
        changes.append(Change("moved", judged, signal, moment, old))
    if signal.rank != old.rank:
        changes.append(Change("stepped", judged, signal, moment, old))
    return changes
