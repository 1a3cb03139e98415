"""Two JSON values in; where they differ, as paths that a person can follow, out."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple


class _Absent:
    """There is nothing at this place, which is not the same as null."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()


class Difference(NamedTuple):
    """`path`: `data.evidence[0].value`, empty for the whole. ABSENT where one side has no such place."""

    path: str
    stored: Any
    recomputed: Any


def differences(stored: Any, recomputed: Any, path: str = "") -> Iterator[Difference]:
    """In the order of `recomputed`, then what only `stored` has. 1 and 1.0 differ, as their bytes do."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        for key in [*recomputed, *(key for key in stored if key not in recomputed)]:
            yield from differences(stored.get(key, ABSENT), recomputed.get(key, ABSENT), f"{path}.{key}" if path else str(key))
    elif isinstance(stored, list) and isinstance(recomputed, list):
        for n in range(max(len(stored), len(recomputed))):
            yield from differences(_nth(stored, n), _nth(recomputed, n), f"{path}[{n}]")
    elif type(stored) is not type(recomputed) or stored != recomputed:
        yield Difference(path, stored, recomputed)


def _nth(values: list[Any], n: int) -> Any:
    return values[n] if n < len(values) else ABSENT
