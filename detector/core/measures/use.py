"""How much of a limit is used at a moment: one reader for each kind of limit."""

from collections.abc import Callable

from detector.core.facts.series import DAY_MS, Count, Series, month_begun, month_of, month_start
from detector.core.measures.keys import limit_key
from detector.core.measures.moment import Moment
from detector.core.measures.sink import Sink
from detector.core.rulebook.model import Limit


class Use:
    """Of one limit. What a kind does not say stays as it is here."""

    sink: Sink
    """Where its events go."""
    by_one: bool = False
    """Whether no event raises it by more than one."""

    def used(self, moment: Moment) -> float | None:
        """None: nothing is known yet."""
        raise NotImplementedError

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which it may be another one."""
        raise NotImplementedError

    def newest(self, moment: Moment) -> int:
        """When it changed last, later than the moment maybe; -1: never."""
        raise NotImplementedError

    def ids(self, moment: Moment, number: int) -> list[str]:
        """The messages behind it, newest first."""
        raise NotImplementedError

    def at_least(self, moment: Moment) -> bool:  # noqa: ARG002  most know exactly
        """Whether a bound of the facts was reached, and it may be more."""
        return False

    def gauge(self, moment: Moment) -> Series | None:  # noqa: ARG002  most count
        """The series whose newest value it is; None: it is no such value."""
        return None


def use_of(limit: Limit) -> Use:
    if limit.worst_by is not None:
        return WorstUse(limit)
    kinds: dict[str, Callable[[Limit], Use]] = {"gauge": _Gauge, "counter": _Counter, "sum": _Sum, "distinct": _Distinct}
    return kinds[limit.kind](limit)


class _Gauge(Use):
    def __init__(self, limit: Limit) -> None:
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "gauge", limit.of_value)

    def used(self, moment: Moment) -> float | None:
        value = moment.facts.series(self._key).last(moment.t)
        return value if isinstance(value, int | float) else None

    def next(self, moment: Moment) -> int:
        return moment.facts.series(self._key).next(moment.t)

    def newest(self, moment: Moment) -> int:
        return _newest(moment.facts.series(self._key))

    def gauge(self, moment: Moment) -> Series | None:
        return moment.facts.series(self._key)

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.series(self._key).newest_ids(moment.t, number)


class WorstUse(Use):
    """A gauge for each part; the highest counts."""

    def __init__(self, limit: Limit) -> None:
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "worst", limit.of_value, (limit.worst_by or "",))

    def used(self, moment: Moment) -> float | None:
        worst = moment.facts.parts(self._key).worst(moment.t)
        return None if worst is None else worst.value

    def part(self, moment: Moment) -> object:
        """Which part it is; None: none had a value yet."""
        worst = moment.facts.parts(self._key).worst(moment.t)
        return None if worst is None else worst.part

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.parts(self._key).at_least(moment.t)

    def next(self, moment: Moment) -> int:
        return moment.facts.parts(self._key).next(moment.t)

    def newest(self, moment: Moment) -> int:
        return moment.facts.parts(self._key).newest

    def ids(self, moment: Moment, number: int) -> list[str]:
        worst = moment.facts.parts(self._key).worst(moment.t)
        return [] if worst is None else [worst.message_id][:number]


class _Counter(Use):
    """Events of the calendar month. Only this month's messages are in its value."""

    by_one = True

    def __init__(self, limit: Limit) -> None:
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "count")

    def _count(self, moment: Moment) -> Count:
        return moment.facts.series(self._key).count_in_month(moment.t)

    def used(self, moment: Moment) -> float | None:
        return self._count(moment).value

    def at_least(self, moment: Moment) -> bool:
        return self._count(moment).at_least

    def next(self, moment: Moment) -> int:
        return _or_month(moment.facts.series(self._key).next(moment.t), moment.t)

    def newest(self, moment: Moment) -> int:
        return _newest(moment.facts.series(self._key))

    def ids(self, moment: Moment, number: int) -> list[str]:
        return _ids_of_month(moment.facts.series(self._key), moment.t, number)


class _Sum(Use):
    def __init__(self, limit: Limit) -> None:
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "sum", limit.of_value)

    def used(self, moment: Moment) -> float | None:
        return moment.facts.sums(self._key).sum_in_month(moment.t)[0]

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.sums(self._key).sum_in_month(moment.t)[1]

    def next(self, moment: Moment) -> int:
        return _or_month(moment.facts.sums(self._key).next(moment.t), moment.t)

    def newest(self, moment: Moment) -> int:
        return _newest(moment.facts.sums(self._key))

    def ids(self, moment: Moment, number: int) -> list[str]:
        return _ids_of_month(moment.facts.sums(self._key), moment.t, number)


class _Distinct(Use):
    by_one = True

    def __init__(self, limit: Limit) -> None:
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "distinct", limit.of_value)

    def used(self, moment: Moment) -> float | None:
        return moment.facts.monthly(self._key).count(moment.t).value

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.monthly(self._key).count(moment.t).at_least

    def next(self, moment: Moment) -> int:
        return _or_month(moment.facts.monthly(self._key).next(moment.t), moment.t)

    def newest(self, moment: Moment) -> int:
        return moment.facts.monthly(self._key).newest

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.monthly(self._key).newest_ids(moment.t, number)


def _or_month(change: int, t: int) -> int:
    return min(change, month_start(month_of(t) + 1))


def _ids_of_month(events: Series, t: int, number: int) -> list[str]:
    return events.newest_ids(t, number, t - month_begun(t // DAY_MS) + 1)


def _newest(events: Series) -> int:
    return events.times[-1] if events.times else -1
