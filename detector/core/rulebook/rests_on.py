"""What a partition knows of facts in; what is judged, with whether it rests on facts that are still to be gathered, out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.periods import Periods
from detector.core.measures.reader import Reader
from detector.core.measures.usage import LimitReader
from detector.core.measures.warming import Begun
from detector.core.rulebook.adoption import missing
from detector.core.rulebook.judged import ACTING, Judged, Start
from detector.core.rulebook.model import Limit, Score, Span
from detector.core.rulebook.values import Value
from detector.core.rulebook.warm import of_limits, warm_billed, warm_plan, warm_readers, warm_score, warm_state


class Sources(NamedTuple):
    """Of the names of a rulebook. `said`: the key of what is said of the plan. `billed`: names that count by billing period."""

    values: Mapping[str, Value]
    readers: Mapping[str, Reader]
    onboarding: OnboardingReader | None
    features: Mapping[str, str]
    limits: Mapping[str, Limit]
    periods: Periods
    score: Score | None
    said: str
    billed: frozenset[str]
    billing_day: str | None
    addons: bool


class Rests:
    """Of one rulebook."""

    def __init__(self, known: Mapping[str, Span], of: Sources) -> None:
        by_version: dict[int, set[str]] = {}
        for key, span in known.items():
            if span.filled > 0:
                by_version.setdefault(span.filled, set()).add(key)
        self._missing = _On(missing(known), of)
        self._filled = {version: _On(keys, of) for version, keys in sorted(by_version.items())}

    def told(self, every: Iterable[Judged], starts: Mapping[str, Start | None]) -> dict[str, Judged]:
        """By name: each with when it starts, and with what it, or what it follows, rests on. `starts`: of each rule."""
        found = {each.name: self._alone(each, starts[each.rule.name]) for each in every}
        ahead = [each.name for each in found.values() if each.follows]
        while ahead:
            changed = {name: each for name in ahead if (each := _with_leaders(found[name], found)) != found[name]}
            found |= changed
            ahead = [name for name in ahead if changed]
        return found

    def _alone(self, judged: Judged, start: Start | None) -> Judged:
        rests_on = [version for version, on in self._filled.items() if on.is_under(judged) or on.has(judged.asked_key)]
        # What happens now is known whatever happened before: a request need not wait for those of long ago.
        waits = start is not None and self._missing.is_under(judged)
        return replace(judged, start=start, waits=waits, filled=max(rests_on, default=0))


def _with_leaders(judged: Judged, found: Mapping[str, Judged]) -> Judged:
    leaders = [found[name] for name in judged.follows if name in found]
    waits = judged.waits or (judged.start is not None and any(each.waits for each in leaders))
    return replace(judged, waits=waits, filled=max([judged.filled, *(each.filled for each in leaders)]))


class _On:
    """These keys."""

    def __init__(self, keys: Collection[str], of: Sources) -> None:
        begun = {key: Begun(1, 0) for key in keys}
        partly = of_limits(begun, addons=of.addons), of.billing_day
        readers = {name: LimitReader(limit, of.periods, None, *partly) for name, limit in of.limits.items()}
        billed = warm_billed(of.billed, begun, of.billing_day)
        self._keys, self._plan = frozenset(keys), of.said in begun
        self._limits = {name for name, reader in readers.items() if reader.warming or _keeps(reader, begun)}
        names = {
            *billed,
            *warm_readers(of.values, of.readers, begun, of.said),
            *warm_state(of.values, of.onboarding, of.features, begun),
        }
        # The newest value is known from the first one on that is kept, and yet it may be another one than it was.
        names |= {name for name, reader in of.readers.items() if _keeps(reader, begun)}
        names |= warm_plan(of.values, begun[of.said]).keys() if self._plan else set()
        names |= warm_score(of.score, of.values, of.readers, readers, begun, billed).keys() if of.score is not None else set()
        self._names = names

    def has(self, key: str | None) -> bool:
        return key in self._keys

    def is_under(self, judged: Judged) -> bool:
        """Under its conditions, and the limit that it is for."""
        if judged.limits and (self._plan or not self._limits.isdisjoint(judged.limits)):
            return True
        return not self._names.isdisjoint(judged.behind) or (judged.of_person and ACTING in self._keys)


def _keeps(reader: Reader | LimitReader, begun: Collection[str]) -> bool:
    return any(sink.key in begun for sink in reader.sinks)
