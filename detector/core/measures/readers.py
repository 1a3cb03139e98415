"""A measure of the rulebook in, its reader out."""

from collections.abc import Mapping
from typing import assert_never

from detector.core.measures.absence import AbsenceReader
from detector.core.measures.counted import CountedReader, DistinctReader, NewestReader
from detector.core.measures.premium import PremiumReader
from detector.core.measures.reader import Reader
from detector.core.rulebook.model import Absent, Counted, Distinct, Measure, Newest


def reader_of(measure: Measure, features: Mapping[str, str]) -> Reader:
    """`features`: feature -> key of its series, for measures of `premium`."""
    match measure:
        case Counted() if measure.of.builtin == "premium":
            return PremiumReader(features, measure.window_ms)
        case Distinct() if measure.of.builtin == "premium":
            return PremiumReader(features, measure.window_ms, measure.of_value)
        case Counted():
            return CountedReader(measure)
        case Distinct():
            return DistinctReader(measure)
        case Newest():
            return NewestReader(measure)
        case Absent():
            return AbsenceReader(measure)
        case _:
            assert_never(measure)
