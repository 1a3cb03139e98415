"""A rule and the events that ever arrived in; what keeps it asleep, out, with what a missing event may be called now."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from detector.core.rulebook.asleep import reasons_of
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.suggesting import known_names, nearest
from detector.core.rulebook.waiting import never_arrived


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The names of all track events of a project that ever arrived. `whole` False: there were too many to keep them all."""

    names: Collection[str]
    whole: bool = True
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is judged -> what keeps it asleep: it is the same of all accounts."""


def asleep(judged: Judged, rulebook: Rulebook, arrivals: Arrivals | None) -> tuple[str, ...]:
    """Sentences; none: it is awake, as far as anybody knows. `arrivals` None: nobody counted."""
    if arrivals is None:
        return tuple(_sentences(judged, rulebook, None))
    if judged.name not in arrivals.found:
        arrivals.found[judged.name] = tuple(_sentences(judged, rulebook, arrivals))
    return arrivals.found[judged.name]


def _sentences(judged: Judged, rulebook: Rulebook, arrivals: Arrivals | None) -> Iterator[str]:
    limit = None if judged.limit is None else judged.limit.limit
    unmapped = [name for name, selector in judged.rule.event if not selector.terms]
    if unmapped and len(unmapped) == len(judged.rule.event):
        yield f"`events` does not map {' or '.join(unmapped)}"
    yield from reasons_of(judged.rule, limit, rulebook)
    if arrivals is None or not arrivals.whole:
        return
    missing = never_arrived(judged.rule, limit, rulebook, arrivals.names)
    known = known_names(rulebook) if missing else frozenset[str]()
    strangers = [name for name in arrivals.names if name not in known] if missing else []
    for names in missing:
        near = next(filter(None, (nearest(name, strangers) for name in names)), None)
        first, *more = (f"`{name}`" for name in names)
        others = f", nor {' or '.join(more)}" if more else ""
        yield f"{first} has never arrived{others}. Renamed{f' to `{near}`' if near is not None else ''}?"
