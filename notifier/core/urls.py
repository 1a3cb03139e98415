"""An endpoint's URL as somebody typed it comes in; where exactly to connect, or what is wrong with it, goes out."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from notifier.core.addresses import Policy, why_refused

URL_CHARACTERS_MAX = 2048
_NUMERIC_LABEL = re.compile(r"(\d+|0[xX][0-9a-fA-F]*)$")
_HOST = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*$")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefusedError(ValueError):
    """A URL that is no endpoint here; the message says what to change. `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is lower case, an IPv6 address without brackets; `path` has its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def site(self) -> str:
        """What may be logged and shown: the path can be a secret."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return self.site + self.path


def parse_url(text: str, policy: Policy) -> Target:
    """Where `text` leads. Raises UrlRefusedError: url_malformed, url_scheme, url_user_info, url_port or url_address."""
    if len(text) > URL_CHARACTERS_MAX:
        raise UrlRefusedError("url_malformed", f"The URL has {len(text)} characters; {URL_CHARACTERS_MAX} is the most.")
    if not text or any(not "!" <= character <= "~" or character == "\\" for character in text):
        raise UrlRefusedError(
            "url_malformed",
            "The URL must be ASCII without spaces or backslashes: percent-encode the path, write the host in its xn-- form.",
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UrlRefusedError("url_malformed", f"The URL cannot be read ({error}); write it like https://host/path.") from None
    scheme = _scheme(parts.scheme, policy)
    if "@" in parts.netloc:
        raise UrlRefusedError("url_user_info", "The URL carries a user or password; leave out what stands before the @.")
    if "#" in text:
        raise UrlRefusedError("url_malformed", "The URL has a fragment (#…), which is never sent; leave it out.")
    host = _host(parts, policy)
    port = port if port is not None else _DEFAULT_PORTS[scheme]
    if port == 0 or (policy.ports is not None and port not in policy.ports):
        allowed = "1 to 65535" if policy.ports is None else " and ".join(map(str, sorted(policy.ports)))
        raise UrlRefusedError("url_port", f"Port {port} is not allowed here; allowed: {allowed}.")
    return Target(scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _scheme(scheme: str, policy: Policy) -> str:
    if scheme == "https" or (scheme == "http" and policy.http):
        return scheme
    if scheme == "http":
        raise UrlRefusedError("url_scheme", "http is not allowed here; use https (plain http needs HANDRAISER_ENV=development).")
    raise UrlRefusedError("url_scheme", f"'{scheme}' is not a scheme for webhooks; begin the URL https://.")


def _host(parts: SplitResult, policy: Policy) -> str:
    host = (parts.hostname or "").lower()
    bracketed = parts.netloc.startswith("[")
    if "%" in host or (not bracketed and not _HOST.match(host)):
        raise UrlRefusedError("url_malformed", f"'{host}' is not a host name; write it like https://hooks.example.com/path.")
    try:
        if bracketed:
            host = str(IPv6Address(host))
        elif _NUMERIC_LABEL.match(host.rpartition(".")[2]):
            host = str(IPv4Address(host))
        else:
            return host
    except AddressValueError:
        raise UrlRefusedError(
            "url_address", f"'{host}' is no plain IP address; write it as 192.0.2.1 or [2001:db8::1]."
        ) from None
    why = why_refused(host, policy)
    if why is not None:
        raise UrlRefusedError("url_address", f"{host} is refused: {why}. Webhooks may not go there; use a public address.")
    return host
