"""What was done to a lead in, the lead event that says so out: complete, with how hot that makes the lead.

What is told of one lead at one instant is one lead event, so that sales hears once of one click, with all that it shows.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.messages import LeadEvent, Place
from detector.core import heat
from detector.core.account import Account
from detector.core.carrying import is_asked_for
from detector.core.ids import lead_event_id
from detector.core.instants import NEVER
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.payload import difference, payload
from detector.core.rulebook.model import Temperature
from detector.core.rulebook.program import Program
from detector.core.silence import why_left_alone
from detector.core.waits import answer_due, calm, progress


class Telling:
    """The lead events of one account that one record of the log makes, in the order in which they are told."""

    def __init__(self, program: Program, account: Account, place: Place, now: Moment | None) -> None:
        """`now`: how the account stands, for payloads; None: history is told, each event of it as the account stood then."""
        self._program = program
        self._account = account
        self._ledger = account.ledger
        self._place = place
        self._now = now
        self.lead_events: list[LeadEvent] = []
        self._newest: dict[str, tuple[int, int]] = {}
        """Lead -> which of these is its newest, and of what instant."""

    def send(self, lead: OpenLead, type_: str, changes: list[dict[str, Any]], moment: Moment, *, notify: bool) -> None:
        """Makes the lead event of what was done to `lead`, or adds that to the one which it was told in at this instant."""
        self._account.ledger_changed()
        before, index = lead.temperature, self._told_at(lead, type_, moment.t, notify=notify)
        if index < len(self.lead_events):
            told = self.lead_events[index]
            type_, before, changes = told.type, *_joined(told.data["changes"], changes, before)
        else:
            lead.revision += 1
        self._newest[lead.lead_id] = index, moment.t
        if notify and not lead.notified:
            lead.notified = True
            lead.answer_by = self._place.time + self._program.lead_type(lead.lead_type).answer_in_ms
        lead.overdue = lead.overdue and lead.status == "open"
        lead.overdue_at = answer_due(self._program, lead)
        account, moment = self._account, self._now or moment
        found = heat.scored(self._program, heat.about(lead, moment))
        heat.take_temperature(self._program, lead, found)
        if lead.temperature != before:
            changes = [*changes, difference("temperature", None, before, lead.temperature)]
        data = payload(self._program, account, lead, moment, [] if lead.revision == 1 else changes, found)
        self.lead_events[index:] = [
            LeadEvent(
                id=lead_event_id(lead.lead_id, lead.revision),
                project=account.project,
                account=account.external_id,
                type=type_,
                timestamp=self._place.time,
                rulebook_version=self._program.version,
                place=self._place,
                notify=notify,
                explicit=is_asked_for(self._program, lead),
                caps=self._program.rulebook.noise.caps,
                data=data,
            ),
            *self.lead_events[index + 1 :],
        ]
        self._watch(moment)

    def _told_at(self, lead: OpenLead, type_: str, t: int, *, notify: bool) -> int:
        """Where the lead event that says it stands: the lead's newest, if that is of this instant and goes to the same ears."""
        index, at = self._newest.get(lead.lead_id, (0, NEVER))
        if type_ != "lead.updated" or at != t:
            return len(self.lead_events)
        told = self.lead_events[index]
        joins = told.type in ("lead.created", "lead.updated") and told.notify is notify
        return index if joins else len(self.lead_events)

    def progress(self, lead: OpenLead, t: int) -> None:
        """Something came of it at t, or was said of it."""
        progress(self._program, lead, t)

    def close(
        self,
        lead: OpenLead,
        status: str,
        moment: Moment,
        changes: Sequence[dict[str, Any]] = (),
        *,
        notify: bool | None = None,
    ) -> None:
        """Finishes a lead as `status`; `changes`: what else is to be said of it. `notify` None: to those who know of it."""
        before, lead.status = lead.status, status
        del self._ledger.open_leads[lead.lead_type]
        if status not in ("superseded", "retracted"):
            self._ledger.last_outcome = status
            calm(self._program, self._ledger, lead, min(moment.t, self._place.time))
        notify = lead.notified if notify is None else notify
        self.send(lead, f"lead.{status}", [difference("status", None, before, status), *changes], moment, notify=notify)

    def overdue(self, lead: OpenLead, moment: Moment) -> None:
        """Nobody has answered it in time."""
        lead.overdue = True
        self.send(lead, "lead.overdue", [difference("overdue", None, False, True)], moment, notify=True)

    def hush(self, closed: OpenLead) -> None:
        """A lead that was opened only now, by late events, and that a purchase of then closes at once is told to nobody."""
        ours = [event for event in self.lead_events if event.data["lead_id"] == closed.lead_id]
        if ours and ours[0].data["revision"] == 1:
            self.lead_events = [
                msgspec.structs.replace(event, notify=False) if event in ours else event for event in self.lead_events
            ]

    def hotter(self, moment: Moment) -> None:
        """Tells, too, which leads have become hotter since they were told, though no signal came. Colder is no news."""
        if self._program.score is None:
            return
        for lead in list(self._ledger.open_leads.values()):
            found = heat.scored(self._program, heat.about(lead, moment))
            hotter = heat.is_hotter(heat.band(self._program, lead, found), lead.temperature)
            if hotter and why_left_alone(self._program, self._ledger, lead.asker, moment) is None:
                quiet = lead.is_snoozed(self._place.time) or not lead.notified
                self.send(lead, "lead.updated", [], moment, notify=not quiet)
        self._watch(moment)

    def _watch(self, moment: Moment) -> None:
        """Notes when time alone may make a lead hotter."""
        ledger = self._ledger
        hotter_at = min((heat.next_rise(self._program, lead, moment) for lead in ledger.open_leads.values()), default=NEVER)
        if hotter_at != ledger.hotter_at:
            ledger.hotter_at = hotter_at
            self._account.ledger_changed()
            ledger.schedule()


def _joined(
    told: list[dict[str, Any]], more: list[dict[str, Any]], before: Temperature | None
) -> tuple[Temperature | None, list[dict[str, Any]]]:
    """How hot the lead was before both, and what else has changed."""
    temperatures = [each["old"] for each in told if each["field"] == "temperature"]
    others = [each for each in told if each["field"] != "temperature"]
    return next(iter(temperatures), before), [*others, *more]
