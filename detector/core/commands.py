"""A command of sales in; the ledger changed and lead events out, or the reason why it is refused.

Outcome, snooze and owner are about a lead, override and opt-out about an account.
"""

from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from contracts.messages import Command, LeadEvent, Place
from detector.core import words
from detector.core.account import Account
from detector.core.ids import lead_id
from detector.core.judge import allowance_changed
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.overrides import OVERRIDES_MAX, Override, override_at
from detector.core.payload import UNFINISHED, difference
from detector.core.rulebook.model import Type
from detector.core.rulebook.program import Program
from detector.core.telling import Telling

OPTED_OUT_PEOPLE_MAX = 5_000
TIME_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_NEXT = {
    "open": ("accepted", "opportunity", "won", "lost", "rejected", "recycled"),
    "accepted": ("opportunity", "won", "lost", "rejected", "recycled"),
    "opportunity": ("won", "lost", "rejected", "recycled"),
}
"""A lead's life: what sales may report of it next. Skipping ahead is fine, going back is not."""

_Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
_Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e15)]


class OutcomeSaid(msgspec.Struct, frozen=True, kw_only=True):
    lead: _Id
    status: Literal["accepted", "opportunity", "won", "lost", "rejected", "recycled"]
    reason: Annotated[str, Meta(max_length=1000)] | None = None
    amount: _Amount | None = None
    """In the rulebook's currency."""
    by: Annotated[str, Meta(max_length=254)] | None = None


class SnoozeSaid(msgspec.Struct, frozen=True, kw_only=True):
    """`until` None: the snooze ends now."""

    lead: _Id
    until: Annotated[int, Meta(ge=0, le=TIME_MAX)] | None


class OwnerSaid(msgspec.Struct, frozen=True, kw_only=True):
    lead: _Id
    email: Annotated[str, Meta(min_length=3, max_length=254)]


class OverrideSaid(msgspec.Struct, frozen=True, kw_only=True):
    """`allowed` None: no cap."""

    limit: _Id
    allowed: _Amount | None = None
    remove: bool = False


class OptOutSaid(msgspec.Struct, frozen=True, kw_only=True):
    """`person` None: the whole account."""

    person: _Id | None = None
    opted_out: bool


KINDS: dict[str, type[OutcomeSaid | SnoozeSaid | OwnerSaid | OverrideSaid | OptOutSaid]] = {
    "outcome": OutcomeSaid,
    "snooze": SnoozeSaid,
    "owner": OwnerSaid,
    "override": OverrideSaid,
    "opt_out": OptOutSaid,
}
"""By a command's name: the shape of its arguments."""


class Applied(NamedTuple):
    """`code` None: it was applied, and `result` says how things stand now. Else it was refused and nothing has changed."""

    lead_events: list[LeadEvent]
    result: dict[str, Any]
    code: str | None = None
    message: str | None = None


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def apply(program: Program | None, account: Account, command: Command, place: Place) -> Applied:
    """Applies a command at its place in the log. `program` None: its project has no rulebook there.

    The caller has dropped commands whose id came before.
    """
    if program is None:
        return Applied([], {}, "no_rulebook", f"Project {command.project} has no rulebook yet: handraiser rules apply FILE")
    try:
        return _apply(program, account, command, place)
    except _RefusedError as refused:
        return Applied([], {}, refused.code, str(refused))


def _apply(program: Program, account: Account, command: Command, place: Place) -> Applied:
    said = _said(command)
    if isinstance(said, OverrideSaid):
        changed = _override(program, account, said, place)
        told = _told(account, changed=changed)
        return told._replace(lead_events=allowance_changed(program, account, said.limit, place)) if changed else told
    if isinstance(said, OptOutSaid):
        return _told(account, changed=_opt_out(account, said))
    lead = _lead(account, said.lead)
    ledger, t = account.ledger, max(place.time, account.facts.newest)
    now = Moment(account.facts, program.ladder, t, overrides=ledger.overrides, rules=ledger.rules)
    telling = Telling(program, account, place, now)
    if isinstance(said, OutcomeSaid):
        _outcome(telling, lead, said, now, place.time)
    elif isinstance(said, SnoozeSaid):
        _snooze(telling, lead, said, now, place.time)
    else:
        _own(telling, lead, said, now, place.time)
        account.ledger_changed()  # also where it was theirs by the rulebook, and now is by name
    account.ledger.schedule()
    stands = {"lead_id": lead.lead_id, "status": lead.status, "revision": lead.revision}
    return Applied(telling.lead_events, stands | {"changed": bool(telling.lead_events)})


