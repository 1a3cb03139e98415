"""A lead in, the end of an address that only we can make out; and back: whoever has the link may see the lead and answer it."""

import hashlib
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

Action: TypeAlias = Literal["accept", "reject", "snooze"]
ACTIONS: Final[tuple[Action, ...]] = ("accept", "reject", "snooze")
PATH: Final = "/leads/"
DAYS: Final = 30
"""A link is good for so long after the message was made that has it."""
_POSSIBLE: Final[dict[str, tuple[Action, ...]]] = {
    "open": ACTIONS,
    "accepted": ("reject", "snooze"),
    "opportunity": ("reject", "snooze"),
}
"""By a lead's status."""


class LinkError(Exception):
    """It leads nowhere. `expired`: it did once."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "not ours")
        self.expired = expired


class Links:
    """`keys`: secrets of ours, of whatever length; the first signs, all are good. `clock`: epoch ms. `base_url`: where people
    reach us.
    """

    def __init__(self, keys: tuple[str, ...], base_url: str, clock: Callable[[], int]) -> None:
        self._base_url = base_url.rstrip("/")
        self._signer = _Signer(keys, clock)

    def of(self, lead_id: str, status: str) -> dict[str, str | None]:
        """The `links` of a lead's message: null for what cannot be said of a lead of this status."""
        token = self._signer.sign(lead_id).decode()
        lead = f"{self._base_url}{PATH}{token}"
        possible = _POSSIBLE.get(status, ())
        return {"lead": lead, **{action: f"{lead}/{action}" if action in possible else None for action in ACTIONS}}

    def lead_id(self, token: str) -> str:
        """Raises LinkError."""
        try:
            return self._signer.unsign(token, max_age=DAYS * 86_400).decode()
        except SignatureExpired:
            raise LinkError(expired=True) from None
        except (BadSignature, UnicodeDecodeError):
            raise LinkError(expired=False) from None


class _Signer(TimestampSigner):
    def __init__(self, keys: tuple[str, ...], clock: Callable[[], int]) -> None:
        newest_last = keys[::-1]
        super().__init__(newest_last, salt=b"handraiser lead link", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return self._clock() // 1000
