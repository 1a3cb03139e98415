"""Projects, write keys and API keys: the only toucher of ingest's tables. Blocks; async callers go through a thread."""

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from contracts.messages import Trust
from ingest.core.credential import NewKey
from ingest.tables import api_keys, projects, write_keys


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


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """An API key as kept: never its text."""

    id: str
    sha256: str
    label: str
    created_at: int
    revoked_at: int | None


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
            return [Project(row.name, row.created_at) for row in tx.execute(sa.select(projects).order_by(projects.c.name))]

    def create_write_key(  # noqa: PLR0913 - the columns of a key
        self, project: str, trust: Trust, label: str, key: NewKey, now: int, *, may_import: bool = False
    ) -> StoredWriteKey:
        """Keep what recognises `key`. Raises UnknownProjectError."""
        stored = StoredWriteKey(key.id, project, key.sha256, trust, label, now, None, may_import)
        try:
            with self._engine.begin() as tx:
                tx.execute(write_keys.insert().values(asdict(stored)))
        except sa.exc.IntegrityError:  # the foreign key: ids are random
            raise UnknownProjectError(project) from None
        return stored

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
