"""How much of a limit is used at a moment: one reader for each kind of limit."""

from collections.abc import Callable, Mapping

from detector.core.facts.parts import Worst
from detector.core.facts.series import Count, Series
from detector.core.measures.keys import IN_UTC, limit_key
from detector.core.measures.moment import Moment
from detector.core.measures.periods import Periods, Resets
from detector.core.measures.sink import Sink
from detector.core.measures.warming import NOTHING_BEGUN, Begun, Unsaid
from detector.core.rulebook.model import Limit

_IN_UTC = Resets("month", Periods(IN_UTC))


class Use:
    """Of one limit. What a kind does not say stays as it is here."""

    sink: Sink
    """Where its events go."""
    by_one: bool = False
    """Whether no event raises it by more than one."""
    resets: Resets
    """When it begins anew."""
    newest_unsaid: Unsaid | None = None
    """Of a newest value of which the facts began; None: it is no such value."""
    adds: bool = True
    """Whether what is not known of could only make it more."""

    @property
    def keys(self) -> frozenset[str]:
        """What must be whole for it."""
        return frozenset([self.sink.key])

    def reach(self, moment: Moment) -> int:
        """The first instant whose events may be in it."""
        return self.resets.start(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:  # noqa: ARG002  every period is a chance
        """The first instant after the moment, at the earliest, at which that lies behind `since`."""
        return self.resets.next(moment)

    def sure(self, moment: Moment, since: int) -> float | None:  # noqa: ARG002
        """See `Reader`."""
        return None

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


def use_of(limit: Limit, periods: Periods, begun: Mapping[str, Begun] = NOTHING_BEGUN) -> Use:
    """`periods`: the rulebook's calendar. Sums and different values go by months of UTC, whatever it is."""
    if limit.worst_by is not None:
        return WorstUse(limit, periods, begun.get(limit_key(limit)))
    if limit.kind == "gauge":
        return _Gauge(limit, periods, begun.get(limit_key(limit)))
    kinds: dict[str, Callable[[Limit, Periods], Use]] = {"counter": _Counter, "sum": _Sum, "distinct": _Distinct}
    return kinds[limit.kind](limit, periods)


class _Gauge(Use):
    def __init__(self, limit: Limit, periods: Periods, begun: Begun | None) -> None:
        """`begun`: with an applied rulebook; None: its value was always kept."""
        self.resets = Resets(None, periods)
        self._key = limit_key(limit)
        self.newest_unsaid = None if begun is None else Unsaid(begun, self._said, self.next)
        self.sink = Sink(self._key, limit.of, "gauge", limit.of_value)

    @property
    def keys(self) -> frozenset[str]:
        """Its newest value is right whatever came before; a late one is not known to be the newest."""
        return frozenset()

    def used(self, moment: Moment) -> float | None:
        if self.newest_unsaid is not None and self.newest_unsaid.is_partly(moment):
            return None
        value = moment.facts.series(self._key).last(moment.t)
        return value if isinstance(value, int | float) else None

    def _said(self, moment: Moment) -> int | None:
        return moment.facts.series(self._key).newest_time(moment.t)

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

    def __init__(self, limit: Limit, periods: Periods, begun: Begun | None) -> None:
        """`begun`: see `_Gauge`; then only parts of which something came from after that count, for there may be more."""
        self.resets = Resets(None, periods)
        self._begun = begun
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "worst", limit.of_value, (limit.worst_by or "",))

    def _worst(self, moment: Moment) -> Worst | None:
        parts, begun = moment.facts.parts(self._key), self._begun
        if begun is not None and moment.facts.came < begun.version:
            return parts.worst_since(begun.since, moment.t)
        return parts.worst(moment.t)

    def used(self, moment: Moment) -> float | None:
        worst = self._worst(moment)
        return None if worst is None else worst.value

    def part(self, moment: Moment) -> object:
        """Which part it is; None: none had a value yet."""
        worst = self._worst(moment)
        return None if worst is None else worst.part

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.parts(self._key).at_least(moment.t)

    def next(self, moment: Moment) -> int:
        return moment.facts.parts(self._key).next(moment.t)

    def newest(self, moment: Moment) -> int:
        return moment.facts.parts(self._key).newest

    def ids(self, moment: Moment, number: int) -> list[str]:
        worst = self._worst(moment)
        return [] if worst is None else [worst.message_id][:number]


class _Counter(Use):
    """Events of the period. Only this period's messages are in its value."""

    by_one = True

    def __init__(self, limit: Limit, periods: Periods) -> None:
        self.resets = Resets(limit.period, periods)
        self._key = limit_key(limit, periods.zone)
        self.sink = Sink(self._key, limit.of, "count")

    def _count(self, moment: Moment) -> Count:
        return moment.facts.series(self._key).count_in(self.resets.start(moment), moment.t + 1)

    def used(self, moment: Moment) -> float | None:
        return self._count(moment).value

    def at_least(self, moment: Moment) -> bool:
        return self._count(moment).at_least

    def next(self, moment: Moment) -> int:
        return min(moment.facts.series(self._key).next(moment.t), self.resets.next(moment))

    def newest(self, moment: Moment) -> int:
        return _newest(moment.facts.series(self._key))

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.series(self._key).newest_ids_in(self.resets.start(moment), moment.t + 1, number)


class _Sum(Use):
    def __init__(self, limit: Limit, periods: Periods) -> None:  # noqa: ARG002  its months are those of UTC
        self.resets = _IN_UTC
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "sum", limit.of_value)

    def used(self, moment: Moment) -> float | None:
        return moment.facts.sums(self._key).sum_in_month(moment.t)[0]

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.sums(self._key).sum_in_month(moment.t)[1]

    def next(self, moment: Moment) -> int:
        return min(moment.facts.sums(self._key).next(moment.t), self.resets.next(moment))

    def newest(self, moment: Moment) -> int:
        return _newest(moment.facts.sums(self._key))

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.sums(self._key).newest_ids_in(self.resets.start(moment), moment.t + 1, number)


class _Distinct(Use):
    by_one = True

    def __init__(self, limit: Limit, periods: Periods) -> None:  # noqa: ARG002  its months are those of UTC
        self.resets = _IN_UTC
        self._key = limit_key(limit)
        self.sink = Sink(self._key, limit.of, "distinct", limit.of_value)

    def used(self, moment: Moment) -> float | None:
        return moment.facts.monthly(self._key).count(moment.t).value

    def at_least(self, moment: Moment) -> bool:
        return moment.facts.monthly(self._key).count(moment.t).at_least

    def next(self, moment: Moment) -> int:
        return min(moment.facts.monthly(self._key).next(moment.t), self.resets.next(moment))

    def newest(self, moment: Moment) -> int:
        return moment.facts.monthly(self._key).newest

    def ids(self, moment: Moment, number: int) -> list[str]:
        return moment.facts.monthly(self._key).newest_ids(moment.t, number)


def _newest(events: Series) -> int:
    return events.times[-1] if events.times else -1
