"""What came of one attempt: the receiver's answer, or the kind of failure, and what its owner can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """Why an attempt was not a delivery. Stored and shown: names never change."""

    URL_REFUSED = "url_refused"
    DNS_FAILED = "dns_failed"
    DNS_TIMEOUT = "dns_timeout"
    ADDRESS_REFUSED = "address_refused"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    HEADERS_TIMEOUT = "headers_timeout"
    CLOSED = "closed"
    NOT_HTTP = "not_http"
    REDIRECT = "redirect"
    GONE = "gone"
    TOO_LARGE = "too_large"
    HTTP_STATUS = "http_status"


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's end. `status` None: no answer came, then `error` says why. Phases in milliseconds, None: not reached.

    A kept connection has neither `dns_ms` nor `connect_ms`. `body` is the head of the answer's body.
    """

    status: int | None = None
    error: ErrorKind | None = None
    detail: str = ""
    """What the failing call said: never a URL, key or body."""
    retry_after: str | None = None
    address: str | None = None
    dns_ms: int | None = None
    connect_ms: int | None = None
    headers_ms: int | None = None
    ms: int = 0
    body: bytes = b""

    @property
    def delivered(self) -> bool:
        """Only 2xx is a delivery."""
        return self.error is None


def error_of(status: int) -> ErrorKind | None:
    """The kind of failure that an HTTP status is; None for 2xx."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return ErrorKind.REDIRECT
    return {410: ErrorKind.GONE, 413: ErrorKind.TOO_LARGE}.get(status, ErrorKind.HTTP_STATUS)


REMEDIES = {
    ErrorKind.URL_REFUSED: "This URL is not allowed here: make the endpoint again with another one.",
    ErrorKind.DNS_FAILED: "The host name has no address: check its spelling and its DNS records.",
    ErrorKind.DNS_TIMEOUT: "Looking up the host name took over 2 s: check its name servers.",
    ErrorKind.ADDRESS_REFUSED: "The host name leads to an address that webhooks may not reach: use a public one.",
    ErrorKind.CONNECT_FAILED: "Nothing accepts connections there: start the receiver, or correct the port.",
    ErrorKind.CONNECT_TIMEOUT: "The receiver did not accept the connection within 5 s: check its firewall and load.",
    ErrorKind.TLS_FAILED: "TLS failed: the certificate must be valid, complete with its chain, and made out to this host.",
    ErrorKind.HEADERS_TIMEOUT: "The receiver took over 15 s to answer: answer 2xx first and do the work afterwards.",
    ErrorKind.CLOSED: "The receiver closed the connection without an answer: look into its log at this time.",
    ErrorKind.NOT_HTTP: "What answered does not speak HTTP/1.1: check scheme and port.",
    ErrorKind.REDIRECT: "The receiver redirects, and webhooks do not follow: make the endpoint again with the final URL.",
    ErrorKind.GONE: "The receiver said 410 Gone, so the endpoint was disabled: enable it when the receiver is back.",
    ErrorKind.TOO_LARGE: "The receiver refuses bodies of this size (413): let it accept 64 KiB.",
}


def remedy(error: ErrorKind, status: int | None, detail: str = "") -> str:
    """What to do, for the receiver's owner. `detail`: the answer's."""
    if error is ErrorKind.ADDRESS_REFUSED and detail:
        return f"{REMEDIES[error]} It is {detail}."
    if error is not ErrorKind.HTTP_STATUS:
        return REMEDIES[error]
    if status in (401, 403):
        return f"The receiver answers {status}: verify the signature with this endpoint's secret, and ask for nothing else."
    if status in (404, 405):
        return f"The receiver answers {status}: check the URL's path and that it takes POST."
    if status == 429:
        return "The receiver is over its rate limit (429): let it say Retry-After, or raise the limit."
    return f"The receiver answers {status}: look into its log at this time."
