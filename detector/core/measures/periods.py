"""The calendar that a rulebook goes by: days, weeks, months and years of its time zone, and the accounts' billing periods."""

from detector.core.facts.people import OWN
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment
from detector.core.rulebook.model import Rulebook
from detector.core.zones import Unit, Zone, period, zone

BILLING = "billing period"


class Periods:
    """Half open: a period ends with the instant at which the next one begins."""

    def __init__(self, of: Zone, billing_day: str | None = None) -> None:
        """`billing_day`: the account's trait, a number from 1 to 31; any other value, and none, is the first of the month."""
        self.zone = of
        self._billing_day = billing_day

    @classmethod
    def of(cls, rulebook: Rulebook) -> "Periods":
        trait = rulebook.billing_day
        return cls(zone(rulebook.timezone), None if trait is None else trait.removeprefix("account."))

    def begins(self, unit: Unit, moment: Moment) -> int:
        """When the period began that the moment is in."""
        return self.zone.begins(self._days(unit, moment)[0])

    def ends(self, unit: Unit, moment: Moment) -> int:
        """When the next one begins, if nobody says another billing day by then."""
        return self.zone.begins(self._days(unit, moment)[1])

    def next(self, unit: Unit, moment: Moment) -> int:
        """The first instant after the moment at which `begins` is another, from what is known."""
        return min(self.ends(unit, moment), self.said_next(unit, moment))

    def said_next(self, unit: Unit, moment: Moment) -> int:
        """When a billing day is said next, of those that are known."""
        trait = self._billing_day
        return NEVER if unit != BILLING or trait is None else moment.facts.traits.next(OWN, trait, moment.t)

    def _days(self, unit: Unit, moment: Moment) -> tuple[int, int]:
        return period(unit, self.zone.day(moment.t), self._billed_on(moment) if unit == BILLING else 1)

    def _billed_on(self, moment: Moment) -> int:
        said = None if self._billing_day is None else moment.facts.traits.value(OWN, self._billing_day, moment.t)
        return int(said) if isinstance(said, int | float) and said in range(1, 32) else 1


class Resets:
    """How often something that is counted begins anew. Without `unit`: never."""

    def __init__(self, unit: Unit | None, periods: Periods) -> None:
        self._unit, self._periods = unit, periods

    def start(self, moment: Moment) -> int:
        """When it began last."""
        return 0 if self._unit is None else self._periods.begins(self._unit, moment)

    def ends(self, moment: Moment) -> int | None:
        """When it begins next; None: never."""
        return None if self._unit is None else self._periods.ends(self._unit, moment)

    def next(self, moment: Moment) -> int:
        """The first instant after the moment at which `start` is another."""
        return NEVER if self._unit is None else self._periods.next(self._unit, moment)
