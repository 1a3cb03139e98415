"""One account's stored facts in; what the API says of it out, told by the same functions that fill a webhook."""

from detector.account_reading import AccountReading
from detector.core import who
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.offer import features_data, usage_data
from detector.core.payload import onboarding_data
from detector.core.rulebook.program import Program
from detector.lead_views import line
from detector.shapes import AccountView, AccountWarming, iso
from detector.store import DetectorStore

LEADS_MAX = 100


class AccountViews:
    """Safe to use from several threads."""

    def __init__(self, store: DetectorStore, reading: AccountReading) -> None:
        self._store = store
        self._reading = reading

    def view(self, project: str, external_id: str, now: int) -> AccountView:
        """Raises ApiError 404 for an account of which nothing is stored."""
        program, account = self._reading.read(project, external_id)
        t = max(now, account.facts.newest)
        moment = Moment(account.facts, program.ladder, t, overrides=account.ledger.overrides, rules=account.ledger.rules)
        leads = self._store.leads.newest(project, external_id, LEADS_MAX)
        known = who.account(moment, external_id)
        return AccountView(
            project=project,
            **{name: known[name] for name in ("external_id", "name", "domain", "plan", "stage", "customer_since")},
            usage=usage_data(program, moment),
            onboarding=onboarding_data(program, moment),
            features=features_data(program, moment),
            people=who.people(program, moment, account.ledger, asker=None, trigger=None),
            leads=[line(row) for row in leads],
            warming=_warming(program, moment),
        )


def _warming(program: Program, moment: Moment) -> list[AccountWarming]:
    """Of a limit its use; of other values by the name that a rulebook has for them."""
    found = {name: reader.warms(moment) for name, reader in program.limits.items()}
    named = {"onboarding.done": "onboarding", "plan": "plan"} | {name: name for name in program.rulebook.measures}
    named |= {path: path for path in program.values if path.startswith("account.")}
    found |= {told: program.values[path].warms(moment) for path, told in named.items() if path in program.values}
    return [
        AccountWarming(name=name, since=iso(warm.since), until=None if warm.until >= NEVER else iso(warm.until))
        for name, warm in found.items()
        if warm is not None
    ]
