"""One account's stored facts in; what the API says of it out, told by the same functions that fill a webhook."""

from contracts.messages import EVENTS
from detector.core import who
from detector.core.account import Account
from detector.core.measures.moment import Moment
from detector.core.offer import features_data, usage_data
from detector.core.payload import onboarding_data
from detector.lead_views import line
from detector.programs import Programs
from detector.shapes import AccountView
from detector.store import DetectorStore
from runtime.web import ApiError

LEADS_MAX = 100


class AccountViews:
    """Compiles each rulebook once. Safe to use from several threads."""

    def __init__(self, store: DetectorStore) -> None:
        self._store = store
        self._programs = Programs(store.rulebooks)

    def view(self, project: str, external_id: str, now: int) -> AccountView:
        """Raises ApiError 404 for an account of which nothing is stored."""
        versions = self._store.rulebooks.adoption(EVENTS, project).get(project)
        stored = self._store.accounts.load([(project, external_id)]).get((project, external_id))
        if versions is None or stored is None:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=versions is not None))
        program = self._programs.get(project, max(versions.values()))
        account = Account.load(project, external_id, *stored)
        if account.is_unheard_of:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=True))
        t = max(now, account.facts.newest)
        moment = Moment(account.facts, program.ladder, t, overrides=account.ledger.overrides)
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
        )


def _why_not(project: str, external_id: str, *, has_rulebook: bool) -> str:
    if not has_rulebook:
        return f"Project {project} has no rulebook in force, so nothing is kept of its accounts: `handraiser rules apply FILE`."
    return f"Nothing is known of account {external_id} in {project}: send an event with its groupId."
