"""JSON of an event in, values that facts can keep out: numbers, short texts, bools; anything else is as if it were not there."""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

TEXT_MAX = 1_024
"""Characters of a text that is kept. A longer one is no value to compare with."""
ITEMS_MAX = 50
"""Of a list; in all its items have at most TEXT_MAX characters."""
UNREADABLE: dict[str, Any] = {}
"""Stands for what is there and cannot be compared with anything: an object, a text or list that is too long."""
COUNTED_WHOLE_MAX = 64
"""Characters of a text that is only counted: thousands are kept, so of longer ones a hash."""
SUMMAND_MAX = 1e15
_WHOLE_MAX = 2**53


def number(value: object) -> float | None:
    """A finite number. Beyond ± 2^53 as a float, so that every reader can hold it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > _WHOLE_MAX:
        try:
            return float(value)
        except OverflowError:
            return None
    return value if abs(value) < float("inf") else None


def summand(value: object) -> float | None:
    """What may be added to a sum: 0 to 1e15. Use only grows, so what is negative is no use."""
    found = number(value)
    return found if found is not None and 0 <= found <= SUMMAND_MAX else None


def scalar(value: object) -> float | str | bool | None:
    if isinstance(value, str):
        return value if len(value) <= TEXT_MAX else None
    return value if isinstance(value, bool) else number(value)


def kept(value: object) -> Any:
    """What conditions can look at: a plain value, or a list of such. None: there is nothing; UNREADABLE: something else."""
    if isinstance(value, list):
        items = [item for item in map(scalar, value[: ITEMS_MAX + 1]) if item is not None]
        short = len(value) <= ITEMS_MAX and sum(len(item) for item in items if isinstance(item, str)) <= TEXT_MAX
        return items if short else UNREADABLE
    plain = scalar(value)
    return UNREADABLE if plain is None and value is not None else plain


def countable(value: object) -> float | str | None:
    """What distinct values are told apart by. A bool becomes text, for in Python True and 1 are one key; a long text a hash."""
    kept = scalar(value)
    if isinstance(kept, str) and len(kept) > COUNTED_WHOLE_MAX:
        return blake2b(kept.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return str(kept).lower() if isinstance(kept, bool) else kept


def visits(path: object, url: object, page: str) -> bool:
    """Whether a page with this path, or with this address, is `page`, or begins with it if it ends in *."""
    if not isinstance(path, str):
        if not isinstance(url, str):
            return False
        try:
            path = urlsplit(url).path or "/"
        except ValueError:
            return False
    return path.startswith(page[:-1]) if page.endswith("*") else path == page


def dig(value: Any, path: tuple[str, ...]) -> Any:
    """The member at `path` inside nested objects, or None."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
