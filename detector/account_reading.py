"""One account's stored facts and the rulebook in force in; both ready to be asked out."""

from typing import NamedTuple

from contracts.messages import EVENTS
from contracts.partition import partition_of
from detector.core.account import Account
from detector.core.rulebook.adoption import missing
from detector.core.rulebook.program import Program
from detector.programs import Programs
from detector.store import DetectorStore
from runtime.web import ApiError


class Found(NamedTuple):
    program: Program
    account: Account


class AccountReading:
    """Compiles each rulebook once. Safe to use from several threads."""

    def __init__(self, store: DetectorStore) -> None:
        self._store = store
        self._programs = Programs(store.rulebooks)

    def program(self, project: str) -> Program | None:
        """The newest that a partition judges by; None: the project has none yet."""
        versions = self._store.rulebooks.adoption(EVENTS, project).get(project)
        return None if versions is None else self._programs.get(project, max(versions.values()))

    def read(self, project: str, external_id: str) -> Found:
        """Raises ApiError 404 for an account of which nothing is stored."""
        program = self.program(project)
        stored = self._store.accounts.load([(project, external_id)]).get((project, external_id))
        if program is None or stored is None:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=program is not None))
        account = Account.load(project, external_id, *stored)
        if account.is_unheard_of:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=True))
        return Found(program, account)

    def waiting(self, program: Program, account: Account) -> frozenset[str]:
        """What is judged of it, and says nothing yet because the log is read again for what that rests on."""
        project = account.project
        partition = partition_of(project, account.external_id, self._store.checkpoints.topics()[EVENTS].partitions)
        known = self._store.rulebooks.spans(project).get(partition, {}).get(project, {})
        if not missing(known):
            return frozenset()
        judged = self._programs.knowing(project, program.version, known).judged
        return frozenset(name for name, each in judged.items() if each.waits_for(account.facts))


def _why_not(project: str, external_id: str, *, has_rulebook: bool) -> str:
    if not has_rulebook:
        return f"Project {project} has no rulebook in force, so nothing is kept of its accounts: `handraiser rules apply FILE`."
    return f"Nothing is known of account {external_id} in {project}: send an event with its groupId."
