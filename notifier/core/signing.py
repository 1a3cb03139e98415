"""Secrets, an id, a time and a body come in; the three headers of Standard Webhooks go out (github.com/standard-webhooks)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix is public
KEY_BYTES = 32


def secret_of(key: bytes) -> str:
    """The secret as a receiver keeps it: `whsec_` and the padded base64 of KEY_BYTES random bytes. Raises ValueError."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a signing key has {KEY_BYTES} bytes, not {len(key)}")
    return SECRET_PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign: the *decoded* rest of the secret. Raises ValueError if it is not `whsec_` and base64."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"a signing secret begins {SECRET_PREFIX}")
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is whsec_ and base64") from None


def signed_headers(secrets: Sequence[str], webhook_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`: one `v1,…` for each secret, the newest first."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    signatures = ["v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }
