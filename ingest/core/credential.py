"""The text of a key: made from given randomness, taken apart, compared with what is kept of it (its SHA-256)."""

import hashlib
import hmac
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Prefix: TypeAlias = Literal["wk", "ak"]
ID_LENGTH = 8
SECRET_LENGTH = 32
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and kept nowhere."""

    text: str
    id: str
    sha256: str


def make_key(prefix: Prefix, choose: Callable[[Sequence[str]], str]) -> NewKey:
    """`wk_<id>_<secret>` (write key) or `ak_<id>_<secret>` (API key). `choose` picks one at random (secrets.choice)."""
    key_id = "".join(choose(_ALPHABET) for _ in range(ID_LENGTH))
    secret = "".join(choose(_ALPHABET) for _ in range(SECRET_LENGTH))
    text = f"{prefix}_{key_id}_{secret}"
    return NewKey(text, key_id, _sha256(text))


def key_id(text: str, prefix: Prefix) -> str | None:
    """The id in a key's text; None if it is no key of that kind."""
    parts = text.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == prefix else None


def matches(text: str, sha256: str) -> bool:
    """In a time that tells nothing about how near the guess was."""
    return hmac.compare_digest(_sha256(text), sha256)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
