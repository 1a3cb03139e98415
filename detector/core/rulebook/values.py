"""Names of the rulebook in, readers of a moment out: value, message ids behind it, and the window it looks at."""

from collections.abc import Callable
from typing import Any, NamedTuple

from detector.core.facts.series import Count
from detector.core.measures import trial
from detector.core.measures.absence import AbsenceReader
from detector.core.measures.keys import measure_key
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.plan import OWN
from detector.core.measures.premium import PremiumReader
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.model import Measure


def _no_ids(_moment: Moment, _number: int) -> list[str]:
    return []


def _exact(_moment: Moment) -> bool:
    return False


class Value(NamedTuple):
    """`read` gives None for unknown. `listed`: what a text says instead of the number, for measures of names."""

    read: Callable[[Moment], Any]
    ids: Callable[[Moment, int], list[str]] = _no_ids
    window_ms: int | None = None
    at_least: Callable[[Moment], bool] = _exact
    listed: Callable[[Moment], list[str]] | None = None


def measure_value(measure: Measure, features: dict[str, str]) -> Value:
    """`features`: feature -> key of its series, for measures of `premium`."""
    if measure.kind == "absent":
        absence = AbsenceReader(measure)
        return Value(absence.value, absence.ids, measure.within_ms)
    if measure.of.builtin == "premium":
        return _premium_value(measure, PremiumReader(features, measure.window_ms))
    key, window = measure_key(measure), measure.window_ms
    if measure.kind == "last":
        return Value(
            lambda m: m.facts.series(key).last(m.t, window),
            lambda m, number: m.facts.series(key).newest_ids(m.t, min(number, 1), window),
            window,
        )

    def count(m: Moment) -> Count:
        return m.facts.distinct(key).count(m.t) if measure.kind == "distinct" else m.facts.series(key).count(m.t, window)

    def ids(m: Moment, number: int) -> list[str]:
        if measure.kind == "distinct":
            return m.facts.distinct(key).newest_ids(m.t, number)
        return m.facts.series(key).newest_ids(m.t, number, window)

    return Value(lambda m: count(m).value, ids, window, lambda m: count(m).at_least)


def _premium_value(measure: Measure, reader: PremiumReader) -> Value:
    of_value = measure.of_value if measure.kind == "distinct" else None
    return Value(
        lambda m: reader.count(m, of_value).value,
        reader.ids,
        measure.window_ms,
        lambda m: reader.count(m, of_value).at_least,
        reader.names if of_value == "feature" else None,
    )


def _of_limit(read: Callable[[LimitReader, Moment], Any]) -> Value:
    return Value(
        lambda m: None if m.limit is None else read(m.limit, m),
        lambda m, number: [] if m.limit is None else m.limit.ids(m, number),
        at_least=lambda m: m.limit is not None and m.limit.at_least(m),
    )


LIMIT_VALUES = {
    "limit.used": _of_limit(LimitReader.used),
    "limit.allowed": _of_limit(LimitReader.allowed),
    "limit.percent": _of_limit(LimitReader.percent),
    "limit.left": _of_limit(LimitReader.left),
    "limit.label": _of_limit(lambda reader, _moment: reader.limit.label),
    "limit.refused": Value(
        lambda m: None if m.limit is None else m.limit.refused(m),
        lambda m, number: [] if m.limit is None else m.limit.refused_ids(m, number),
    ),
}
STATE_VALUES = {
    "plan": Value(lambda m: m.standing.name),
    "plan.change": Value(lambda m: m.ladder.change(m.before, m.standing) or "same"),
    "stage": Value(lambda m: m.standing.stage),
    "trial.left": Value(trial.left),
    "trial.ends_on": Value(trial.ends_on),
    "event": Value(lambda m: None if m.asked is None else m.asked[0]),
}


def onboarding_values(reader: OnboardingReader | None) -> dict[str, Value]:
    if reader is None:
        return {}
    return {"onboarding.done": Value(reader.done, reader.ids), "onboarding.took": Value(reader.took, reader.ids)}


def trait_value(path: str) -> Value:
    """`account.employees`, `person.title`: as it stood at the moment; unknown if it was never said."""
    root, trait = path.split(".", 1)
    if root == "account":
        return Value(lambda m: m.facts.traits.value(OWN, trait, m.t))
    return Value(lambda m: None if m.person is None else m.facts.people.value(m.person, trait, m.t))


def property_value(index: int) -> Value:
    """A property of the explicit request at hand, kept with it at `index`."""
    return Value(lambda m: None if m.asked is None else m.asked[2][index])
