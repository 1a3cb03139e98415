"""A signal in; why sales is not to be told of it, out.

It is kept in the ledger and counts all the same: its cooldown runs, and so the signals do not depend on who may be told.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec

from detector.core.compare import Change
from detector.core.ledger import SUPPRESSED, Ledger, OpenLead, Signal
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.program import Program

Reason: TypeAlias = Literal["shadow", "opted_out", "suppressed"]


def why_silent(program: Program, ledger: Ledger, judged: Judged, moment: Moment) -> Reason | None:
    """As of the moment. A person counts where the rule is about one: who asked, or whom lines about `person.…` look at."""
    if judged.rule.shadow:
        return "shadow"
    if not (program.suppression.grounds or ledger.opted_out or ledger.opted_out_people):
        return None
    return why_left_alone(program, ledger, _about(judged, moment), moment)


def why_left_alone(program: Program, ledger: Ledger, person: str | None, moment: Moment) -> Reason | None:
    """As of the moment, whatever there is to tell. `person`: whom it is about, if it is about one."""
    if ledger.is_opted_out(person):
        return "opted_out"
    return "suppressed" if program.suppression.why(moment, person) is not None else None


def reconsidered(  # noqa: PLR0913, PLR0917 - what is known, and what is new of it
    program: Program, ledger: Ledger, at: Callable[[int], Moment], since: int, late_ms: int, changes: Iterable[Change]
) -> Iterator[Change]:
    """What late events, of `since` or later, show to have been suppressed and was told, or the other way round.

    A signal stays told while one of its instants is not suppressed: where it came, where it rose, where it was asked for again.
    `late_ms`: how late they are; for some rules that may be too late. Nobody's finished work is touched. `changes`: what they
    made of signals, which may have lost the very instant that was not suppressed.
    """
    if not program.suppression.grounds:
        return
    others = {id(change.signal) for change in changes}
    for name, judged in program.judged.items():
        state = ledger.rules.get(name)
        for signal in state.signals if state is not None and late_ms <= judged.rule.lateness_ms else ():
            asked_again = signal.told_at if judged.asked_key is not None else signal.qualified_at
            instants = sorted({signal.qualified_at, signal.changed_at, asked_again} - {-1})
            if (instants[-1] < since and id(signal) not in others) or signal.version != program.version:
                continue
            free = [t for t in instants if not _is_suppressed(program, judged, at(t))]
            lead = ledger.lead(signal.lead_id)
            if not free and lead is not None:
                yield Change("gone", judged, _dropped(signal), at(signal.qualified_at))
            elif lead is not None and signal.silent == SUPPRESSED and signal.changed_at in free:
                yield Change("stepped", judged, signal, at(signal.changed_at), _said(lead, name, signal))
            elif signal.silent == SUPPRESSED and (free if not signal.lead_id else signal.changed_at in free):
                yield Change("new", judged, signal, at(free[-1]))


def _said(lead: OpenLead, rule: str, signal: Signal) -> Signal:
    """The signal as its lead has it: it rose since, and of that nobody was told."""
    step = next((each["step"] for each in reversed(lead.signals) if each["rule"] == rule), None)
    return msgspec.structs.replace(signal, step=step)


def _dropped(signal: Signal) -> Signal:
    """The signal as it was told; it is carried by no lead any more."""
    told = msgspec.structs.replace(signal)
    signal.lead_id, signal.silent, signal.told_at = "", SUPPRESSED, -1
    return told


def _is_suppressed(program: Program, judged: Judged, moment: Moment) -> bool:
    return program.suppression.why(moment, _about(judged, moment)) is not None


def _about(judged: Judged, moment: Moment) -> str | None:
    judged.look(moment)
    return moment.person if judged.rule.event or judged.of_person else None
