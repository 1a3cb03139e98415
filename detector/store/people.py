"""What the attributor keeps: which accounts a person belongs to since when, their e-mail's domains, and the events that wait."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from contracts.codec import decode, encode_event, encode_frames
from contracts.messages import RecordKind, UsageEvent
from detector import tables
from detector.changes import Changes, DomainsRow, HeldKey, LinksRow, MembershipRow
from detector.core.attribution import Held, Person
from detector.store.bulk import delete, for_each_dialect, insert, listed
from eventlog.port import TopicPartition


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that waits for its account, as `up` and health report it. `until` is partition time."""

    seq: int
    person: str
    until: int
    event: UsageEvent


def _event(value: bytes) -> UsageEvent:
    message = decode(value)
    if not isinstance(message, list) or not isinstance(message[0], UsageEvent):
        raise TypeError("a held value is not a frame of one usage event")
    return message[0]


class People:
    """Reads for the attributor's cache. Writes are part of the worker's commit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def load(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Person]:
        """(project, person) -> what is known; of those of whom something is. Four queries per project."""
        by_project: dict[str, list[str]] = defaultdict(list)
        for project, person in wanted:
            by_project[project].append(person)
        found: dict[tuple[str, str], Person] = {}
        if not by_project:
            return found
        with self._engine.connect() as tx:
            for project, names in by_project.items():
                ours = {"project": project, "names": listed(names, tx)}
                for person, account, since in tx.execute(_MEMBERSHIPS[tx.dialect.name], ours):
                    found.setdefault((project, person), Person()).memberships[account] = since
                for person, said in tx.execute(_DOMAINS[tx.dialect.name], ours):
                    found.setdefault((project, person), Person()).domains = [(at, domain) for at, domain in json.loads(said)]
                for anonymous, said in tx.execute(_LINKS[tx.dialect.name], ours):
                    found.setdefault((project, anonymous), Person()).links = [(at, person) for at, person in json.loads(said)]
                for person, id_, until, value in tx.execute(_HELD[tx.dialect.name], ours):
                    found.setdefault((project, person), Person()).held[id_] = Held(_event(value), until)
        return found

    def agenda(self, partition: TopicPartition) -> list[tuple[int, str, str]]:
        """(until, project, person) of everybody of this partition who has events waiting: the earliest of each."""
        h = tables.held.c
        query = (
            sa.select(sa.func.min(h.until), h.project, h.person)
            .where(h.topic == partition.topic, h.partition == partition.partition)
            .group_by(h.project, h.person)
        )
        with self._engine.connect() as tx:
            return [(row[0], row[1], row[2]) for row in tx.execute(query)]

    def held_by_project(self, partition: TopicPartition) -> dict[str, int]:
        """project -> how many events of this partition wait."""
        h = tables.held.c
        query = sa.select(h.project, sa.func.count()).where(h.topic == partition.topic, h.partition == partition.partition)
        with self._engine.connect() as tx:
            return {row[0]: row[1] for row in tx.execute(query.group_by(h.project))}

    def held_since(self, seq: int, limit: int = 1000) -> list[Waiting]:
        """Events that began to wait after `seq` and still do, oldest first."""
        h = tables.held.c
        query = sa.select(h.seq, h.person, h.until, h.value).where(h.seq > seq).order_by(h.seq).limit(limit)
        with self._engine.connect() as tx:
            return [Waiting(row[0], row[1], row[2], _event(row[3])) for row in tx.execute(query)]

    def held_count(self) -> int:
        with self._engine.connect() as tx:
            return tx.execute(sa.select(sa.func.count()).select_from(tables.held)).scalar_one()


_m, _e, _l, _h = tables.memberships.c, tables.email_domains.c, tables.links.c, tables.held.c
_MEMBERSHIPS = for_each_dialect(
    lambda one_of: sa.select(_m.person, _m.account, _m.since).where(
        _m.project == sa.bindparam("project"), one_of(_m.person, "names")
    )
)
_DOMAINS = for_each_dialect(
    lambda one_of: sa.select(_e.person, _e.said).where(_e.project == sa.bindparam("project"), one_of(_e.person, "names"))
)
_LINKS = for_each_dialect(
    lambda one_of: sa.select(_l.anonymous, _l.said).where(_l.project == sa.bindparam("project"), one_of(_l.anonymous, "names"))
)
_HELD = for_each_dialect(
    lambda one_of: (
        sa.select(_h.person, _h.id, _h.until, _h.value)
        .where(_h.project == sa.bindparam("project"), one_of(_h.person, "names"))
        .order_by(_h.seq)
    )
)


def write_people(tx: sa.Connection, changes: Changes) -> None:
    """Memberships keep their earliest time; events that no longer wait go, new ones come."""
    conflict = "ON CONFLICT (project, person, account) DO UPDATE SET since = excluded.since"
    rows = [(*key, since) for key, since in changes.memberships.items()]
    insert(tx, tables.memberships, MembershipRow._fields, rows, conflict)
    said = [(*key, json.dumps(each)) for key, each in changes.domains.items()]
    conflict = "ON CONFLICT (project, person) DO UPDATE SET said = excluded.said"
    insert(tx, tables.email_domains, DomainsRow._fields, said, conflict)
    said = [(*key, json.dumps(each)) for key, each in changes.links.items()]
    conflict = "ON CONFLICT (project, anonymous) DO UPDATE SET said = excluded.said"
    insert(tx, tables.links, LinksRow._fields, said, conflict)
    delete(tx, tables.held, HeldKey._fields, list(changes.released))
    insert(
        tx,
        tables.held,
        ("topic", "partition", "project", "person", "id", "until", "value"),
        [(*w.partition, key.project, key.person, key.id, w.until, _value(w.event)) for key, w in changes.held.items()],
    )


def _value(event: UsageEvent) -> bytes:
    return encode_frames(RecordKind.EVENTS, [encode_event(event)])[0]
