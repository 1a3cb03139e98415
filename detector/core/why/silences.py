"""A rule of an account at a moment in; why sales would not be told of it, out. Caps on noise hold nothing back yet."""

from collections.abc import Iterator

from detector.core import words
from detector.core.account import Account
from detector.core.ledger import OpenLead, RuleState
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.program import Program
from detector.core.why.shape import Silence


def of_account(program: Program, account: Account, moment: Moment) -> list[Silence]:
    """Those that hold whatever the rule."""
    ledger = account.ledger
    found = []
    if ledger.importing:
        found.append(Silence("importing", "its history is being imported, and is judged when that ends", ledger.due))
    if ledger.opted_out:
        found.append(Silence("opted_out", "the account has opted out"))
    ground = program.suppression.why(moment, None)
    if ground is not None:
        found.append(Silence("suppressed", f"suppress: {ground}"))
    return found


def of_rule(program: Program, account: Account, judged: Judged, moment: Moment, lead_type: str) -> list[Silence]:
    """The moment has been looked at by the rule."""
    return [
        *_of_person(program, account, judged, moment),
        *_cooldown(judged, account.ledger.rules.get(judged.name), moment),
        *_of_leads(program, account, judged, moment, lead_type),
    ]


def _of_person(program: Program, account: Account, judged: Judged, moment: Moment) -> Iterator[Silence]:
    if judged.rule.shadow:
        yield Silence("shadow", "the rule is in shadow mode: counted, and told to nobody")
    person = moment.person if judged.of_person or moment.asked is not None else None
    if person is None:
        return
    if person in account.ledger.opted_out_people:
        yield Silence("opted_out", f"{person} has opted out")
    if program.suppression.why(moment, None) is None and (ground := program.suppression.why(moment, person)) is not None:
        yield Silence("suppressed", f"suppress: {ground} ({person})")


def _cooldown(judged: Judged, state: RuleState | None, moment: Moment) -> Iterator[Silence]:
    last = None if state is None else state.last
    if last is None or moment.t >= (until := last.qualified_at + judged.rule.cooldown_ms):
        return
    allowed = judged.allowed(moment)
    if allowed is not None and last.allowed is not None and allowed > last.allowed:
        return  # the limit was raised, which ends it
    higher = "; only a higher step would be told" if judged.stepped else ""
    yield Silence("cooldown", f"it signalled on {words.day(last.qualified_at)} and is silent in its cooldown{higher}", until)


def _of_leads(program: Program, account: Account, judged: Judged, moment: Moment, lead_type: str) -> Iterator[Silence]:
    """What became of leads: quiet after an outcome, unless a lead is open that a signal would join; and one that is snoozed."""
    joined = _joins(program, account, lead_type)
    if joined is not None and joined.is_snoozed(moment.t):
        yield Silence("snoozed", f"its lead {joined.lead_id} is snoozed", joined.snoozed_until)
    until = account.ledger.quiet.get(lead_type, -1)
    if joined is None and not judged.explicit and moment.t < until:
        after = account.ledger.last_outcome
        yield Silence("quiet", f"quiet after an outcome{f' ({after})' if after else ''}: no new {lead_type} lead", until)


def _joins(program: Program, account: Account, lead_type: str) -> OpenLead | None:
    """The open lead that a signal of this type would enrich; None: it would open one."""
    for_product = program.is_for_product(lead_type)
    beside = [each for each in account.ledger.open_leads.values() if program.is_for_product(each.lead_type) == for_product]
    strongest = min(beside, key=lambda each: program.rank(each.lead_type), default=None)
    stronger = strongest is not None and program.rank(strongest.lead_type) <= program.rank(lead_type)
    return strongest if stronger else None
