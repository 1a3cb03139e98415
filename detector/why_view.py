"""Why an account is, or is not, a lead: stored facts in, the API's shapes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from detector.account_reading import AccountReading
from detector.core.account import Account
from detector.core.instants import NEVER
from detector.core.measures.warming import Warm
from detector.core.rulebook.problems import did_you_mean
from detector.core.rulebook.program import Program
from detector.core.why.account import Asked
from detector.core.why.shape import LimitStand, NextStep, Part, Request, RuleWhy, Signalled, Silence
from detector.core.why.sleeping import Arrivals
from detector.inventory import OTHERS
from detector.shapes import iso
from detector.store import DetectorStore
from detector.why_shapes import (
    Warming,
    WhyAccount,
    WhyHeldBack,
    WhyLead,
    WhyLimit,
    WhyNextStep,
    WhyPart,
    WhyRequest,
    WhyRule,
    WhySignal,
    WhySilence,
    WhyView,
)
from runtime.web import ApiError

HeldBack: TypeAlias = Callable[[str, str], Mapping[str, list[WhyHeldBack]]]
"""Project and account -> lead -> where it waits under the caps on noise. What tells of leads knows it; we do not."""


def nowhere(_project: str, _account: str) -> Mapping[str, list[WhyHeldBack]]:
    return {}


class WhyViews:
    """Makes what a rulebook's rules are asked with once. Safe to use from several threads."""

    def __init__(self, store: DetectorStore, reading: AccountReading, held_back: HeldBack = nowhere) -> None:
        self._held_back = held_back
        self._store = store
        self._reading = reading
        self._asked: dict[int, Asked] = {}

    def view(self, project: str, external_id: str, rule: str | None, now: int) -> WhyView:
        """Raises ApiError 404 for an account of which nothing is stored, and for a rule that is not there."""
        program, account = self._reading.read(project, external_id)
        asked = self.asked(program)
        why = asked.why(account, max(now, account.facts.newest), self.arrivals(project), named(asked, rule))
        return WhyView(
            project=project,
            account=WhyAccount(**why.account),
            at=iso(why.at),
            rulebook_version=why.rulebook_version,
            rules=[_rule(each, waits=program.judged[each.rule].waits_for(account.facts)) for each in why.rules],
            silences=silences(why.silences),
            score=why.score,
            temperature=why.temperature,
            scored_person=why.scored_person,
            segments=list(why.segments),
            leads=_leads(account, self._held_back(project, account.external_id)),
        )

    def asked(self, program: Program) -> Asked:
        """Of one and the same program it is the same."""
        return self._asked.setdefault(id(program), Asked(program))

    def arrivals(self, project: str) -> Arrivals:
        rows = self._store.event_names.all(project)
        names = frozenset(row.name for row in rows if row.type == "track")
        return Arrivals(names, whole=all((row.type, row.name) != OTHERS for row in rows))


def named(asked: Asked, rule: str | None) -> list[str]:
    """Raises ApiError 404 if there is no such rule."""
    found = asked.named(rule)
    if not found and rule is not None:
        names = [each.name for each in asked.program.rulebook.rules]
        hint = did_you_mean(rule, names) or f"There are: {', '.join(names)}"
        raise ApiError(404, "rule_not_found", f"There is no rule '{rule}'. {hint}.")
    return found


def silences(of: Iterable[Silence]) -> list[WhySilence]:
    return [WhySilence(because=each.because, text=each.text, until=_time(each.until)) for each in of]


def warming(of: Warm) -> Warming:
    return Warming(since=iso(of.since), until=None if of.until >= NEVER else iso(of.until))


def _leads(account: Account, held_back: Mapping[str, list[WhyHeldBack]]) -> list[WhyLead]:
    return [
        WhyLead(
            lead_id=each.lead_id,
            lead_type=each.lead_type,
            status=each.status,
            temperature=each.temperature,
            held_back=held_back.get(each.lead_id, []),
        )
        for each in account.ledger.open_leads.values()
    ]


_BACKFILL = WhySilence(
    because="backfill",
    text="the log is still read again for what it rests on: what it says of this account counts when that is done",
    until=None,
)


def _rule(of: RuleWhy, *, waits: bool) -> WhyRule:
    return WhyRule(
        **{name: getattr(of, name) for name in ("rule", "lead_type", "stand", "holds", "needs", "lacking")},
        share=round(of.share, 4),
        parts=_parts(of.parts),
        limit=None if of.limit is None else _limit(of.limit),
        request=None if of.request is None else _request(of.request),
        asleep=list(of.asleep),
        signalled=None if of.signalled is None else _signal(of.signalled),
        silences=[*silences(of.silences), *([_BACKFILL] if waits else [])],
    )


def _parts(parts: Sequence[Part]) -> list[WhyPart]:
    plain = ("text", "holds", "missing", "value", "threshold", "window", "distance", "by", "needs", "how")
    return [
        WhyPart(
            **{name: getattr(part, name) for name in plain},
            expected_at=_time(part.expected_at),
            warming=None if part.warms is None else warming(part.warms),
            message_ids=list(part.message_ids),
            parts=_parts(part.parts),
        )
        for part in parts
    ]


def _limit(of: LimitStand) -> WhyLimit:
    left = None if of.used is None or of.allowed is None else of.allowed - of.used
    following = None if of.next_step is None else _step(of.next_step)
    numbers = {"used": _number(of.used), "allowed": _number(of.allowed), "left": _number(left), "percent": _number(of.percent)}
    return WhyLimit(
        limit=of.limit, label=of.label, unit=of.unit, at_least=of.at_least, step=of.step, next_step=following, **numbers
    )


def _step(of: NextStep) -> WhyNextStep:
    return WhyNextStep(step=of.step, at=_number(of.at) or 0, more=_number(of.more) or 0, expected_at=_time(of.expected_at))


def _request(of: Request) -> WhyRequest:
    return WhyRequest(events=list(of.events), last_at=_time(of.last_at))


def _signal(of: Signalled) -> WhySignal:
    return WhySignal(at=iso(of.at), step=of.step, lead_id=of.lead_id or None, silent=of.silent or None, number=of.number)


def _number(of: float | None) -> int | float | None:
    """Whole numbers whole."""
    return int(of) if isinstance(of, float) and of.is_integer() else of


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
