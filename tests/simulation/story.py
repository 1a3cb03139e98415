"""A seed in; what the clients of one small product send, request by request, out.

Each account's events carry their own times, within a day, and are sent in the order of these times.
An account is told of in one way only: every event names it, or `group` names it once and the rest names only the person.
"""

from collections.abc import Iterator
from random import Random

from contracts.messages import EventType, UsageEvent
from tests.detector.shell.samples import HOUR, MINUTE, NOON, usage_event

SPAN_MS = 22 * HOUR
"""From the first event's time to the last one's: over a midnight, and within every rule's lateness."""


def requests(dice: Random) -> list[list[UsageEvent]]:
    """15 to 40 events of four accounts and a stranger, a few in each request."""
    lives = [list(_life(dice, n)) for n in range(4)] + [list(_stranger(dice))]
    left = [life for life in lives if life]
    events: list[UsageEvent] = []
    while left:
        life = dice.choice(left)
        events.append(life.pop(0))
        left = [each for each in left if each]
    parts: list[list[UsageEvent]] = []
    while events:
        size = dice.choice((1, 2, 2, 3, 5))
        parts.append(events[:size])
        del events[:size]
    return parts


def _life(dice: Random, n: int) -> Iterator[UsageEvent]:
    account, person = f"acc-{n}", f"ada-{n}"
    by_person = n % 2 == 1
    steps = _steps(dice, upgrades=not by_person)
    times = sorted(dice.sample(range(SPAN_MS // MINUTE), len(steps) + 2))
    at = (NOON - SPAN_MS + time * MINUTE for time in times)
    # the account is told first: what waits for it could meet the end of its ten minutes, where faults take time
    yield _event(f"{n}-group", "group", next(at), account=account, person=person, traits={"plan": "free", "name": f"Acme {n}"})
    yield _event(f"{n}-who", "identify", next(at), account=None, person=person, traits={"email": f"{person}@acme.io"})
    for number, (name, properties) in enumerate(steps):
        if name == "plan":
            yield _event(f"{n}-{number}", "group", next(at), account=account, person=person, traits=properties)
            continue
        named = None if by_person else account
        yield _event(f"{n}-{number}", "track", next(at), name=name, account=named, person=person, properties=properties)


def _steps(dice: Random, *, upgrades: bool) -> list[tuple[str, dict[str, object]]]:
    total = dice.choice((150, 380, 420))
    steps: list[tuple[str, dict[str, object]]] = []
    for _ in range(dice.randint(1, 4)):
        steps.append(("Contact Count Changed", {"total": total}))
        total += dice.choice((-60, 40, 90, 150))
    if dice.random() < 0.5:
        steps += [("Automation Opened", {})] * dice.randint(1, 3)
    if dice.random() < 0.4:
        steps.insert(dice.randint(0, len(steps)), ("Contact Import Refused", {}))
    if dice.random() < 0.5:
        steps.insert(dice.randint(0, len(steps)), ("Upgrade Clicked", {}))
    if upgrades and dice.random() < 0.5:
        steps.append(("plan", {"plan": "standard"}))
    return steps


def _stranger(dice: Random) -> Iterator[UsageEvent]:
    """Nobody ever says whose they are: held, then buried."""
    for n in range(dice.randint(1, 2)):
        at = NOON - HOUR + n * MINUTE
        yield _event(f"s-{n}", "track", at, name="Upgrade Clicked", account=None, person="nobody", properties={})


def _event(id_: str, type_: EventType, at: int, **fields: object) -> UsageEvent:
    return usage_event(id_, type_, at, **fields)
