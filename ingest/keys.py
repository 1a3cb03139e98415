"""All keys in memory: a key's text comes in, whose it is goes out, without a look at the database."""

import asyncio
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import sqlalchemy as sa

from ingest.core.credential import key_id, matches
from ingest.core.project import AS_MADE, ProjectSettings
from ingest.store import IngestStore, Project, StoredApiKey, StoredWriteKey
from runtime.clock import Clock

REFRESH_S = 2.0
_log = logging.getLogger("ingest")


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is known of keys: no secret, but what recognises one."""

    write_keys: list[StoredWriteKey] = field(default_factory=list)
    api_keys: list[StoredApiKey] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)


class KeyRing:
    """Knows nothing before the first `refresh`. With the database down, the keys known last go on working.

    `copy`: a file for what was known last, so that they do even in a process that starts while it is down.
    """

    def __init__(self, store: IngestStore, clock: Clock, copy: Path | None = None) -> None:
        self._store = store
        self._clock = clock
        self._copy = copy
        self._refreshing = threading.Lock()
        self._known: _Known | None = None
        self._write_keys: dict[str, StoredWriteKey] = {}
        self._api_keys: dict[str, StoredApiKey] = {}
        self._settings: dict[str, ProjectSettings] = {}

    def refresh(self) -> None:
        """Read all keys again. Blocks; raises what SQLAlchemy raises, and then keeps what it had.

        One reads at a time: what was read before a key was made must not take the place of what was read after.
        """
        with self._refreshing:
            known = _Known(self._store.write_keys(), self._store.api_keys(), self._store.projects())
            if known != self._known:
                self._take(known)
                if self._copy is not None:
                    _write(self._copy, msgspec.json.encode(known))

    def remember(self) -> bool:
        """Take what was known last, from the copy. False: there is none."""
        try:
            self._take(msgspec.json.decode(self._copy.read_bytes() if self._copy is not None else b"", type=_Known))
        except (OSError, msgspec.MsgspecError):
            return False
        return True

    async def keep_fresh(self) -> None:
        """Refresh every REFRESH_S until cancelled, so that keys made or revoked by another process count here too."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.to_thread(self.refresh)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("keys not refreshed; those known before go on working", extra={"outcome": type(error).__name__})

    def write_key(self, text: str) -> StoredWriteKey | None:
        """The write key with this text, if it is good now."""
        key = self.once(text)
        return key if key is not None and key.is_good(self._clock()) else None

    def once(self, text: str) -> StoredWriteKey | None:
        """The write key with this text, be it good or not any more."""
        key = self._write_keys.get(key_id(text, "wk") or "")
        return key if key is not None and matches(text, key.sha256) else None

    def by_id(self, key_id: str) -> StoredWriteKey | None:
        """The write key with this id, be it good or not any more."""
        return self._write_keys.get(key_id)

    def api_key(self, text: str) -> bool:
        """Whether this is the text of an API key that is good now."""
        key = self._api_keys.get(key_id(text, "ak") or "")
        return key is not None and key.revoked_at is None and matches(text, key.sha256)

    def settings(self, project: str) -> ProjectSettings:
        """How the project wants its events read."""
        return self._settings.get(project, AS_MADE)

    def _take(self, known: _Known) -> None:
        self._known = known
        self._api_keys = {key.id: key for key in known.api_keys}
        self._settings = {project.name: project.settings for project in known.projects}
        self._write_keys = {key.id: key for key in known.write_keys}


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for its owner only. That it cannot be written is said, and stops nothing."""
    fresh = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError as error:
        _log.warning("the copy of the keys is not written", extra={"outcome": "disk", "detail": str(error)})
