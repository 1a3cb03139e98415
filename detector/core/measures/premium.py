"""Premium: use or refusal of a feature that the plan in force at that time lacks.

Every use is kept with its time, and the plans are laid over it when read, so a plan that becomes known late counts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from detector.core.facts.series import Count, Series
from detector.core.measures.counted import until_tomorrow
from detector.core.measures.keys import IN_UTC
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Reader
from detector.core.measures.windows import Looks
from detector.core.zones import Zone


class PremiumReader(Reader):
    """`features`: name -> key of its series, which the features themselves fill. While the plan is unknown nothing is premium."""

    of_plan = True
    climbs = True

    def __init__(self, features: Mapping[str, str], looks: Looks, of_value: str | None = None, of: Zone = IN_UTC) -> None:
        """`of`: whose days the series of the features count."""
        self._features = features
        self._of_value = of_value
        self._looks, self._zone = looks, of
        self.window, self.course, self.sinks = looks.text, looks.course, looks.sinks
        self.rises_by_one = self._of_value in ("day", "person")  # one event can be the use of several features
        self.adds = looks.sought is None

    @property
    def keys(self) -> frozenset[str]:
        return super().keys | frozenset(self._features.values())

    def reach(self, moment: Moment) -> int:
        return self._looks.reach(moment)

    def reach_turn(self, moment: Moment, since: int) -> int:
        return self._looks.reach_turn(moment, since)

    def until(self, moment: Moment) -> int:
        """More of a day that is counted changes nothing."""
        return until_tomorrow(moment, self._zone, self.days(moment)) if self._of_value == "day" else 0

    def _lacking(self, moment: Moment) -> Iterator[tuple[str, Series, int, int]]:
        """(feature, its series, from, to) for each stretch in which the plan in force lacked it."""
        span = self._looks.span(moment)
        for begin, end, standing in () if span is None else moment.ladder.spans(moment.facts, *span):
            if standing.plan is None:
                continue
            for feature, key in self._features.items():
                if feature not in standing.kept:
                    yield feature, moment.facts.series(key), begin, end

    def _may_be_more(self, moment: Moment) -> bool:
        span = self._looks.span(moment)
        return span is not None and any(moment.facts.series(key).forgot_after(span[0]) for key in self._features.values())

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which a use comes or leaves the window, or the plan may change."""
        facts, t = moment.facts, moment.t
        uses = (facts.series(key).next(t, self._looks.back_ms) for key in self._features.values())
        return min((moment.plan_turns, self._looks.turn(moment), *uses))

    def value(self, moment: Moment) -> int | None:
        return None if self._looks.span(moment) is None else self._count(moment).value

    def values(self, moment: Moment) -> set[Any] | None:
        if self._looks.span(moment) is None:
            return None
        return self.people(moment) if self._of_value == "person" else set(self.names(moment))

    def at_least(self, moment: Moment) -> bool:
        return self._count(moment).at_least

    def listed(self, moment: Moment) -> list[str] | None:
        return self.names(moment) if self._of_value == "feature" else None

    def names(self, moment: Moment) -> list[str]:
        """The features, in the rulebook's order."""
        found = {
            feature
            for feature, series, begin, end in self._lacking(moment)
            if series.between(begin, end) or series.dropped(begin, end)
        }
        return [feature for feature in self._features if feature in found]

    def days(self, moment: Moment) -> set[int]:
        return {day for _, series, begin, end in self._lacking(moment) for day in series.days(begin, end)}

    def people(self, moment: Moment) -> set[Any]:
        return {
            series.values[index]
            for _, series, begin, end in self._lacking(moment)
            for index in series.between(begin, end)
            if series.values[index] is not None
        }

    def ids(self, moment: Moment, number: int) -> list[str]:
        found = [
            (series.times[index], series.ids[index])
            for _, series, begin, end in self._lacking(moment)
            for index in series.between(begin, end)[-number:]
        ]
        return [message_id for _, message_id in sorted(set(found), reverse=True)[:number]]

    def _count(self, moment: Moment) -> Count:
        """Events, or distinct days, people or features among them."""
        of_value = self._of_value
        if of_value == "day":
            value = len(self.days(moment))
        elif of_value == "person":
            value = len(self.people(moment))
        elif of_value == "feature":
            value = len(self.names(moment))
        else:
            stretches = [(series, begin, end) for _, series, begin, end in self._lacking(moment)]
            kept = {series.ids[index] for series, begin, end in stretches for index in series.between(begin, end)}
            value = len(kept) + sum(series.dropped(begin, end) for series, begin, end in stretches)
        return Count(value, self._may_be_more(moment))
