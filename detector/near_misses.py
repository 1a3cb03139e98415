"""Which accounts are nearest to qualifying, rule by rule: a project's stored accounts in, a bounded number of them read, out.

Two rounds: how near each is, without a word; then of the nearest what is missing, in words.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import Any

from detector.account_reading import AccountReading
from detector.core.account import Account
from detector.core.why.account import Asked
from detector.core.why.shape import RuleWhy
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
        program = self._reading.program(project)
        if program is None:
            raise ApiError(404, "no_rulebook", f"Project {project} has no rulebook in force: `handraiser rules apply FILE`.")
        asked = self._views.asked(program)
        names = named(asked, rule)
        accounts, there = self._store.accounts.newest(project, READ_MAX, COUNTED_MAX)
        near = self._near(asked, project, accounts, names, limit, now)
        told = self._told(asked, project, near, now)
        return NearMissList(
            project=project,
            data=[NearMissesOfRule(rule=name, accounts=told[name]) for name in names if told[name]],
            accounts_read=len(accounts),
            accounts=there,
            cut=there > len(accounts) or there == COUNTED_MAX,
        )

    def _near(  # noqa: PLR0913, PLR0917 - what is asked for, and of whom
        self, asked: Asked, project: str, accounts: Sequence[str], names: Sequence[str], limit: int, now: int
    ) -> dict[str, list[str]]:
        """Rule -> its nearest accounts."""
        found: defaultdict[str, list[tuple[int, float, str]]] = defaultdict(list)
        rules = [asked.rule(name) for name in names]
        for account in self._read(project, accounts):
            moment = asked.moment(account, max(now, account.facts.newest))
            for rule in rules:
                nearness = rule.nearness(moment)
                if nearness is not None:
                    found[rule.judged.name].append((*nearness, account.external_id))
        return {name: [external_id for _, _, external_id in nsmallest(limit, rows)] for name, rows in found.items()}

    def _told(self, asked: Asked, project: str, near: dict[str, list[str]], now: int) -> defaultdict[str, list[NearMiss]]:
        arrivals = self._views.arrivals(project)
        found: defaultdict[str, dict[str, NearMiss]] = defaultdict(dict)
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for name, accounts in near.items():
            for external_id in accounts:
                wanted[external_id].append(name)
        for account in self._read(project, list(wanted)):
            why = asked.why(account, max(now, account.facts.newest), arrivals, wanted[account.external_id])
            for each in why.rules:
                if each.stand == "misses":
                    found[each.rule][account.external_id] = _miss(account.external_id, why.account, each)
        told = defaultdict[str, list[NearMiss]](list)
        for name, accounts in near.items():
            told[name] = [found[name][each] for each in accounts if each in found[name]]
        return told

    def _read(self, project: str, accounts: Sequence[str]) -> Iterator[Account]:
        """Those of which something is stored, a chunk in memory at a time."""
        for start in range(0, len(accounts), CHUNK):
            ids = accounts[start : start + CHUNK]
            stored = self._store.accounts.load((project, each) for each in ids)
            yield from (Account.load(project, each, *stored[project, each]) for each in ids if (project, each) in stored)


def _miss(external_id: str, account: dict[str, Any], of: RuleWhy) -> NearMiss:
    return NearMiss(
        external_id=external_id,
        name=account["name"],
        plan=account["plan"],
        needs=of.needs,
        lacking=of.lacking,
        share=round(of.share, 4),
        expected_at=None if of.expected_at is None else iso(of.expected_at),
        silences=silences(of.silences),
    )
