"""Which add-ons an account has, as its trait `addons` says: JSON in, one text that facts keep and compare out."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from detector.core.rulebook.decode import TEXT_MAX

ADDONS = "addons"
"""The trait."""
MANY = 1_000_000
_NAME_MAX = 64


def canonical(value: Any) -> str | None:
    """`["pack", "seats"]`, `{"pack": 1, "seats": 1}` and `"pack, seats"` are `pack:1,seats:1`; nothing of use is none: ``.

    None: too long to be kept.
    """
    counts: Counter[str] = Counter()
    for name, number in _said(value):
        if name and len(name) <= _NAME_MAX and not {",", ":"} & set(name):
            counts[name] = min(counts[name] + number, MANY)
    text = ",".join(f"{name}:{number}" for name, number in sorted(counts.items()) if number)
    return text if len(text) <= TEXT_MAX else None


def _said(value: Any) -> Iterator[tuple[str, int]]:
    if isinstance(value, str):
        yield from ((name.strip(), 1) for name in value.split(","))
    elif isinstance(value, list):
        yield from ((name.strip(), 1) for name in value if isinstance(name, str))
    elif isinstance(value, dict):
        yield from ((name.strip(), _number(number)) for name, number in value.items())


def _number(value: Any) -> int:
    """Whole ones, at least none; true is one."""
    return min(int(value), MANY) if isinstance(value, int | float) and 0 < value < float("inf") else 0


@lru_cache(maxsize=4096)
def counts_in(text: object) -> tuple[tuple[str, int], ...]:
    """Of such a text: (name, how many)."""
    pairs = (each.partition(":") for each in text.split(",")) if isinstance(text, str) and text else ()
    return tuple((name, int(number)) for name, _, number in pairs if number.isdecimal())
