"""The body as a page sends it without asking first (a form, or base64) in; the JSON in it out.

posthog-js: `data=<base64>` in a form, sent where the page is being left. Others send base64 alone.
"""

import base64
import binascii
from urllib.parse import unquote_to_bytes

_FIELD = b"data="
_JSON = (b"{", b"[")
_BASE64 = ((b"%3D", b"="), (b"%3d", b"="), (b"%2F", b"/"), (b"%2f", b"/"))
"""What is escaped of base64, but for the plus, which means something else in a form."""
ESCAPES_MAX = 500_000
"""Each becomes an object for a moment. Of base64 of 10 MiB one character in 64 is a plus."""


def unwrapped(body: bytes) -> bytes:
    """What is no form and no base64 of JSON stays as it is, for the parser to judge."""
    if body.startswith(_FIELD):
        value, _, _ = body[len(_FIELD) :].partition(b"&")
        for escape, plain in _BASE64:
            value = value.replace(escape, plain)
        if value.count(b"%") > ESCAPES_MAX:
            return body
        body = unquote_to_bytes(value)
        if _is_json(body):
            return unquote_to_bytes(value.replace(b"+", b" "))  # a space, in a form; in base64 it is a plus
    if _is_json(body):
        return body
    try:
        inside = base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError):
        return body
    return inside if _is_json(inside) else body


def _is_json(body: bytes) -> bool:
    return body.lstrip()[:1] in _JSON
