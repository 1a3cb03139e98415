"""Extra headers of an endpoint as somebody typed them come in; those that are sent, or what is wrong with them, go out.

They are for receivers behind a gateway and may be secrets: no message here has a value in it.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

HEADERS_MAX = 10
BYTES_MAX = 4096
"""Of all names and values together."""
HIDDEN = b"[hidden]"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
_OURS = re.compile(
    r"(webhook|content|proxy)-.*|accept|accept-encoding|connection|cookie|cookie2|date|expect|host|http2-settings|keep-alive|"
    r"set-cookie|te|trailer|transfer-encoding|upgrade|user-agent|via"
)


class HeaderRefusedError(ValueError):
    """A header that may not be sent; the message says what to change."""


def extra_headers(wanted: Mapping[str, str]) -> dict[str, str]:
    """By lower-case name. Raises HeaderRefusedError."""
    if len(wanted) > HEADERS_MAX:
        raise HeaderRefusedError(f"An endpoint has at most {HEADERS_MAX} extra headers.")
    headers: dict[str, str] = {}
    for number, (name, value) in enumerate(wanted.items(), 1):
        key = name.lower()
        if not _NAME.fullmatch(name):
            raise HeaderRefusedError(f"Header {number} has no name of a header: letters, digits and hyphens, at most 100.")
        if _OURS.fullmatch(key):
            raise HeaderRefusedError(f"{key} is set by us or by the connection: leave it out.")
        if key in headers:
            raise HeaderRefusedError(f"{key} is there twice: say it once.")
        if not _VALUE.fullmatch(value):
            raise HeaderRefusedError(f"The value of {key} must be printable ASCII, with no space at its ends and no line break.")
        headers[key] = value
    if sum(len(name) + len(value) for name, value in headers.items()) > BYTES_MAX:
        raise HeaderRefusedError(f"The extra headers have over {BYTES_MAX} bytes together: say less.")
    return headers


def hide(body: bytes, headers: Mapping[str, str], url: str) -> bytes:
    """The beginning of an answer that says back what we sent, without the values of our headers and what follows the URL's host.

    Of `Bearer abc` also without `abc`; of the URL each part between delimiters, as sent and decoded.
    """
    said = [part for value in headers.values() for part in (value, value.split()[-1])]
    _, _, path, query, _ = urlsplit(url)
    said += [part for sent in re.split(r"[/?&=;]", f"{path}?{query}") for part in (sent, unquote(sent))]
    for secret in sorted(said, key=len, reverse=True):
        if len(secret) >= len(HIDDEN):  # a shorter one is no secret, and may be in any text
            body = body.replace(secret.encode(), HIDDEN)
    return body
