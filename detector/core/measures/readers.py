"""A measure of the rulebook in, its reader out."""

from collections.abc import Mapping
from typing import assert_never

from detector.core.measures.absence import AbsenceReader
from detector.core.measures.calculated import CalculatedReader
from detector.core.measures.compared import EarlierReader, RisingReader, weekly
from detector.core.measures.counted import CountedReader, NewestReader
from detector.core.measures.different import distinct_reader
from detector.core.measures.firsts import ElapsedReader, SinceReader
from detector.core.measures.periods import Periods
from detector.core.measures.premium import PremiumReader
from detector.core.measures.reader import Reader
from detector.core.measures.steps import StepsReader
from detector.core.measures.streak import StreakReader
from detector.core.measures.windows import looks
from detector.core.rulebook.measured import Absent, Calculated, Counted, Distinct, Elapsed, Measure, Newest, Since, Steps, Streak


def reader_of(measure: Measure, features: Mapping[str, str], periods: Periods) -> Reader:  # noqa: PLR0911  one per kind
    """`features`: feature -> key of its series, for measures of `premium`."""
    match measure:
        case Counted() if measure.of.builtin == "premium":
            return PremiumReader(features, looks(measure.window, periods))
        case Distinct() if measure.of.builtin == "premium":
            return PremiumReader(features, looks(measure.window, periods), measure.of_value, periods.zone)
        case Counted():
            return CountedReader(measure, looks(measure.window, periods))
        case Distinct():
            return distinct_reader(measure, looks(measure.window, periods), periods)
        case Newest():
            return NewestReader(measure, looks(measure.window, periods))
        case Calculated():
            return CalculatedReader(measure, looks(measure.window, periods))
        case Streak():
            return StreakReader(measure, periods)
        case Since():
            return SinceReader(measure)
        case Elapsed():
            return ElapsedReader(measure)
        case Steps():
            return StepsReader(measure)
        case Absent():
            return AbsenceReader(measure)
        case _:
            assert_never(measure)


def reader_of_name(path: str, measures: Mapping[str, Measure], features: Mapping[str, str], periods: Periods) -> Reader:
    """Of a measure, or of what is said of one: `imports`, `imports.earlier`, `imports.rising_weeks`."""
    name, _, attribute = path.partition(".")
    measure = measures[name]
    if attribute == "rising_weeks":
        return RisingReader(reader_of(weekly(measure), features, periods), periods)
    reader = reader_of(measure, features, periods)
    if attribute == "earlier" and isinstance(measure, Counted | Distinct | Newest | Calculated):
        return EarlierReader(reader, looks(measure.window, periods))
    return reader
