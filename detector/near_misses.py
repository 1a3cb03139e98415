"""Which accounts are nearest to qualifying, rule by rule: a project's stored accounts in, a bounded number of them read, out.

Two rounds: how near each is, without a word; then of the nearest what is missing, in words.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from detector.account_reading import AccountReading, InForce
from detector.core.account import Account
from detector.core.why.account import Asked
from detector.core.why.shape import RuleWhy
from detector.core.why.sleeping import Arrivals, asleep
from detector.shapes import iso
from detector.store import DetectorStore
from detector.why_shapes import NearMiss, NearMissesOfRule, NearMissList
from detector.why_view import WhyViews, named, silences
from runtime.web import ApiError

READ_MAX = 2_000
"""So many accounts are read, those with the newest events."""
COUNTED_MAX = 1_000_000
"""Among so many of the project's."""
CHUNK = 200
"""At a time."""


class NearMisses:
    def __init__(self, store: DetectorStore, reading: AccountReading, views: WhyViews) -> None:
        self._store = store
        self._reading = reading
        self._views = views

    def find(self, project: str, rule: str | None, limit: int, now: int) -> NearMissList:
        """Of each rule the `limit` nearest. Raises ApiError 404: there is no rulebook in force, or no such rule."""
        in_force = self._reading.in_force(project)
        if in_force is None:
            raise ApiError(404, "no_rulebook", f"Project {project} has no rulebook in force: `handraiser rules apply FILE`.")
        search = _Search(self._store, project, in_force, self._views, self._views.arrivals(project), now)
        accounts, there = self._store.accounts.newest(project, READ_MAX, COUNTED_MAX)
        told = search.told(search.near(accounts, named(self._views.asked(in_force.plain), rule), limit))
        return NearMissList(
            project=project,
            data=[NearMissesOfRule(rule=name, accounts=rows) for name, rows in told.items() if rows],
            accounts_read=len(accounts),
            accounts=there,
            cut=there > len(accounts) or there == COUNTED_MAX,
        )


@dataclass(frozen=True, slots=True)
class _Search:
    store: DetectorStore
    project: str
    in_force: InForce
    views: WhyViews
    arrivals: Arrivals
    now: int

    def near(self, accounts: Sequence[str], names: Sequence[str], limit: int) -> dict[str, list[str]]:
        """Rule -> its nearest of these accounts. A rule that is asleep has none."""
        plain = self.in_force.plain
        awake = [name for name in names if not asleep(plain.judged[name], plain.rulebook, self.arrivals)]
        found: dict[str, list[tuple[tuple[int, int, float], str]]] = {name: [] for name in awake}
        for account in self._read(accounts):
            asked = self._asked(account)
            moment = asked.moment(account, self._now(account))
            for name in awake:
                nearness = asked.rule(name).nearness(moment)
                if nearness is not None:
                    found[name].append((nearness, account.external_id))
        return {name: [external_id for _, external_id in nsmallest(limit, rows)] for name, rows in found.items()}

    def told(self, near: dict[str, list[str]]) -> dict[str, list[NearMiss]]:
        """The same with what is missing. Who has qualified meanwhile is left out."""
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for name, accounts in near.items():
            for external_id in accounts:
                wanted[external_id].append(name)
        found: dict[tuple[str, str], NearMiss] = {}
        for account in self._read(list(wanted)):
            external_id = account.external_id
            why = self._asked(account).why(account, self._now(account), self.arrivals, wanted[external_id])
            missed = (each for each in why.rules if each.stand == "misses")
            found.update({(each.rule, external_id): _miss(why.account, each) for each in missed})
        return {name: [found[name, each] for each in ids if (name, each) in found] for name, ids in near.items()}

    def _asked(self, account: Account) -> Asked:
        return self.views.asked(self.in_force.of(account.external_id))

    def _now(self, account: Account) -> int:
        return max(self.now, account.facts.newest)

    def _read(self, accounts: Sequence[str]) -> Iterator[Account]:
        """Those of which something is stored, a chunk in memory at a time."""
        for start in range(0, len(accounts), CHUNK):
            ids = accounts[start : start + CHUNK]
            stored = self.store.accounts.load((self.project, each) for each in ids)
            rows = ((each, stored.get((self.project, each))) for each in ids)
            yield from (Account.load(self.project, each, *row) for each, row in rows if row is not None)


def _miss(account: dict[str, Any], of: RuleWhy) -> NearMiss:
    return NearMiss(
        external_id=account["external_id"],
        name=account["name"],
        plan=account["plan"],
        needs=of.needs,
        lacking=of.lacking,
        share=round(of.share, 4),
        expected_at=None if of.expected_at is None else iso(of.expected_at),
        silences=silences(of.silences),
    )
