"""What of an endpoint must not lie in clear, its URL, secrets and extra headers, comes in; it goes out sealed, and back."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from notifier.core.signing import KEY_BYTES, secret_of
from notifier.tables import endpoints
from notifier.vault import Vault

SECRETS_MAX = 4
"""That sign at a time: each makes the header longer."""


class TooManySecretsError(Exception):
    """As many as may be sign already."""


class _Secret(msgspec.Struct, frozen=True, omit_defaults=True):
    """One signing secret of an endpoint, and when it ends; None: with the next rotation."""

    secret: str
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """In clear. `secrets`: those that sign now, the newest first."""

    url: str
    secrets: list[str]
    headers: dict[str, str]


class Secrets:
    """Part of NotifierStore: `store.secrets`."""

    def __init__(self, engine: sa.Engine, writing: Callable[[], AbstractContextManager[sa.Connection]], vault: Vault) -> None:
        self._engine = engine
        self._writing = writing
        self._vault = vault

    def make(self, url: str, headers: Mapping[str, str]) -> tuple[dict[str, bytes | None], str]:
        """The sealed columns of a new endpoint, and its secret."""
        secret = secret_of(secrets.token_bytes(KEY_BYTES))
        sealed = {"url": self._vault.seal(url), "secrets": self._seal([_Secret(secret)])}
        return {**sealed, "headers": self._seal(headers) if headers else None}, secret

    def opened(self, row: sa.Row[Any], now: int) -> Opened:
        """Of a row that has the sealed columns. Raises MasterKeyError."""
        headers = {} if row.headers is None else msgspec.json.decode(self._vault.open(row.headers), type=dict[str, str])
        return Opened(self._vault.open(row.url), [each.secret for each in self._secrets(row.secrets, now)], headers)

    def opened_endpoint(self, endpoint_id: str, now: int) -> Opened | None:
        """Of an endpoint, whatever its state but deleted. Raises MasterKeyError."""
        row = self._row(endpoint_id)
        return None if row is None else self.opened(row, now)

    def check_master_key(self) -> None:
        """Raises MasterKeyError if anything was sealed with a key that we do not have. For the start of a process."""
        with self._engine.connect() as tx:
            for row in tx.execute(_SEALED):
                self.opened(row, 0)

    def rotate(self, endpoint_id: str, ends_at: int, now: int) -> str | None:
        """A new secret; those that sign now do so until `ends_at`, no longer. None: there is no such endpoint.

        Raises TooManySecretsError, MasterKeyError.
        """
        new = _Secret(secret_of(secrets.token_bytes(KEY_BYTES)))
        while (row := self._row(endpoint_id)) is not None:
            old = [
                _Secret(each.secret, ends_at if each.ends_at is None else min(each.ends_at, ends_at))
                for each in self._secrets(row.secrets, now)
                if ends_at > now
            ]
            if len(old) >= SECRETS_MAX:
                raise TooManySecretsError
            if self._swap(row, {"secrets": self._seal([new, *old])}):
                return new.secret
        return None

    def reseal(self) -> int:
        """Seal with the first master key what was sealed with another one; how many endpoints. Raises MasterKeyError.

        Each by itself: where it breaks off, the next time goes on.
        """
        resealed = 0
        with self._engine.connect() as tx:
            rows = tx.execute(_SEALED).all()
        for row in rows:
            found: sa.Row[Any] | None = row
            while found is not None and (changes := self._resealed(found)):
                if self._swap(found, changes):
                    resealed += 1
                found = self._row(row.id)
        return resealed

    def _resealed(self, row: sa.Row[Any]) -> dict[str, bytes]:
        sealed = {name: getattr(row, name) for name in _COLUMNS}
        return {name: self._vault.reseal(text) for name, text in sealed.items() if text and not self._vault.is_newest(text)}

    def _swap(self, row: sa.Row[Any], changes: dict[str, bytes]) -> bool:
        """Unless somebody else has changed them meanwhile."""
        same = [endpoints.c[name] == getattr(row, name) for name in ("id", *_COLUMNS)]
        with self._writing() as tx:
            return tx.execute(endpoints.update().where(*same).values(changes)).rowcount == 1

    def _row(self, endpoint_id: str) -> sa.Row[Any] | None:
        with self._engine.connect() as tx:
            return tx.execute(_SEALED.where(endpoints.c.id == endpoint_id)).one_or_none()

    def _secrets(self, sealed: bytes, now: int) -> list[_Secret]:
        kept = msgspec.json.decode(self._vault.open(sealed), type=list[_Secret])
        return [each for each in kept if each.ends_at is None or now < each.ends_at]

    def _seal(self, kept: object) -> bytes:
        return self._vault.seal(msgspec.json.encode(kept).decode())


_COLUMNS = ("url", "secrets", "headers")
_SEALED = sa.select(endpoints.c.id, *(endpoints.c[name] for name in _COLUMNS)).where(endpoints.c.status != "deleted")
