"""Rulebooks: immutable, numbered per project; and which partition judges by which version."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from detector import tables
from detector.core.rulebook.model import Span
from detector.store.bulk import insert
from eventlog.port import TopicPartition

ADD_TRIES = 20
"""Of two that are added at once, PostgreSQL refuses one: it is tried with the next number."""

_NUL = "\x01"
"""In a key, for a NUL: PostgreSQL has none in texts."""


@dataclass(frozen=True, slots=True)
class RulebookLine:
    """`sha256`: of the resolved text."""

    project: str
    version: int
    sha256: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredRulebook(RulebookLine):
    """`body` as it was sent, `resolved` the text that parses without any base."""

    body: str
    resolved: str


_LINE = [tables.rulebooks.c[name] for name in ("project", "version", "sha256", "created_at")]
_COLUMNS = [*_LINE, tables.rulebooks.c.body, tables.rulebooks.c.resolved]


class Rulebooks:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, project: str, body: str, resolved: str, now: int) -> StoredRulebook:
        """Store the next version; a body equal to the newest version's resolved text is that version, stored once."""
        digest = hashlib.sha256(resolved.encode()).hexdigest()
        for attempt in range(ADD_TRIES):
            newest = self.newest(project)
            if newest is not None and newest.sha256 == digest:
                return newest
            try:
                return self._add(project, body, resolved, digest, now)
            except IntegrityError:
                if attempt == ADD_TRIES - 1:
                    raise
        raise AssertionError("not reached")

    def _add(self, project: str, body: str, resolved: str, digest: str, now: int) -> StoredRulebook:
        r = tables.rulebooks.c
        number = sa.select(sa.func.coalesce(sa.func.max(r.version), 0) + 1).where(r.project == project).scalar_subquery()
        values = {"project": project, "body": body, "resolved": resolved, "sha256": digest, "created_at": now}
        with self._engine.begin() as tx:
            version = tx.execute(sa.insert(tables.rulebooks).values(version=number, **values).returning(r.version)).scalar_one()
        return StoredRulebook(project, version, digest, now, body, resolved)

    def get(self, project: str, version: int) -> StoredRulebook | None:
        r = tables.rulebooks.c
        with self._engine.connect() as tx:
            row = tx.execute(sa.select(*_COLUMNS).where(r.project == project, r.version == version)).one_or_none()
        return None if row is None else StoredRulebook(*row)

    def newest(self, project: str) -> StoredRulebook | None:
        r = tables.rulebooks.c
        query = sa.select(*_COLUMNS).where(r.project == project).order_by(r.version.desc()).limit(1)
        with self._engine.connect() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else StoredRulebook(*row)

    def all(self, project: str | None = None) -> list[RulebookLine]:
        """All versions, newest of each project first."""
        r = tables.rulebooks.c
        query = sa.select(*_LINE).order_by(r.project, r.version.desc())
        if project is not None:
            query = query.where(r.project == project)
        with self._engine.connect() as tx:
            return [RulebookLine(*row) for row in tx.execute(query)]

    def spans(self, project: str | None = None) -> dict[int, dict[str, dict[str, Span]]]:
        """Partition of `events` -> project -> what it knows of keys that were not always there, or are gone."""
        c = tables.adopted_since.c
        query = sa.select(c.partition, c.project, c.key, *(c[name] for name in Span._fields))
        if project is not None:
            query = query.where(c.project == project)
        found: dict[int, dict[str, dict[str, Span]]] = {}
        with self._engine.connect() as tx:
            for partition, name, key, *span in tx.execute(query):
                found.setdefault(partition, {}).setdefault(name, {})[key.replace(_NUL, "\0")] = Span(*span)
        return found

    def adopted(self, partition: TopicPartition) -> dict[str, int]:
        """project -> version that this partition judges by."""
        a = tables.adopted.c
        query = sa.select(a.project, a.version).where(a.topic == partition.topic, a.partition == partition.partition)
        with self._engine.connect() as tx:
            return {row[0]: row[1] for row in tx.execute(query)}

    def adoption(self, topic: str, project: str | None = None) -> dict[str, dict[int, int]]:
        """project -> partition -> version, over one topic; of all projects or of one."""
        a = tables.adopted.c
        query = sa.select(a.project, a.partition, a.version).where(a.topic == topic)
        if project is not None:
            query = query.where(a.project == project)
        found: dict[str, dict[int, int]] = {}
        with self._engine.connect() as tx:
            for name, partition, version in tx.execute(query):
                found.setdefault(name, {})[partition] = version
        return found


def write_spans(tx: sa.Connection, spans: Mapping[tuple[TopicPartition, str], Mapping[str, Span]]) -> None:
    """In place of what was known before."""
    c = tables.adopted_since.c
    for (at, project), known in spans.items():
        tx.execute(sa.delete(tables.adopted_since).where(c.partition == at.partition, c.project == project))
        rows = [(at.partition, project, key.replace("\0", _NUL), *each) for key, each in sorted(known.items())]
        insert(tx, tables.adopted_since, ("partition", "project", "key", *Span._fields), rows)


def write_adopted(tx: sa.Connection, adopted: Mapping[tuple[TopicPartition, str], int]) -> None:
    rows = [(partition.topic, partition.partition, project, version) for (partition, project), version in adopted.items()]
    conflict = "ON CONFLICT (topic, partition, project) DO UPDATE SET version = excluded.version"
    insert(tx, tables.adopted, ("topic", "partition", "project", "version"), rows, conflict)
