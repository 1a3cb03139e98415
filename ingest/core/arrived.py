"""Which events arrive, by type and name: those of requests in, so many of each, of a bounded number of names, out."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from contracts.messages import UsageEvent

NAMES_MAX: Final = 500
"""Of a project. What is new beyond is counted together, for some clients put ids into names."""
NAME_MAX: Final = 200
"""Characters of a name that are kept."""
OTHERS: Final = ("other", "")
"""Type and name of all that is beyond."""


class Named(NamedTuple):
    """`name`: the empty text for what has none."""

    project: str
    type: str
    name: str


def counted(events: Iterable[UsageEvent]) -> dict[Named, int]:
    """Once for each request, so not with a Counter, which costs a request of one event more than its event."""
    found: dict[tuple[str, str, str | None], int] = {}
    for event in events:
        said = event.project, event.type, event.name
        found[said] = found.get(said, 0) + 1
    counts: dict[Named, int] = {}
    for (project, type_, name), number in found.items():
        named = Named(project, type_, _kept(name))
        counts[named] = counts.get(named, 0) + number
    return counts


def within_bounds(counts: Counter[Named], known: Collection[Named]) -> Counter[Named]:
    """Names beyond NAMES_MAX as OTHERS. `known`: those that have a row already."""
    names = Counter(each.project for each in known if (each.type, each.name) != OTHERS)
    bounded: Counter[Named] = Counter()
    for named, count in counts.items():
        if named not in known:
            if names[named.project] >= NAMES_MAX:
                bounded[Named(named.project, *OTHERS)] += count
                continue
            names[named.project] += 1
        bounded[named] += count
    return bounded


def _kept(name: str | None) -> str:
    """As a database can keep it."""
    return "" if name is None else name[:NAME_MAX].replace("\0", "")
