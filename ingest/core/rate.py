"""How fast a key, or an address, may send: a bucket of events that fills with time. Times are in seconds, of any clock."""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

BURST_S: Final = 10.0
"""A sender that was quiet for so long may send so many seconds' events at once."""
SENDERS_MAX: Final = 10_000
"""So many are remembered; beyond, who was quiet for longest is forgotten, and so has a full bucket."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Bucket:
    events: float
    at: float


class Rates(Generic[K]):
    """A bucket for each sender. It may go below zero: a request is taken whole if anything is left, and the next ones wait."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[K, _Bucket] = OrderedDict()

    def wait_s(self, sender: K, per_s: float, now: float) -> int:
        """0: it may send now; else after so many whole seconds."""
        bucket = self._bucket(sender, per_s, now)
        return 0 if bucket.events > 0 else max(1, math.ceil(-bucket.events / per_s))

    def sent(self, sender: K, per_s: float, now: float, events: int) -> None:
        self._bucket(sender, per_s, now).events -= events

    def _bucket(self, sender: K, per_s: float, now: float) -> _Bucket:
        most = per_s * BURST_S
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = _Bucket(most, now)
            if len(self._buckets) > SENDERS_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(sender)
        bucket.events = min(most, bucket.events + max(0.0, now - bucket.at) * per_s)
        bucket.at = now
        return bucket


def network_of(address: str) -> str:
    """Whose address it is: of IPv6 the first 64 bits, for whoever has one has them all."""
    if ":" not in address or address.startswith("::ffff:"):
        return address
    left, _, right = address.partition("::")
    groups = left.split(":") if left else []
    if "::" in address:
        later = right.split(":") if right else []
        groups += ["0"] * (8 - len(groups) - len(later)) + later
    return ":".join(groups[:4])
