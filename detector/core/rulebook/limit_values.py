"""The names of the limit at hand, as conditions and texts read them."""

from collections.abc import Callable, Iterable
from typing import Any

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.forecast import drawn_until, full_at, full_in, next_full
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.values import Value


def limit_values(readers: Iterable[LimitReader]) -> dict[str, Value]:
    """`readers`: of all limits of the rulebook. A rule for each limit reads any of them by the same names."""
    presence = max((reader.presence for reader in readers), default=Course.STILL)
    use = max(presence, Course.FALLS)
    return {
        "limit.used": _of_limit(LimitReader.used, use)._replace(worded=_amount),
        "limit.allowed": _of_limit(LimitReader.allowed, presence)._replace(worded=_amount, warms=_of_use_alone),
        "limit.percent": _of_limit(LimitReader.percent, use),
        "limit.left": _of_limit(LimitReader.left, Course.MOVES)._replace(worded=_amount),
        "limit.label": _of_limit(lambda reader, _moment: reader.limit.label, Course.STILL)._replace(warms=_of_use_alone),
        "limit.worst": _of_limit(LimitReader.worst, presence),
        "limit.full_in": _of_limit(full_in, Course.MOVES, next_full)._replace(
            until=lambda m: 0 if m.limit is None else drawn_until(m.limit, m)
        ),
        "limit.full_on": _of_limit(_full_on, Course.MOVES, next_full),
        "limit.refused": Value(
            lambda m: None if m.limit is None else m.limit.refused(m),
            lambda m: NEVER if m.limit is None else m.limit.next(m),
            lambda m, number: [] if m.limit is None else m.limit.refused_ids(m, number),
            course=presence,
            warms=lambda m: None if m.limit is None else m.limit.refusals_warm(m),
        ),
    }


def _of_limit(
    read: Callable[[LimitReader, Moment], Any], course: Course, following: Callable[[LimitReader, Moment], int] = LimitReader.next
) -> Value:
    return Value(
        lambda m: None if m.limit is None else read(m.limit, m),
        lambda m: NEVER if m.limit is None else following(m.limit, m),
        lambda m, number: [] if m.limit is None else m.limit.ids(m, number),
        at_least=lambda m: m.limit is not None and m.limit.at_least(m),
        course=course,
        warms=lambda m: None if m.limit is None else m.limit.warms(m),
    )


def _of_use_alone(_moment: Moment) -> None:
    """What is allowed, and how it is called, hangs on no event that is counted."""


def _full_on(limit: LimitReader, moment: Moment) -> str | None:
    at = full_at(limit, moment)
    return None if at is None else words.day(at)


def _amount(moment: Moment, value: Any) -> str:
    """In the unit of the limit."""
    unit = None if moment.limit is None else moment.limit.limit.unit
    return "unknown" if value is None else words.amount(value, unit)
