"""One rule of an account at a moment in; whether it holds, what is missing, and what would have to happen, out.

Whether it holds is what `holds` (verdict.py) says, which judges; nothing here decides anything.
"""

from dataclasses import dataclass
from statistics import fmean

from detector.core.account import Account
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.program import Program
from detector.core.timeline import lead_type_of
from detector.core.verdict import holds
from detector.core.why import phrases, silences
from detector.core.why.parts import Asking
from detector.core.why.probe import Probe, probes
from detector.core.why.shape import LimitStand, Part, Request, RuleWhy, Signalled, Stand
from detector.core.why.sleeping import Arrivals, asleep
from detector.core.why.steps import limit_stand, step_part, to_next, used


@dataclass(frozen=True, slots=True)
class RuleAsked:
    """A rule, ready to be asked of any account; made once."""

    program: Program
    judged: Judged
    probes: tuple[Probe, ...]

    @classmethod
    def of(cls, program: Program, judged: Judged) -> "RuleAsked":
        return cls(program, judged, probes(program, judged))

    def why(self, account: Account, moment: Moment, arrivals: Arrivals | None) -> RuleWhy:
        """`moment`: of the account; it is looked at by the rule."""
        judged = self.judged
        held = holds(judged, moment).held
        requested = judged.look(moment)
        stand_of_limit = None if judged.limit is None else limit_stand(judged, judged.limit, moment)
        parts = self._parts(moment, stand_of_limit, requested=requested)
        sleeps = () if held is True else asleep(judged, self.program.rulebook, arrivals)
        stand = self._stand(moment, held, requested=requested, sleeps=bool(sleeps))
        lacking, share = _nearness(parts)
        lead_type = lead_type_of(judged.rule, moment.standing.stage)
        return RuleWhy(
            rule=judged.name,
            lead_type=lead_type,
            stand=stand,
            holds=held,
            needs=self._needs(parts, stand_of_limit, moment, stand, sleeps),
            lacking=lacking,
            share=share,
            parts=parts,
            limit=stand_of_limit,
            request=self._request(moment),
            asleep=sleeps,
            signalled=self._signalled(account),
            silences=silences.of_rule(self.program, account, judged, moment, lead_type),
        )

    def nearness(self, moment: Moment) -> tuple[int, int, float] | None:
        """How near the account of a moment is to it: the same that `why` finds, and nothing else.

        None: it holds, or it is not near: it waits for a request, the plan caps nothing there, all is still to be done, or to
        something that is missing there is no way.
        """
        judged = self.judged
        if judged.asked_key is not None or holds(judged, moment).held is True:
            return None
        judged.look(moment)
        stand = None if judged.limit is None else limit_stand(judged, judged.limit, moment)
        if self._stand(moment, None, requested=True, sleeps=False) == "uncapped":
            return None
        parts = self._parts(moment, stand, requested=True, in_words=False)
        lacking, share = _nearness(parts)
        nothing_yet = share >= 1 and all(part.missing for part in parts)
        return None if nothing_yet or not all(part.way for part in parts) else (0, lacking, share)

    def _parts(self, moment: Moment, stand: LimitStand | None, *, requested: bool, in_words: bool = True) -> tuple[Part, ...]:
        judged, asking = self.judged, Asking(self.program, self.judged, moment, requested, in_words)
        first: tuple[Part, ...] = ()
        if judged.stepped and judged.limit is not None and stand is not None:
            first = (step_part(self.program, judged, judged.limit, stand, moment),)
        if judged.asked_key is not None:
            first = (self._request_part(moment, requested=requested),)
        return (*first, *(asking.part(probe) for probe in self.probes))

    def _request_part(self, moment: Moment, *, requested: bool) -> Part:
        names = " or ".join(name for name, _ in self.judged.rule.event)
        needs = "" if requested else f"waits for {_of_product(self.judged)}; {self._last(moment)}"
        newest = moment.facts.series(self.judged.asked_key or "").newest_ids(moment.t, 1)
        return Part(
            f"event: {names}",
            requested,
            not requested,
            needs=needs,
            message_ids=newest,
            share=0.0 if requested else 1.0,
            way=requested,
        )

    def _request(self, moment: Moment) -> Request | None:
        if self.judged.asked_key is None:
            return None
        terms = [term for _, selector in self.judged.rule.event for term in selector.terms]
        names = tuple(dict.fromkeys(term.page or term.name for term in terms))
        return Request(names, moment.facts.series(self.judged.asked_key).newest_time(moment.t))

    def _last(self, moment: Moment) -> str:
        at = moment.facts.series(self.judged.asked_key or "").newest_time(moment.t)
        return "never happened" if at is None else f"last happened {phrases.day(at, moment.t)}"

    def _stand(self, moment: Moment, held: bool | None, *, requested: bool, sleeps: bool) -> Stand:
        judged, limit = self.judged, self.judged.limit
        if held is True:
            return "holds"
        if sleeps:
            return "asleep"
        if judged.asked_key is not None and not requested:
            return "waits"
        no_cap = limit is not None and judged.stepped and moment.standing.plan is not None and limit.allowed(moment) is None
        return "uncapped" if no_cap else "misses"

    def _needs(
        self, parts: tuple[Part, ...], stand: LimitStand | None, moment: Moment, how: Stand, sleeps: tuple[str, ...]
    ) -> str:
        if sleeps:
            return "; ".join(sleeps)
        if how != "holds":
            open_ = dict.fromkeys(part.needs for part in parts if part.missing and not _of_request_alone(part, how))
            own = "" if stand is None or self.judged.stepped else f"{used(stand)}: "
            return own + "; ".join(open_)
        if stand is None or stand.next_step is None:
            return ""
        return f"{used(stand)}; {to_next(stand, moment)}"

    def _signalled(self, account: Account) -> Signalled | None:
        state = account.ledger.rules.get(self.judged.name)
        last = None if state is None else state.last
        if state is None or last is None:
            return None
        return Signalled(last.qualified_at, last.step, last.lead_id, last.silent, state.n)


def _nearness(parts: tuple[Part, ...]) -> tuple[int, float]:
    shares = [part.share for part in parts if part.missing]
    return sum(part.lacking for part in parts), fmean(shares) if shares else 0.0


def _of_request_alone(part: Part, how: Stand) -> bool:
    """Of a request that is still to come nobody can know: no news."""
    return how == "waits" and part.needs.endswith(phrases.OF_A_REQUEST)


def _of_product(judged: Judged) -> str:
    terms = [term for _, selector in judged.rule.event for term in selector.terms]
    return " or ".join(f"`{name}`" for name in dict.fromkeys(term.page or term.name for term in terms))
