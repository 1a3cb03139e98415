"""All keys in memory: a key's text comes in, whose it is goes out, without a look at the database."""

import asyncio
import logging

import sqlalchemy as sa

from ingest.core.credential import key_id, matches
from ingest.store import IngestStore, StoredApiKey, StoredWriteKey

REFRESH_S = 2.0
_log = logging.getLogger("ingest")


class KeyRing:
    """Knows nothing before the first `refresh`. With the database down, the keys known last go on working."""

    def __init__(self, store: IngestStore) -> None:
        self._store = store
        self._write_keys: dict[str, StoredWriteKey] = {}
        self._api_keys: dict[str, StoredApiKey] = {}

    def refresh(self) -> None:
        """Read all keys again. Blocks; raises what SQLAlchemy raises, and then keeps what it had."""
        write_keys = {key.id: key for key in self._store.write_keys()}
        self._api_keys = {key.id: key for key in self._store.api_keys()}
        self._write_keys = write_keys

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
        key = self._find(text)
        return key if key is not None and key.revoked_at is None else None

    def is_revoked(self, text: str) -> bool:
        """Whether this was a good write key once."""
        key = self._find(text)
        return key is not None and key.revoked_at is not None

    def api_key(self, text: str) -> bool:
        """Whether this is the text of an API key that is good now."""
        key = self._api_keys.get(key_id(text, "ak") or "")
        return key is not None and key.revoked_at is None and matches(text, key.sha256)

    def _find(self, text: str) -> StoredWriteKey | None:
        key = self._write_keys.get(key_id(text, "wk") or "")
        return key if key is not None and matches(text, key.sha256) else None
