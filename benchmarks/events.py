"""The benchmarks' events: how many accounts there are and who is named how often in; usage events of about 300 bytes out.

20 names of events; four mean something to the shipped rulebook, and one of these is the gauge of contacts. An account's gauge
never falls: most stay below 80 % of what the free plan allows, one in 40 passes 80 %, one in 40 passes 100 %. Every 2,000 events
comes a newcomer, an account that passes 100 % with its only event: once that is spoken of, everything before it in its partition
was read.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

import msgspec

from contracts.messages import UsageEvent

PROJECT = "acme-mail"
GAUGE = "Contact Count Changed"
NAMES = [GAUGE, "Email Sent", "Automation Opened", "Campaign Sent", *(f"Page {n} Viewed" for n in range(16))]
ACCESS = ("uniform", "zipf")
EVENTS_PER_MS = 20
"""By their own timestamps."""
NEWCOMER = "newcomer-"
NEWCOMER_EVERY = 2_000
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How many accounts there are; `access`: named evenly, or by Zipf's law with exponent 1 (the second half as often as the
    first, the third a third as often)."""

    accounts: int = 5_000
    access: str = "uniform"
    persons: int = 8
    """Of each account."""
    warm_up: int = 500_000
    """Events before measuring begins, of up to 10,000 accounts."""

    @property
    def before(self) -> int:
        """Events before measuring begins: of more accounts more, so that they are as old, up to five times; one each at least."""
        return max(int(self.warm_up * min(max(self.accounts / 10_000, 1), 5)), self.accounts)

    def __str__(self) -> str:
        return f"{self.accounts:,} accounts named {'by Zipf(1.0)' if self.access == 'zipf' else 'evenly'}"


def usage_events(shape: Shape, count: int, began: int) -> Iterator[UsageEvent]:
    """`count` events and the newcomers among them, always the same; every account comes once before any comes again."""
    dice = random.Random(7)
    gauges = [0] * shape.accounts
    for n, number in enumerate(islice(_accounts(shape, dice), count)):
        name, total, person = NAMES[n % len(NAMES)], 0, int(dice.random() * shape.persons)
        if name is GAUGE:
            person = 0  # one reports it: events of several persons may change places on their way to the account
            total = gauges[number] = max(gauges[number], int(dice.random() * _top(number)))
        at, account = began + n // EVENTS_PER_MS, f"account-{number}"
        yield _usage_event(f"message-{n:012}", at, account=account, person=person, name=name, total=total)
        if n % NEWCOMER_EVERY == NEWCOMER_EVERY - 1:
            account = f"{NEWCOMER}{n}"
            yield _usage_event(f"arrival-{n:012}", at, account=account, person=0, name=GAUGE, total=600)


def _accounts(shape: Shape, dice: random.Random) -> Iterator[int]:
    everybody = range(shape.accounts)
    yield from everybody
    weights = list(accumulate(1 / rank for rank in range(1, shape.accounts + 1))) if shape.access == "zipf" else None
    while True:
        yield from dice.choices(everybody, cum_weights=weights, k=_AT_ONCE)


def _top(number: int) -> int:
    """What an account's gauge stays below; the free plan allows 500."""
    return {0: 600, 1: 480}.get(number % 40, 390)


def _usage_event(id_: str, at: int, *, account: str, person: int, name: str, total: int) -> UsageEvent:
    return UsageEvent(
        project=PROJECT,
        id=id_,
        type="track",
        name=name,
        account=account,
        person=f"{account}-person-{person}",
        timestamp=at,
        received_at=at,
        original_timestamp=at,
        properties=msgspec.Raw(b'{"total":%d,"source":"web","campaign":"campaign-%d"}' % (total, total % 100)),
    )
