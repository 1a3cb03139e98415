"""What a partition knows of facts in; what is judged, with whether it rests on facts that are still to be gathered, out."""

from collections.abc import Collection, Mapping
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
from detector.core.rulebook.warm import warm_plan, warm_readers, warm_score, warm_state


class Sources(NamedTuple):
    """Of the names of a rulebook. `said`: the key of what is said of the plan."""

    values: Mapping[str, Value]
    readers: Mapping[str, Reader]
    onboarding: OnboardingReader | None
    features: Mapping[str, str]
    limits: Mapping[str, Limit]
    periods: Periods
    score: Score | None
    said: str


class Rests:
    """Of one rulebook."""

    def __init__(self, known: Mapping[str, Span], of: Sources) -> None:
        by_version: dict[int, set[str]] = {}
        for key, span in known.items():
            if span.filled > 0:
                by_version.setdefault(span.filled, set()).add(key)
        self._missing = _On(missing(known), of)
        self._filled = {version: _On(keys, of) for version, keys in sorted(by_version.items())}

    def told(self, judged: Judged, start: Start | None) -> Judged:
        """With when it starts, and with what it rests on."""
        filled = max(
            (version for version, on in self._filled.items() if on.is_under(judged) or on.has(judged.asked_key)), default=0
        )
        # What happens now is known whatever happened before: a request need not wait for those of long ago.
        return replace(judged, start=start, waits=start is not None and self._missing.is_under(judged), filled=filled)


class _On:
    """These keys."""

    def __init__(self, keys: Collection[str], of: Sources) -> None:
        begun = {key: Begun(1, 0) for key in keys}
        readers = {name: LimitReader(limit, of.periods, None, begun) for name, limit in of.limits.items()}
        self._keys, self._plan = frozenset(keys), of.said in begun
        self._limits = {name for name, reader in readers.items() if any(sink.key in begun for sink in reader.sinks)}
        names = {*warm_readers(of.values, of.readers, begun, of.said), *warm_state(of.values, of.onboarding, of.features, begun)}
        names |= warm_plan(of.values, begun[of.said]).keys() if self._plan else set()
        names |= warm_score(of.score, of.values, of.readers, readers, begun).keys() if of.score is not None else set()
        self._names = names

    def has(self, key: str | None) -> bool:
        return key in self._keys

    def is_under(self, judged: Judged) -> bool:
        """Under its conditions, and the limit that it is for."""
        if judged.limits and (self._plan or not self._limits.isdisjoint(judged.limits)):
            return True
        return not self._names.isdisjoint(judged.behind) or (judged.of_person and ACTING in self._keys)
