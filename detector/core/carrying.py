"""A signal and the lead that is to carry it in; the lead says so, out: the signal in its words, the evidence, who asked."""

from detector.core import words
from detector.core.account import Account
from detector.core.compare import Change
from detector.core.evidence import evidence
from detector.core.ids import signal_id
from detector.core.ledger import EVIDENCE_BYTES_MAX, EVIDENCE_MAX, SIGNALS_BYTES_MAX, SIGNALS_MAX, OpenLead, kept
from detector.core.measures.score import hottest
from detector.core.rulebook.program import Program
from detector.core.rulebook.uses import asked_properties
from detector.core.say import Speaker
from detector.core.verdict import holds


def id_of(account: Account, change: Change) -> str:
    return signal_id(account.project, change.judged.name, account.external_id, change.signal.n)


def put_signal(program: Program, account: Account, lead: OpenLead, change: Change) -> None:
    """A raised signal takes the place of its lower step. The summary stays that of the signal that opened the lead."""
    judged, ours = change.judged, id_of(account, change)
    change.signal.lead_id, change.signal.silent, change.signal.told_at = lead.lead_id, "", change.moment.t
    judged.look(change.moment)
    speaker = Speaker(program, change.moment, account.external_id, asked_properties(judged.rule))
    signal = {
        "signal_id": ours,
        "rule": judged.name,
        "rulebook_version": program.version,
        "step": change.signal.step,
        "text": speaker.text(judged.rule.say),
        "at": words.time(change.moment.t),
    }
    ids = [each["signal_id"] for each in lead.signals]
    if ours in ids:
        lead.signals[ids.index(ours)] = signal
    else:
        lead.signals = kept([*lead.signals, signal], SIGNALS_MAX, SIGNALS_BYTES_MAX)
    lead.summary = lead.signals[0]["text"]
    lead.floor = hottest(lead.floor, judged.floor)


def add_evidence(lead: OpenLead, change: Change) -> None:
    judged, moment = change.judged, change.moment
    judged.look(moment)
    if judged.rule.event and moment.person is not None:
        lead.asker = moment.person
    lead.trigger = moment.person or lead.trigger
    verdict = holds(judged, moment)
    found = evidence(judged, moment, verdict.step)
    lead.evidence = kept([*lead.evidence, *found], EVIDENCE_MAX, EVIDENCE_BYTES_MAX)


def is_asked_for(program: Program, lead: OpenLead) -> bool:
    """Whether any of its signals is a request that somebody made."""
    rules = (program.judged.get(signal["rule"]) for signal in lead.signals)
    return lead.asker is not None or any(rule is not None and rule.explicit for rule in rules)
