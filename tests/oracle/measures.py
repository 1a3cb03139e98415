"""What a measure is at any instant, by looking through all events again; an account knows which those are."""

from typing import Any

from tests.oracle.calendar import PERIODS, began, during, local_date
from tests.oracle.conditions import duration
from tests.oracle.events import Event, dig


class Measures:
    """Of an account that says which events there were."""

    zone: str

    def until(self, selector: Any, t: int) -> list[Event]:
        raise NotImplementedError

    def counted(self, selector: Any, span: range) -> list[Any]:
        raise NotImplementedError

    def billed_on(self, t: int) -> int:
        raise NotImplementedError

    def person_trait(self, person: str | None, name: str, t: int) -> Any:
        raise NotImplementedError

    def measure(self, measure: dict[str, Any], t: int) -> Any:  # noqa: PLR0911  one per kind
        if "absent" in measure:
            return self.absent(measure, t)
        if "streak" in measure:
            return self.streak(measure, t)
        if "since" in measure or "elapsed" in measure:
            return self.first_times(measure, t)
        if "sequence" in measure or "all" in measure:
            return self.steps(measure, t)
        span = self.span(measure, t)
        if span is None:
            return None
        if "count" in measure:
            counted = self.counted(measure["count"], span)
            return len({each[0]["id"] if isinstance(each, tuple) else each["id"] for each in counted})
        if "last" in measure:
            values = [dig(event, measure["last"]) for event in self.counted(measure["of"], span)]
            return next((value for value in reversed(values) if value is not None), None)
        for how in ("sum", "min", "max"):
            if how in measure:
                values = [dig(event, measure[how]) for event in self.counted(measure["of"], span)]
                return calculated(how, [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)])
        if "most_by" in measure:
            people = self.different(measure, span, t)
            trait = measure["most_by"].removeprefix("person.")
            free = {person for person in people if trait == "email_domain" and self.is_free(person, t)}
            said = [single(self.person_trait(person, trait, t)) for person in people - free]
            return max([said.count(value) for value in said if value is not None], default=0)
        return len(self.different(measure, span, t))

    def is_free(self, person: str, t: int) -> bool:
        """Whether anybody can have an address there."""
        return bool(self.person_trait(person, "email_kind", t) == "free_mail")

    def different(self, measure: dict[str, Any], span: range, t: int) -> set[Any]:
        """The values that a `distinct` counts."""
        counted = self.counted(measure["of"], span)
        if measure["distinct"].startswith("person."):
            people = {event["person"] for event in counted} - {None}
            return {single(self.person_trait(person, measure["distinct"][7:], t)) for person in people} - {None}
        return {self.told_apart(measure, event) for event in counted} - {None}

    def earlier(self, measure: dict[str, Any], t: int) -> Any:
        """A window ago; of a period of the calendar the whole one before."""
        period = measure["window"] in PERIODS
        return self.measure(measure, self.span(measure, t)[0] - 1 if period else t - duration(measure["window"]))  # type: ignore[index]

    def rising_weeks(self, measure: dict[str, Any], t: int) -> int:
        """Whole weeks, the last one and those before it, each with more than the one before, which had something."""
        of_week = {key: value for key, value in measure.items() if key != "during"} | {"window": "week"}
        ends = began("week", t, self.zone) - 1
        after = self.measure(of_week, ends)
        for rises in range(20):
            ends = began("week", ends, self.zone) - 1
            before = self.measure(of_week, ends)
            if not (before and after and after > before):
                return rises
            after = before
        raise ValueError("more weeks than any made-up log has")

    def first_times(self, measure: dict[str, Any], t: int) -> int | None:
        if "since" in measure:
            seen = self.until(measure["since"], t)
            return t - seen[0]["timestamp"] if seen else None
        came, after = self.until(measure["elapsed"], t), self.until(measure["after"], t)
        took = came[0]["timestamp"] - after[0]["timestamp"] if came and after else -1
        return took if took >= 0 else None

    def steps(self, measure: dict[str, Any], t: int) -> bool:
        """Whether there is a way through the last days on which each step follows the one before."""
        span = range(t - duration(measure["within"]) + 1, t + 1)
        times = [[event["timestamp"] for event in self.counted(step, span)] for step in measure.get("all") or measure["sequence"]]
        if "all" in measure:
            return all(times)
        reached = -1
        for of_step in times:
            reached = min((at for at in of_step if at > reached), default=t + 1)
        return reached <= t

    def streak(self, measure: dict[str, Any], t: int) -> int:
        """Days (or weeks) in a row that end with today, or with yesterday."""
        unit = measure["streak"]
        had = {began(unit, event["timestamp"], self.zone) for event in self.until(measure["of"], t)}
        at = began(unit, t, self.zone)
        if at not in had:
            at = began(unit, at - 1, self.zone)
        length = 0
        while at in had:
            at, length = began(unit, at - 1, self.zone), length + 1
        return length

    def absent(self, measure: dict[str, Any], t: int) -> bool:
        """Whether what should have followed `after` did not, for so long."""
        answers = [event["timestamp"] for event in self.until(measure["absent"], t)]
        waiting = [e["timestamp"] for e in self.until(measure["after"], t) if not answers or e["timestamp"] > answers[-1]]
        return bool(waiting) and waiting[0] + duration(measure["within"]) <= t

    def told_apart(self, measure: dict[str, Any], counted: Any) -> Any:
        """What a `distinct` counts different ones of."""
        event, feature = counted if isinstance(counted, tuple) else (counted, None)
        match measure["distinct"]:
            case "day":
                return local_date(event["timestamp"], self.zone)
            case "person":
                return event["person"]
            case "feature":
                return feature
            case path:
                value = dig(event, path)
                return str(value).lower() if isinstance(value, bool) else value

    def span(self, measure: dict[str, Any], t: int) -> range | None:
        """The milliseconds until t that a measure looks at; None: they have not begun."""
        if "during" in measure:
            after, before, event = during(measure["during"])
            first = self.until(event, t)
            if not first or t < first[0]["timestamp"] + after:
                return None
            return range(first[0]["timestamp"] + after, min(t + 1, first[0]["timestamp"] + before))
        window = measure.get("window")
        if window in PERIODS:
            return range(began(window, t, self.zone, self.billed_on(t)), t + 1)
        return range(0 if window is None else t - duration(window) + 1, t + 1)


def calculated(how: str, values: list[float]) -> float | None:
    """A sum is of what is above zero."""
    if how == "sum":
        return float(sum(sorted(value for value in values if value > 0)))
    return None if not values else min(values) if how == "min" else max(values)


def single(value: Any) -> Any:
    """A list, or an object, is no one value that could be told apart from another."""
    return None if isinstance(value, list | dict) else value
