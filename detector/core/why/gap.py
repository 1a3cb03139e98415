"""A comparison at a moment in; how far the value is from where the comparison holds, out."""

from math import ceil, floor
from typing import NamedTuple

from detector.core.measures.moment import Moment
from detector.core.rulebook.logic import kind
from detector.core.rulebook.measured import Counted, Distinct
from detector.core.rulebook.model import Aspect, Rulebook
from detector.core.rulebook.names import GROWS
from detector.core.why.probe import Leaf


class Gap(NamedTuple):
    """`target`: the nearest value with which it would hold; `open_`: it must be passed. `rises`: whether the value must rise."""

    value: float
    target: float
    rises: bool
    open_: bool = False

    @property
    def distance(self) -> float:
        return abs(self.target - self.value)

    @property
    def share(self) -> float:
        """Of the larger of value and target, at most 1."""
        whole = max(abs(self.target), abs(self.value))
        return min(1.0, self.distance / whole) if whole else 0.0


def gap(leaf: Leaf, moment: Moment, rulebook: Rulebook) -> Gap | None:  # noqa: PLR0911  one per operator
    """None: it compares no numbers, or one of them is unknown. Of one that holds there is none to be asked for."""
    value, bounds = leaf.value(moment), [bound(moment) for bound in leaf.bounds]
    if not bounds or kind(value) != "number" or any(kind(bound) != "number" for bound in bounds):
        return None
    low, high, whole = bounds[0], bounds[-1], _is_count(leaf, rulebook)
    match leaf.operator:
        case ">=":
            return Gap(value, ceil(low) if whole else low, rises=True)
        case ">":
            return Gap(value, floor(low) + 1, rises=True) if whole else Gap(value, low, rises=True, open_=True)
        case "<=":
            return Gap(value, floor(high) if whole else high, rises=False)
        case "<":
            return Gap(value, ceil(high) - 1, rises=False) if whole else Gap(value, high, rises=False, open_=True)
        case "==":
            return Gap(value, low, rises=low > value)
        case "between":
            return Gap(value, low, rises=True) if value < low else Gap(value, high, rises=False)
        case "not between":
            up = high - value <= value - low
            return Gap(value, high if up else low, rises=up, open_=True)
        case _:
            return None


def only_grows(leaf: Leaf) -> bool:
    """Whether what it compares never falls: the time since something."""
    name = leaf.name
    return name is not None and ((isinstance(name, Aspect) and name.how == "since") or name.path in GROWS)


def _is_count(leaf: Leaf, rulebook: Rulebook) -> bool:
    """Whether there is nothing between two whole numbers."""
    name = leaf.name
    return name is not None and isinstance(rulebook.measures.get(name.path), Counted | Distinct)
