"""What goes wrong, and how often it did: in, a seed; out, at each occasion, a fault or none."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from runtime.points import POINTS

FAULTS = (
    "append lost",
    "append unknown",
    "append doubled",
    "append late",
    "append partial",
    "poll failed",
    "poll cut",
    "commit refused",
    "commit unknown",
    "commit slow",
    "request doubled",
    "command doubled",
    "rebalance",
    "partitions stolen at a point",
    "zombie back",
    "clock back",
    "clock forth",
    "receiver refuses",
    "answer lost",
)
STEAL_AT = (
    "detector.acquire.after",
    "attributor.forward.before",
    "detector.commit.before",
    "detector.commit.after",
    "outbox.append.before",
    "outbox.append.after",
    "outbox.delete.after",
)
"""Outside of transactions: SQLite would make the thief wait for them."""
RARE = ("ticker.append.after", "import.end.after", "rulebook.store.after", "rulebook.backfilled.after", "command.append.after")
"""Reached only once or twice in a scenario."""
CRASHES = 4
"""Armed in each scenario; seeds take turns, so that every point has its share."""


class Crash(BaseException):
    """The simulated process is killed here. No Exception: nobody handles the end of a process."""


class Chaos:
    """`on` False: nothing goes wrong any more, but for the crashes that are still to come."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.on = False
        self.faults: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        first = seed * CRASHES
        labels = [POINTS[(first + k) % len(POINTS)] for k in range(CRASHES)]
        self.armed = {label: 1 if label in RARE else self.dice.choice((1, 1, 2, 3)) for label in labels}
        """label -> how often it is still reached until the process dies there."""
        self.steal_at = self.dice.choice(STEAL_AT)
        self.steal_in = self.dice.choice((1, 2, 3))

    def happens(self, fault: str, probability: float) -> bool:
        """Roll the dice for a fault, and count it."""
        if not self.on or self.dice.random() >= probability:
            return False
        self.faults[fault] += 1
        return True

    def one_of(self, probabilities: Sequence[tuple[str, float]]) -> str | None:
        return next((fault for fault, probability in probabilities if self.happens(fault, probability)), None)

    def crashes_at(self, label: str) -> bool:
        """A point is reached: is this the end?"""
        self.reached[label] += 1
        if label not in self.armed:
            return False
        self.armed[label] -= 1
        if self.armed[label]:
            return False
        del self.armed[label]
        self.crashes[label] += 1
        return True

    def steals_at(self, label: str) -> bool:
        if not self.on or label != self.steal_at:
            return False
        self.steal_in -= 1
        if self.steal_in == 0:
            self.faults["partitions stolen at a point"] += 1
        return self.steal_in == 0