def _said(command: Command) -> OutcomeSaid | SnoozeSaid | OwnerSaid | OverrideSaid | OptOutSaid:
    kind = KINDS.get(command.name)
    if kind is None:
        raise _RefusedError("unknown_command", f"This version knows the commands {words.listed(sorted(KINDS))}, and no other.")
    try:
        return msgspec.convert(command.arguments, kind)
    except msgspec.ValidationError as error:
        raise _RefusedError("invalid_command", f"The arguments of the command {command.name} are not right: {error}.") from error


def _told(account: Account, *, changed: bool) -> Applied:
    if changed:
        account.ledger_changed()
    return Applied([], {"account": account.external_id, "changed": changed})


def _lead(account: Account, wanted: str) -> OpenLead:
    """The unfinished lead with this id. One that is not there has an id of ours if it is finished."""
    ledger = account.ledger
    found = ledger.lead(wanted)
    if found is not None:
        return found
    for lead_type, opened in ledger.leads_opened.items():
        if any(lead_id(account.project, account.external_id, lead_type, n) == wanted for n in range(1, opened + 1)):
            raise _RefusedError(
                "lead_finished",
                f"Lead {wanted} is finished: nothing more can be told of it. `GET /v1/leads/{wanted}` shows how it ended.",
            )
    raise _RefusedError("lead_not_found", f"This account has no lead {wanted!r}. `GET /v1/leads` lists the leads.")


def _outcome(telling: Telling, lead: OpenLead, said: OutcomeSaid, now: Moment, time: int) -> None:
    if said.status == lead.status:
        return
    possible = _NEXT[lead.status]
    if said.status not in possible:
        raise _RefusedError(
            "bad_transition",
            f"Lead {lead.lead_id} is {lead.status} and cannot go back to {said.status}. Possible: {words.listed(possible)}.",
        )
    details = [("reason", said.reason), ("amount", words.plain(said.amount, Type.NUMBER)), ("by", said.by)]
    changes = [difference(field, None, None, value) for field, value in details if value is not None]
    if said.status not in UNFINISHED:
        telling.close(lead, said.status, now, changes, notify=True)
        return
    before, lead.status = lead.status, said.status
    telling.progress(lead, time)
    telling.send(lead, f"lead.{said.status}", [difference("status", None, before, said.status), *changes], now, notify=True)


def _snooze(telling: Telling, lead: OpenLead, said: SnoozeSaid, now: Moment, time: int) -> None:
    """Sets a date and changes nothing else."""
    if said.until == lead.snoozed_until:
        return
    if said.until is not None and said.until <= time:
        raise _RefusedError(
            "not_in_future",
            f"A lead can be snoozed until a later time than now, by the log's clock {words.time(time)}; null ends a snooze.",
        )
    before, lead.snoozed_until = lead.snoozed_until, said.until
    telling.progress(lead, time)
    telling.send(lead, "lead.snoozed", [difference("snoozed_until", None, _time(before), _time(said.until))], now, notify=True)


def _time(ms: int | None) -> str | None:
    return None if ms is None else words.time(ms)


def _own(telling: Telling, lead: OpenLead, said: OwnerSaid, now: Moment, time: int) -> None:
    before, lead.owner, lead.owner_follows = lead.owner, said.email, False
    if said.email == before:
        return
    telling.progress(lead, time)
    telling.send(lead, "lead.updated", [difference("owner", None, before, said.email)], now, notify=True)


def _override(program: Program, account: Account, said: OverrideSaid, place: Place) -> bool:
    """From partition time on: what was judged before it stays as it was."""
    overrides = account.ledger.overrides
    if said.limit not in program.limits and not (said.remove and said.limit in overrides):
        known = words.listed(sorted(program.limits)) or "none"
        raise _RefusedError("unknown_limit", f"The rulebook has no limit {said.limit!r}. It has: {known}.")
    before = override_at(overrides, said.limit, place.time)
    if before is None if said.remove else before is not None and before.allowed == said.allowed:
        return False
    new = Override(place.time, None if said.remove else said.allowed, said.remove)
    overrides[said.limit] = [*overrides.get(said.limit, ()), new][-OVERRIDES_MAX:]
    return True


def _opt_out(account: Account, said: OptOutSaid) -> bool:
    ledger = account.ledger
    if said.person is None:
        before, ledger.opted_out = ledger.opted_out, said.opted_out
        return before != said.opted_out
    people = set(ledger.opted_out_people)
    if (said.person in people) == said.opted_out:
        return False
    if said.opted_out and len(people) >= OPTED_OUT_PEOPLE_MAX:
        many = f"{OPTED_OUT_PEOPLE_MAX:,} people of this account have opted out, and no more can be kept. Opt out the account."
        raise _RefusedError("too_many_opt_outs", many)
    ledger.opted_out_people = sorted(people | {said.person} if said.opted_out else people - {said.person})
    return True
