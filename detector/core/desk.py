"""Onsets of one account at one moment in, lead events out: cooldown, one open lead, take-over, closing by a change of plan."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from contracts.messages import LeadEvent, Place
from detector.core import words
from detector.core.account import Account
from detector.core.evidence import evidence, step_label
from detector.core.ids import lead_event_id, lead_id, signal_id
from detector.core.ledger import EVIDENCE_BYTES_MAX, EVIDENCE_MAX, SIGNALS_BYTES_MAX, SIGNALS_MAX, OpenLead, RuleState, kept
from detector.core.measures.moment import Moment
from detector.core.payload import change, payload
from detector.core.rulebook.compile import Program, asked_properties
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Step
from detector.core.say import Speaker

_PAYING = {"paying": "xql"}
_UPGRADE = {"free": "service_sql", "paying": "service_sql"}


class Fired(NamedTuple):
    judged: Judged
    step: Step | None
    rank: float


def lead_type_of(family: str | None, stage: str) -> str:
    """The table of lead types: what was seen, and where the account stood."""
    return (_UPGRADE if family == "upgrade_intent" else _PAYING).get(stage, "pql")


class Desk:
    """Writes the ledger and collects the lead events of one judgement. On a take-over the new lead is created first."""

    def __init__(self, program: Program, account: Account, moment: Moment, place: Place) -> None:
        self._program = program
        self._account = account
        self._ledger = account.ledger
        self._moment = moment
        self._place = place
        self.lead_events: list[LeadEvent] = []

    def lead_type(self, judged: Judged) -> str:
        return judged.rule.lead or lead_type_of(judged.rule.family, self._moment.standing.stage)

    def close_by_plan(self) -> None:
        """The plan went up: won. Down, or churned: lost. Nobody calls a customer who has just bought."""
        if self._ledger.open_leads:
            for status, closes in (("won", self._program.close_won), ("lost", self._program.close_lost)):
                if closes(self._moment):
                    for lead in sorted(self._ledger.open_leads.values(), key=self._strength):
                        self.close(lead, status)
        self.note_plan()

    def note_plan(self) -> None:
        """For the next change of plan. A misspelt plan, or none, has no place: the next is compared with the last that had."""
        standing = self._moment.standing if self._moment.standing.placed else self._moment.before
        if standing.placed and (standing.name, standing.stage) != (self._ledger.plan, self._ledger.stage):
            self._ledger.plan, self._ledger.stage = standing.name, standing.stage
            self._account.ledger_changed()

    def take(self, fired: Fired) -> None:
        """An onset becomes a signal, raises the last one, adds evidence to it, or stays silent."""
        state = self._ledger.rules.setdefault(fired.judged.name, RuleState())
        again = fired.judged.cools(state, self._moment)
        if again and fired.rank <= state.rank:
            self._repeat(fired, state)
            return
        self._account.ledger_changed()
        if not again:
            state.n += 1
            state.qualified_at = self._moment.t
        was, state.rank = state.rank, fired.rank
        state.allowed = fired.judged.allowed(self._moment)
        if self._is_unwanted(fired):
            return
        raised = self._ledger_lead(state.lead_id) if again else None
        if raised is None:
            self._route(fired, state)
        else:
            step = change("step", fired.judged.name, step_label(was), step_label(fired.step))
            self._enrich(raised, fired, state, step)

    def _repeat(self, fired: Fired, state: RuleState) -> None:
        """A request that is made again within its cooldown adds to the evidence and sends nothing.

        If its lead was taken over or closed meanwhile, to that of the strongest open lead.
        """
        lead = self._ledger_lead(state.lead_id) or self._strongest()
        if lead is not None and not self._is_unwanted(fired):
            self._add_evidence(lead, fired)
            self._account.ledger_changed()

    def _is_unwanted(self, fired: Fired) -> bool:
        """Whether nobody is to be told: the account opted out, or who asked did. The signal counts all the same."""
        return self._ledger.is_opted_out(self._moment.person if fired.judged.rule.event else None)

    def _ledger_lead(self, wanted: str) -> OpenLead | None:
        return next((lead for lead in self._ledger.open_leads.values() if lead.lead_id == wanted), None)

    def _strongest(self) -> OpenLead | None:
        return min(self._ledger.open_leads.values(), key=self._strength, default=None)

    def _strength(self, lead: OpenLead) -> int:
        return self._program.rank(lead.lead_type)

    def _route(self, fired: Fired, state: RuleState) -> None:
        """To the strongest open lead, unless this is stronger still."""
        lead_type = self.lead_type(fired.judged)
        strongest = self._strongest()
        if strongest is not None and self._strength(strongest) <= self._program.rank(lead_type):
            self._enrich(strongest, fired, state, change("signal", fired.judged.name, None, step_label(fired.step)))
            return
        weaker = sorted(self._ledger.open_leads.values(), key=self._strength)
        lead = self._open(lead_type, weaker[0].lead_id if weaker else None)
        lead.owner = next((each.owner for each in weaker if each.owner is not None), None)
        self._add_signal(lead, fired, state)
        self._ledger.open_leads[lead_type] = lead
        self.send(lead, "lead.created", [])
        for each in weaker:
            self.close(each, "superseded")

    def _open(self, lead_type: str, takes_over: str | None) -> OpenLead:
        opened = self._ledger.leads_opened
        before = sum(opened.values())
        opened[lead_type] = opened.get(lead_type, 0) + 1
        return OpenLead(
            lead_id=lead_id(self._account.project, self._account.external_id, lead_type, opened[lead_type]),
            lead_type=lead_type,
            qualified_at=self._moment.t,
            answer_by=self._place.time + self._program.lead_type(lead_type).answer_in_ms,
            summary="",
            takes_over=takes_over,
            leads_before=before,
        )

    def _enrich(self, lead: OpenLead, fired: Fired, state: RuleState, what: dict[str, Any]) -> None:
        before = lead.temperature
        self._add_signal(lead, fired, state)
        changes = [what]
        if lead.temperature != before:
            changes.append(change("temperature", None, before, lead.temperature))
        self.send(lead, "lead.updated", changes, notify=not lead.is_snoozed(self._place.time))

    def _add_signal(self, lead: OpenLead, fired: Fired, state: RuleState) -> None:
        """A raised signal takes the place of its lower step. The summary stays that of the signal that opened the lead."""
        judged = fired.judged
        self._add_evidence(lead, fired)
        state.lead_id = lead.lead_id
        ours = signal_id(self._account.project, judged.name, self._account.external_id, state.n)
        signal = {
            "signal_id": ours,
            "rule": judged.name,
            "rulebook_version": self._program.version,
            "step": step_label(fired.step),
            "text": self._speaker(judged).text(judged.rule.say),
            "at": words.time(self._moment.t),
        }
        ids = [each["signal_id"] for each in lead.signals]
        if ours in ids:
            lead.signals[ids.index(ours)] = signal
        else:
            lead.signals = kept([*lead.signals, signal], SIGNALS_MAX, SIGNALS_BYTES_MAX)
        lead.summary = lead.signals[0]["text"]
        if judged.explicit:
            lead.temperature = "hot"

    def _speaker(self, judged: Judged) -> Speaker:
        return Speaker(self._program, self._moment, self._account.external_id, asked_properties(judged.rule))

    def _add_evidence(self, lead: OpenLead, fired: Fired) -> None:
        judged, moment = fired.judged, self._moment
        judged.look(moment)
        if judged.rule.event and moment.person is not None:
            lead.asker = moment.person
        lead.trigger = moment.person or lead.trigger
        found = evidence(judged, moment, fired.step)
        lead.evidence = kept([*lead.evidence, *found], EVIDENCE_MAX, EVIDENCE_BYTES_MAX)

    def close(self, lead: OpenLead, status: str, changes: Sequence[dict[str, Any]] = ()) -> None:
        """Finishes a lead as `status`; `changes`: what else is to be said of it."""
        before, lead.status = lead.status, status
        del self._ledger.open_leads[lead.lead_type]
        if status != "superseded":
            self._ledger.last_outcome = status
        self.send(lead, f"lead.{status}", [change("status", None, before, status), *changes])

    def send(self, lead: OpenLead, type_: str, changes: list[dict[str, Any]], *, notify: bool = True) -> None:
        """Makes the lead event of what was done to `lead`."""
        lead.revision += 1
        account = self._account
        account.ledger_changed()
        data = payload(self._program, account, lead, self._moment, changes)
        self.lead_events.append(
            LeadEvent(
                id=lead_event_id(lead.lead_id, lead.revision),
                project=account.project,
                account=account.external_id,
                type=type_,
                timestamp=self._place.time,
                rulebook_version=self._program.version,
                place=self._place,
                notify=notify,
                data=data,
            )
        )
