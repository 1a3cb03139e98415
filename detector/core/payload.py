"""An open lead and the account's facts in, the `data` of a lead event out: complete, so that delivery looks nothing up.

Objects keep their keys with null leaves and lists are empty where there is nothing to say (docs/webhooks.md).
"""

from typing import Any

from detector.core import heat, who, words
from detector.core.account import Account
from detector.core.beside import beside
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.measures.score import Scored
from detector.core.offer import features_data, offer, offer_data, usage_data
from detector.core.rulebook.program import Program
from detector.core.say import Speaker

UNFINISHED = ("open", "accepted", "opportunity")


def payload(  # noqa: PLR0913, PLR0917 - here everything meets
    program: Program, account: Account, lead: OpenLead, moment: Moment, changes: list[dict[str, Any]], found: Scored | None
) -> dict[str, Any]:
    """A finished lead has no recommended action and no offer: there is nothing to do about it. `found`: the score."""
    unfinished = lead.status in UNFINISHED
    offered = offer(program, moment) if unfinished else None
    action = Speaker(program, moment, account.external_id).text(program.lead_type(lead.lead_type).do) if unfinished else None
    return {
        **_lead(lead, program.lead_type(lead.lead_type).to, changes),
        "score": heat.score_data(found),
        "summary": lead.summary,
        "recommended_action": action,
        "signals": [dict(signal) for signal in lead.signals],
        "evidence": [dict(entry) for entry in lead.evidence],
        "account": who.account(moment, account.external_id),
        "people": who.people(program, moment, account.ledger, asker=lead.asker, trigger=lead.trigger),
        "usage": usage_data(program, moment),
        "onboarding": onboarding_data(program, moment),
        "features": features_data(program, moment),
        "offer": offer_data(offered, program.rulebook.currency),
        "owner": {"email": lead.owner},
        "segments": heat.segments(program, heat.about(lead, moment)),
        "told_us": beside(program, lead, moment, "told_us"),
        "source": beside(program, lead, moment, "source"),
        "history": {"leads_before": lead.leads_before, "last_outcome": account.ledger.last_outcome},
        "crm": beside(program, lead, moment, "crm"),
        "qualified_at": words.time(lead.qualified_at),
        "links": {"lead": None, "accept": None, "reject": None, "snooze": None},
    }


def _lead(lead: OpenLead, to: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "lead_id": lead.lead_id,
        "revision": lead.revision,
        "status": lead.status,
        "lead_type": lead.lead_type,
        "to": to,
        "temperature": lead.temperature,
        "answer_by": words.time(lead.answer_by),
        "snoozed_until": words.time(lead.snoozed_until) if lead.snoozed_until is not None else None,
        "overdue": lead.overdue,
        "takes_over": lead.takes_over,
        "disputed": lead.disputed,
        "changes": changes,
    }


def difference(field: str, rule: str | None, old: object, new: object) -> dict[str, Any]:
    """One entry of `changes`."""
    return {"field": field, "rule": rule, "old": old, "new": new}


def onboarding_data(program: Program, moment: Moment) -> dict[str, Any]:
    """Steps done, of how many, which are missing; nulls where the rulebook has no onboarding."""
    reader = program.onboarding
    if reader is None:
        return {"done": None, "of": None, "missing": []}
    return {"done": reader.steps_done(moment), "of": reader.steps, "missing": reader.missing(moment)}
