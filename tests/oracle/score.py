"""The account, and what its rules signalled, in; how many points speak for it at any instant out, line by line, in decimals."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from tests.oracle.account import DAY, Account
from tests.oracle.conditions import duration, truth

CENT = Decimal("0.01")


class Score(NamedTuple):
    fit: Decimal
    behaviour: Decimal

    @property
    def total(self) -> Decimal:
        return self.fit + self.behaviour


def score(account: Account, t: int, read: Callable[[str], Any], signalled: Callable[[str], list[int]]) -> Score:
    """`read`: the value of a name for whoever is at hand; `signalled`: when a rule (all limits of it) signalled, ever."""

    def part(name: str) -> Decimal:
        said = account.rulebook["score"]
        total, groups = Decimal(0), dict[str, Decimal]()
        for line in said.get(name, []):
            points = _points(line, account, t, read, signalled)
            if "group" in line:
                groups[line["group"]] = groups.get(line["group"], Decimal(0)) + points
            else:
                total += points
        caps = said.get("caps", {})
        return total + sum((min(sum_, Decimal(str(caps.get(name, sum_)))) for name, sum_ in groups.items()), Decimal(0))

    return Score(part("fit"), part("behaviour"))


def _points(
    line: dict[str, Any], account: Account, t: int, read: Callable[[str], Any], signalled: Callable[[str], list[int]]
) -> Decimal:
    full = Decimal(str(line["points"]))
    if "if" in line:
        return full if truth(line["if"], read) is True else Decimal(0)
    if "rule" in line:
        newest = max((at for at in signalled(line["rule"]) if at <= t), default=None)
        return Decimal(0) if newest is None else _faded(full, line, [t - newest])
    total = _faded(full, line, [t - event["timestamp"] for event in account.until(line["event"], t)])
    most = Decimal(str(line.get("at_most", line["points"])))
    return min(total, most) if full > 0 else max(total, most)


def _faded(full: Decimal, line: dict[str, Any], ages: list[int]) -> Decimal:
    if "fades" not in line:
        return full * len(ages)
    days = duration(line["fades"]) // DAY
    left = sum(max(0, days - age // DAY) for age in ages)
    return (full * left / days).quantize(CENT, ROUND_HALF_UP)


def band(said: dict[str, Any], total: Decimal) -> str | None:
    if "hot" not in said:
        return None
    return "hot" if total >= said["hot"] else "warm" if total >= said["warm"] else "cold"
