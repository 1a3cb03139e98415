"""One account and a time in; why it is, or is not, a lead, out: all rules, the score, and what keeps sales from being told."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from detector.core import heat, who
from detector.core.account import Account
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import ACTING
from detector.core.rulebook.program import Program
from detector.core.why import silences
from detector.core.why.rules import RuleAsked
from detector.core.why.shape import AccountWhy, RuleWhy
from detector.core.why.sleeping import Arrivals

_ORDER = {"holds": 0, "misses": 1, "waits": 2, "uncapped": 3, "asleep": 4}


class Asked:
    """One rulebook version, ready to say why. Immutable but for what it has made; threads may share it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._rules: dict[str, RuleAsked] = {}

    def rule(self, name: str) -> RuleAsked:
        """Of what is judged by that name; KeyError: nothing is."""
        found = self._rules.get(name)
        if found is None:
            found = self._rules[name] = RuleAsked.of(self.program, self.program.judged[name])
        return found

    def named(self, name: str | None) -> list[str]:
        """What is judged by a rule's name, of a rule for each limit all; or by its own: `limit/contacts`. None: everything."""
        every = self.program.judged
        return [each for each in every if name is None or each == name or each.startswith(f"{name}/")]

    def moment(self, account: Account, t: int) -> Moment:
        return Moment(account.facts, self.program.ladder, t, overrides=account.ledger.overrides, rules=account.ledger.rules)

    def why(self, account: Account, t: int, arrivals: Arrivals | None = None, rules: Iterable[str] | None = None) -> AccountWhy:
        """`t`: epoch ms, not before the account's newest event. `arrivals` None: what is asleep for want of events is not known.

        `rules`: of these only, by what is judged.
        """
        moment = self.moment(account, t)
        found = [self.rule(name).why(account, moment, arrivals) for name in (self.program.judged if rules is None else rules)]
        score, temperature, person = self._score(account, moment)
        moment.limit, moment.asked, moment.person = None, None, person
        return AccountWhy(
            account=who.account(moment, account.external_id),
            at=t,
            rulebook_version=self.program.version,
            rules=sorted(found, key=_place),
            silences=silences.of_account(self.program, account, moment),
            score=score,
            temperature=temperature,
            scored_person=person,
            segments=heat.segments(self.program, moment),
        )

    def _score(self, account: Account, moment: Moment) -> tuple[dict[str, Any] | None, str | None, str | None]:
        """With how hot that makes its strongest lead, or would make one of now; and whom it counts."""
        lead = min(account.ledger.open_leads.values(), key=lambda each: self.program.rank(each.lead_type), default=None)
        person = _acting(moment) if lead is None else heat.about(lead, moment).person
        found = heat.scored(self.program, replace(moment, limit=None, asked=None, person=person))
        if self.program.score is None or found is None:
            return None, _told(lead), person
        temperature = self.program.score.band(found.total) if lead is None else lead.temperature
        return heat.score_data(found), temperature, person


def _told(lead: OpenLead | None) -> str | None:
    return None if lead is None else lead.temperature


def _acting(moment: Moment) -> str | None:
    """Whose doing it would be: who acted last, where that is kept, else the most active."""
    last = moment.facts.series(ACTING).last(moment.t)
    return last if isinstance(last, str) else moment.facts.activity.most_active()


def _place(why: RuleWhy) -> tuple[int, int, int, float]:
    return _ORDER[why.stand], *why.nearness
