"""Projects, keys, and which events arrive: the only toucher of ingest's tables. Blocks; async callers go through a thread."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from contracts.messages import Trust
from ingest.core.arrived import Named
from ingest.core.credential import NewKey
from ingest.core.project import AS_MADE, ProjectSettings
from ingest.tables import api_keys, arrived, projects, write_keys


class ProjectExistsError(Exception):
    """A project of that name is there already."""


class UnknownProjectError(Exception):
    """No project of that name."""


class UnknownKeyError(Exception):
    """No key of that id."""


@dataclass(frozen=True, slots=True)
class Project:
    name: str
    created_at: int
    settings: ProjectSettings = AS_MADE


@dataclass(frozen=True, slots=True)
class StoredWriteKey:
    """A write key as kept: never its text."""

    id: str
    project: str
    sha256: str
    trust: Trust
    label: str
    created_at: int
    revoked_at: int | None
    may_import: bool = False
    """Whether it may send history. Only a server key may."""
    expires_at: int | None = None
    """From then on it is refused; None: never."""
    events_per_s: int | None = None
    """How many events may be sent with it; None: as many as come. Of each ingest process."""
    address_events_per_s: int | None = None
    """The same of each address that sends with it."""

    def is_good(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """An API key as kept: never its text."""

    id: str
    sha256: str
    label: str
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """How often events of a name came, and when they did first and last. `name`: the empty text for what has none."""

    type: str
    name: str
    number: int
    first_seen: int
    last_seen: int


class IngestStore:
    """`now` is epoch milliseconds everywhere."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create_project(self, name: str, now: int) -> Project:
        """Raises ProjectExistsError."""
        try:
            with self._engine.begin() as tx:
                tx.execute(projects.insert().values(name=name, created_at=now))
        except sa.exc.IntegrityError:
            raise ProjectExistsError(name) from None
        return Project(name, now)

    def projects(self) -> list[Project]:
        """By name."""
        with self._engine.connect() as tx:
            rows = tx.execute(sa.select(projects).order_by(projects.c.name))
            return [Project(row.name, row.created_at, _settings(row.settings)) for row in rows]

    def set_project(self, name: str, changes: Mapping[str, Any]) -> Project:
        """Change some of a project's settings (names as in ProjectSettings). Raises UnknownProjectError."""
        mine = projects.c.name == name
        with self._engine.begin() as tx:
            row = tx.execute(sa.select(projects).where(mine).with_for_update()).one_or_none()
            if row is None:
                raise UnknownProjectError(name)
            changed = msgspec.structs.replace(_settings(row.settings), **changes)
            tx.execute(projects.update().where(mine).values(settings=msgspec.json.encode(changed).decode()))
        return Project(row.name, row.created_at, changed)

    def create_write_key(self, key: StoredWriteKey) -> StoredWriteKey:
        """Keep what recognises a key. Raises UnknownProjectError."""
        try:
            with self._engine.begin() as tx:
                tx.execute(write_keys.insert().values(asdict(key)))
        except sa.exc.IntegrityError:  # the foreign key: ids are random
            raise UnknownProjectError(key.project) from None
        return key

    def rotate_write_key(self, key_id: str, fresh: NewKey, now: int, until: int) -> StoredWriteKey:
        """A new key in place of one that is good until `until`, no longer. Raises UnknownKeyError: none of that id is good."""
        mine = write_keys.c.id == key_id
        with self._engine.begin() as tx:
            row = tx.execute(sa.select(write_keys).where(mine).with_for_update()).one_or_none()
            if row is None or not (old := StoredWriteKey(**row._mapping)).is_good(now):
                raise UnknownKeyError(key_id)
            ends = until if old.expires_at is None else min(until, old.expires_at)
            tx.execute(write_keys.update().where(mine).values(expires_at=ends))
            made = replace(old, id=fresh.id, sha256=fresh.sha256, created_at=now, expires_at=None)
            tx.execute(write_keys.insert().values(asdict(made)))
        return made

    def write_keys(self, project: str | None = None) -> list[StoredWriteKey]:
        """All, revoked ones too, oldest first."""
        query = sa.select(write_keys).order_by(write_keys.c.created_at, write_keys.c.id)
        if project is not None:
            query = query.where(write_keys.c.project == project)
        with self._engine.connect() as tx:
            return [StoredWriteKey(**row._mapping) for row in tx.execute(query)]

    def revoke_write_key(self, key_id: str, now: int) -> StoredWriteKey:
        """From `now` on the key is refused; one that was revoked before stays as it was. Raises UnknownKeyError."""
        mine = write_keys.c.id == key_id
        with self._engine.begin() as tx:
            tx.execute(write_keys.update().where(mine, write_keys.c.revoked_at.is_(None)).values(revoked_at=now))
            row = tx.execute(sa.select(write_keys).where(mine)).one_or_none()
        if row is None:
            raise UnknownKeyError(key_id)
        return StoredWriteKey(**row._mapping)

    def create_api_key(self, label: str, key: NewKey, now: int) -> StoredApiKey:
        stored = StoredApiKey(key.id, key.sha256, label, now, None)
        with self._engine.begin() as tx:
            tx.execute(api_keys.insert().values(id=key.id, sha256=key.sha256, label=label, created_at=now))
        return stored

    def api_keys(self) -> list[StoredApiKey]:
        """All, revoked ones too, oldest first."""
        with self._engine.connect() as tx:
            query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
            return [StoredApiKey(**row._mapping) for row in tx.execute(query)]

    def revoke_api_key(self, key_id: str, now: int) -> None:
        """Raises UnknownKeyError."""
        mine = api_keys.c.id == key_id
        with self._engine.begin() as tx:
            changed = tx.execute(api_keys.update().where(mine).values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, now)))
        if changed.rowcount == 0:
            raise UnknownKeyError(key_id)

    def arrived_names(self, of: Iterable[str]) -> set[Named]:
        """Those of the projects `of` that have a row."""
        query = sa.select(arrived.c.project, arrived.c.type, arrived.c.name).where(arrived.c.project.in_(list(of)))
        with self._engine.connect() as tx:
            return {Named(*row) for row in tx.execute(query)}

    def add_arrived(self, counts: Counter[Named], now: int) -> None:
        """Add to what is there."""
        rows = [{**named._asdict(), "number": n, "first_seen": now, "last_seen": now} for named, n in sorted(counts.items())]
        insert = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(arrived)
        new = insert.excluded
        with self._engine.begin() as tx:
            more = {"number": arrived.c.number + new.number, "last_seen": new.last_seen}
            tx.execute(insert.on_conflict_do_update(index_elements=["project", "type", "name"], set_=more), rows)

    def arrived(self, project: str) -> list[Arrived]:
        query = sa.select(arrived).where(arrived.c.project == project)
        with self._engine.connect() as tx:
            rows = tx.execute(query)
            return [Arrived(row.type, row.name, row.number, row.first_seen, row.last_seen) for row in rows]


def _settings(text: str) -> ProjectSettings:
    return msgspec.json.decode(text, type=ProjectSettings)
