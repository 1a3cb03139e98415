"""What a partition knows of the rulebooks that it went through: since when facts are kept and rules are judged, and what is gone.

It follows from the switches alone, so a replay finds the same.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from detector.core.facts.facts import ACTIVITY
from detector.core.instants import NEVER
from detector.core.rulebook.definitions import RULE
from detector.core.rulebook.model import Span
from detector.core.rulebook.program import KEPT_NOTHING, Kept, Program

WAY_BACK_MS: Final = 7 * 86_400_000
"""So long facts of what was removed go on being kept."""


class Switch(NamedTuple):
    """To `new`, at partition time `time`. `old` None: it is the project's first. `heard`: events of the project came before."""

    old: Program | None
    new: Program
    time: int
    heard: bool = True


def switched(known: Mapping[str, Span], switch: Switch) -> dict[str, Span]:
    """Key of facts, or of a rule -> what is known of it after the switch. Of what is not in it, nothing ever changed.

    Before a project's first rulebook nothing is kept. If nothing came either, its rules and its facts are there since ever.
    """
    old, new, time, heard = switch
    found = {key: each for key, each in known.items() if each.gone == NEVER or time - each.gone <= WAY_BACK_MS}
    if old is None:
        return dict.fromkeys({*new.keys, ACTIVITY}, Span(new.version, time)) if heard else {}
    for key in new.keys - old.keys:
        gone = found.pop(key, None)
        if gone is None:
            found[key] = Span(new.version, time)
        elif gone.version:
            found[key] = gone._replace(gone=NEVER, last=0)
    for key in old.keys - new.keys:
        begun = found.pop(key, Span())
        if not key.startswith(RULE):
            found[key] = begun._replace(gone=time, last=old.version)
    return found


def missing(known: Mapping[str, Span]) -> frozenset[str]:
    """The keys of facts that began, and for which the log was not read again yet."""
    return frozenset(
        key for key, each in known.items() if each.version and not each.filled and each.gone == NEVER and not key.startswith(RULE)
    )


def filled(known: Mapping[str, Span], version: int, since: int) -> dict[str, Span]:
    """The log was read again for all that was missing, under this version.

    `since`: the partition time of the oldest record that was there; -1: it was the first of all.
    """
    found = dict(known)
    for key in missing(known):
        each = found[key]
        found[key] = each._replace(since=since, filled=version) if since < each.since else each._replace(filled=-1)
    return found


def expire(known: Mapping[str, Span], time: int) -> dict[str, Span]:
    """Without what is gone for too long."""
    return {key: each for key, each in known.items() if each.gone == NEVER or time - each.gone <= WAY_BACK_MS}


def expires(known: Mapping[str, Span]) -> int:
    """Until when `expire` takes nothing."""
    return min((each.gone + WAY_BACK_MS for each in known.values() if each.gone != NEVER), default=NEVER)


def kept(known: Mapping[str, Span], program: Callable[[int], Program]) -> Kept:
    """What is gone and still kept. `program`: of a version, whatever it knows."""
    gone = {key: each.last for key, each in known.items() if each.gone != NEVER}
    return _kept((program(version) for version in sorted(set(gone.values()))), gone) if gone else KEPT_NOTHING


def _kept(programs: Iterable[Program], gone: Mapping[str, int]) -> Kept:
    programs = list(programs)
    return Kept(
        tuple(sink for each in programs for sink in each.sinks if gone.get(sink.key) == each.version),
        frozenset(key for key in gone if key.startswith(("account.", "person."))),
        acting=any(each.acting and gone.get(each.acting) == each.version for each in programs),
    )
