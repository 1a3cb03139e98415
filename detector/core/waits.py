"""What time alone does to leads: the unanswered are overdue, the unattended expire; after an outcome it is quiet for a while."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from detector.core import words
from detector.core.compare import Change
from detector.core.instants import NEVER
from detector.core.ledger import QUIET, Ledger, OpenLead, Signal
from detector.core.measures.moment import Moment
from detector.core.rulebook.program import Program
from detector.core.silence import why_silent
from detector.core.verdict import holds, lasting


class Turn(NamedTuple):
    """What happens next, at `t`: these leads expire; if none does, these are overdue; if none is, some quiet ends."""

    t: int
    expired: tuple[OpenLead, ...]
    overdue: tuple[OpenLead, ...]


def next_turn(ledger: Ledger) -> Turn:
    """At `NEVER`, if nothing does."""
    leads = ledger.open_leads.values()
    turns = [min(lead.expires_at, lead.overdue_at) for lead in leads]
    t = min([*turns, *ledger.quiet.values()], default=NEVER)
    return Turn(t, tuple(each for each in leads if each.expires_at == t), tuple(each for each in leads if each.overdue_at == t))


def answer_due(program: Program, lead: OpenLead) -> int:
    """Whoever was told of it answers by then, or when they want to hear of it again. A program is not waited for."""
    is_asked = lead.status == "open" and lead.notified and not (lead.overdue or program.is_for_product(lead.lead_type))
    return max(lead.answer_by, lead.snoozed_until or 0) if is_asked else NEVER


def progress(program: Program, lead: OpenLead, t: int) -> None:
    """Something came of it at t, or was said of it: it does not expire yet, nor while it is snoozed."""
    expires = program.lead_type(lead.lead_type).expires_ms
    lead.expires_at = NEVER if expires is None else max(t + expires, lead.snoozed_until or 0)


def calm(program: Program, ledger: Ledger, lead: OpenLead, t: int) -> None:
    """What became of it may be followed by quiet: for so long no lead of its type is opened."""
    length = program.quiet_ms(lead.lead_type, lead.status)
    if length:
        ledger.quiet[lead.lead_type] = max(t + length, ledger.quiet.get(lead.lead_type, -1))


def woken(program: Program, ledger: Ledger, moment: Moment) -> Iterator[tuple[Signal, Change]]:
    """Quiet has ended: what it silenced and still holds, with how it is to be told: as of now, and as far as it holds."""
    ledger.quiet = {lead_type: until for lead_type, until in ledger.quiet.items() if until > moment.t}
    for name, judged in program.judged.items():
        state = ledger.rules.get(name)
        signal = None if state is None else state.last
        if signal is None or signal.silent != QUIET:
            continue
        verdict = holds(judged, moment)
        if lasting(judged, verdict, moment) > 0 and why_silent(program, ledger, judged, moment) is None:
            step = words.step(verdict.step)
            told = msgspec.structs.replace(signal, qualified_at=moment.t, rank=verdict.rank, step=step, silent="")
            yield signal, Change("new", judged, told, moment)
