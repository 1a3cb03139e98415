"""One account's stored facts and the rulebook in force in; both ready to be asked out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from contracts.messages import EVENTS
from contracts.partition import partition_of
from detector.core.account import Account
from detector.core.rulebook.model import Span
from detector.core.rulebook.program import Program
from detector.programs import Programs
from detector.store import DetectorStore
from runtime.web import ApiError


class Found(NamedTuple):
    program: Program
    account: Account


@dataclass(frozen=True, slots=True)
class InForce:
    """The newest version that a partition of a project judges by; of each account with what its own partition knows in part."""

    programs: Programs
    project: str
    version: int
    partitions: int
    spans: Mapping[int, Mapping[str, Mapping[str, Span]]]

    @property
    def plain(self) -> Program:
        """As if all had always been known."""
        return self.programs.get(self.project, self.version)

    def of(self, external_id: str) -> Program:
        """Of one account: what is warming is unknown to it, or known in part, as it is where it is judged."""
        partition = partition_of(self.project, external_id, self.partitions)
        return self.programs.knowing(self.project, self.version, self.spans.get(partition, {}).get(self.project, {}))


class AccountReading:
    """Compiles each rulebook once. Safe to use from several threads."""

    def __init__(self, store: DetectorStore) -> None:
        self._store = store
        self._programs = Programs(store.rulebooks)

    def in_force(self, project: str) -> InForce | None:
        """None: the project has no rulebook yet."""
        versions = self._store.rulebooks.adoption(EVENTS, project).get(project)
        if versions is None:
            return None
        partitions = self._store.checkpoints.topics()[EVENTS].partitions
        return InForce(self._programs, project, max(versions.values()), partitions, self._store.rulebooks.spans(project))

    def read(self, project: str, external_id: str) -> Found:
        """Raises ApiError 404 for an account of which nothing is stored."""
        in_force = self.in_force(project)
        stored = self._store.accounts.load([(project, external_id)]).get((project, external_id))
        if in_force is None or stored is None:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=in_force is not None))
        account = Account.load(project, external_id, *stored)
        if account.is_unheard_of:
            raise ApiError(404, "account_not_found", _why_not(project, external_id, has_rulebook=True))
        return Found(in_force.of(external_id), account)


def _why_not(project: str, external_id: str, *, has_rulebook: bool) -> str:
    if not has_rulebook:
        return f"Project {project} has no rulebook in force, so nothing is kept of its accounts: `handraiser rules apply FILE`."
    return f"Nothing is known of account {external_id} in {project}: send an event with its groupId."
