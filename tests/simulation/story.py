"""A seed in; what the clients of one small product send, day after day, request by request, out.

Every event has its own time and is sent within a day of it, which no rule takes for late; history is older. An account is told
of in one way only: every event names it, or `group` names it once and the rest names only the person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, TypeAlias

from contracts.messages import ImportEnd, UsageEvent
from tests.detector.shell.samples import HOUR, MINUTE, NOON, usage_event

SPAN_MS = 20 * HOUR
"""From a day's first event to its sending."""
DAY_MS = 24 * HOUR
ACCOUNTS: Final = ("acc-0", "acc-1", "acc-2", "acc-3", "old")

Request: TypeAlias = list[UsageEvent] | ImportEnd | Literal["rulebook", "another"]
Step: TypeAlias = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Day:
    """From the time `at` on the clients send `requests`, one after the other."""

    at: int
    requests: list[Request]

    @property
    def times(self) -> set[int]:
        """Of its events."""
        return {event.timestamp for request in self.requests if isinstance(request, list) for event in request}


def story(seed: int, *, in_order: bool, switches: bool = False) -> list[Day]:
    """One day or two of four accounts and a stranger; in three of four seeds an account with a history, which is imported.

    `in_order`: as it happened. Else each account's events come in any order, but for the `group` that names it: what waits for
    that could meet the end of its ten minutes, where faults take time. `switches`: on each day another rulebook is applied, and
    maybe the first one again.
    """
    dice, order = Random(seed), Random(f"{seed} in which order")
    days: list[Day] = []
    at = NOON
    for number in range(dice.choice((1, 1, 2))):
        lives = [list(_life(dice, n, number, at)) for n in range(4)]
        if number == 0:
            lives.append(list(_stranger(dice)))
        requests = _requests(dice, _delivered(lives, order, in_order=in_order, told_first=number == 0))
        if number == 0:
            requests = _merged(order, requests, [*_import(dice, order, in_order=in_order), "rulebook"])
        elif dice.random() < 0.5:
            requests += [[_of_step("old", None, f"old-{number}", at - HOUR, step)] for step in _steps(dice)]
        if switches:
            requests = _merged(
                order, requests, order.choice((["another"], ["another", "rulebook"], ["another", "rulebook", "another"]))
            )
        days.append(Day(at, requests))
        at += dice.randint(26, 70) * HOUR
    return days


def _delivered(lives: list[list[UsageEvent]], order: Random, *, in_order: bool, told_first: bool) -> list[UsageEvent]:
    if in_order:
        return sorted((event for life in lives for event in life), key=lambda event: (event.timestamp, event.id))
    for life in lives:
        first, rest = (life[:1], life[1:]) if told_first else ([], life)
        order.shuffle(rest)
        life[:] = first + rest
    return _merged(order, *lives)


def _merged(dice: Random, *lists: list[Any]) -> list[Any]:
    """All of them, each in its own order."""
    turns = [n for n, each in enumerate(lists) for _ in each]
    dice.shuffle(turns)
    left = [iter(each) for each in lists]
    return [next(left[n]) for n in turns]


def _requests(dice: Random, events: list[UsageEvent]) -> list[Request]:
    parts: list[Request] = []
    while events:
        size = dice.choice((1, 2, 2, 3, 5))
        parts.append(events[:size])
        events = events[size:]
    return parts


def _life(dice: Random, n: int, day: int, until: int) -> Iterator[UsageEvent]:
    account, person = ACCOUNTS[n], f"ada-{n}"
    by_person = n % 2 == 1
    steps = _steps(dice, plans=not by_person)
    times = sorted(dice.choices(range(1, SPAN_MS // MINUTE), k=len(steps) + 1))
    at = (until - SPAN_MS + time * MINUTE for time in times)
    if day == 0:
        traits = {"plan": dice.choice(("free", "free", "tryout")), "name": f"Acme {n}"}
        yield usage_event(f"{n}-group", "group", until - SPAN_MS, account=account, person=person, traits=traits)
        yield usage_event(f"{n}-who", "identify", next(at), account=None, person=person, traits={"email": f"{person}@acme.io"})
    for number, step in enumerate(steps):
        yield _of_step(account, person if by_person else None, f"{n}-{day}-{number}", next(at), step)


def _of_step(account: str, person: str | None, id_: str, at: int, step: Step, **more: Any) -> UsageEvent:
    """`person`: the only thing that the event names."""
    name, properties = step
    if name == "plan":
        return usage_event(id_, "group", at, account=account, person=f"p-{account}", traits=properties, **more)
    named = {"account": account, "person": f"p-{account}"} if person is None else {"person": person}
    return usage_event(id_, "track", at, name=name, properties=properties, **named, **more)


def _steps(dice: Random, *, plans: bool = True) -> list[Step]:
    total = dice.choice((150, 380, 420))
    steps: list[Step] = []
    for _ in range(dice.randint(0, 3)):
        steps.append(("Contact Count Changed", {"total": total}))
        total += dice.choice((-60, 40, 90, 150))
    often: list[tuple[float, str]] = [
        (0.5, "Automation Opened"),
        (0.25, "Contact Import Refused"),
        (0.4, "Upgrade Clicked"),
        (0.4, "Signed Up"),
        (0.5, "Campaign Sent"),
        (0.3, "Campaign Sent"),
    ]
    for probability, name in often:
        if dice.random() < probability:
            steps.insert(dice.randint(0, len(steps)), (name, {}))
    if plans and dice.random() < 0.6:
        steps.insert(dice.randint(0, len(steps)), ("plan", {"plan": dice.choice(("standard", "standard", "free", "tryout"))}))
    return steps


def _stranger(dice: Random) -> Iterator[UsageEvent]:
    """Nobody ever says whose they are: held, then buried."""
    for n in range(dice.randint(1, 2)):
        yield usage_event(f"s-{n}", "track", NOON - HOUR + n * MINUTE, name="Upgrade Clicked", person="nobody")


def _import(dice: Random, order: Random, *, in_order: bool) -> list[Request]:
    """Two months of one account, and that this is all."""
    steps = _steps(dice) + _steps(dice)
    times = sorted(dice.sample(range(3 * 24, 60 * 24), len(steps)), reverse=True)
    if dice.random() < 0.25:
        return []
    events = [
        _of_step("old", None, f"old-h-{n}", NOON - time * HOUR, step, received_at=NOON, historical=True)
        for n, (time, step) in enumerate(zip(times, steps, strict=True))
    ]
    if not in_order:
        order.shuffle(events)
    return [*_requests(dice, events), ImportEnd(project="mail", import_id="i")]
