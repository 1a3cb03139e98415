"""A request's headers and the key in its body in; the one good write key out, or a 401 or 403 that says why not."""

import base64
import binascii
from collections.abc import Mapping

from ingest.keys import KeyRing
from ingest.store import StoredWriteKey
from runtime.web import ApiError

IMPORT_HEADER = "x-handraiser-import"
"""With an import's id: what the request carries is history."""
_SEND = "Send a write key (`wk_…`) as the Basic user name, as a Bearer token, in X-Write-Key, or as `writeKey` in the body."


def find_key(headers: Mapping[str, str], body_key: str | None, keys: KeyRing) -> StoredWriteKey:
    """The key to send with; `headers` have small letters in their names.

    Raises ApiError 401: `missing_key`, `unknown_key`, `revoked_key`, `expired_key`, `different_keys`.
    """
    texts = [text for text in (*_authorization(headers), headers.get("x-write-key", "").strip(), body_key) if text]
    good = {text: key for text in texts if (key := keys.write_key(text)) is not None}
    if len(good) > 1:
        raise _unauthorized("different_keys", "This request carries two different write keys. Send one.")
    for key in good.values():
        return key
    for old in (key for text in texts if (key := keys.once(text)) is not None):
        if old.revoked_at is not None:
            raise _unauthorized("revoked_key", "This write key was revoked. Use another: `handraiser keys create`.")
        raise _unauthorized("expired_key", "This write key has expired. Use the one that took its place, or make another.")
    if texts:
        raise _unauthorized("unknown_key", f"This write key is not known here. {_SEND}")
    raise _unauthorized("missing_key", f"A write key is missing. {_SEND}")


def check_may_import(key: StoredWriteKey) -> None:
    """Raises ApiError 403 `import_not_allowed`."""
    if not key.may_import:
        raise ApiError(
            403,
            "import_not_allowed",
            f"The write key wk_{key.id}_… may not send history. Make one that may: "
            f"`handraiser keys create --project {key.project} --may-import`.",
        )


def _authorization(headers: Mapping[str, str]) -> list[str]:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return [value.strip()]
    if scheme.lower() != "basic":
        return []
    try:
        user, _, _ = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return []
    return [user]


def _unauthorized(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, headers={"WWW-Authenticate": 'Basic realm="write key"'})
