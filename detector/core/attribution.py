"""Whose event is it? A person's memberships and a usage event that names no account in; where it goes out.

The rule (docs/api.md, "Whose event"): an event belongs to the account that its person had joined by then, where "by then"
reaches HOLD_MS past the event, as far as a waiting event waits, so that it hardly matters which of the two arrived first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from contracts.messages import UsageEvent

HOLD_MS = 10 * 60_000
"""How long, in partition time, an event waits for its account."""
HELD_PER_PERSON_MAX = 1_000
"""Beyond this many waiting events of one person, the next ones do not wait."""
HELD_PER_PROJECT_MAX = 100_000
"""The same of one project's in one partition."""
MEMBERSHIPS_MAX = 100
"""A person belongs to so many accounts at most: each `identify` is written once for each of them."""


@dataclass(frozen=True, slots=True)
class Held:
    """An event that waits until partition time `until`."""

    event: UsageEvent
    until: int


@dataclass(slots=True)
class Person:
    """`memberships`: account -> time of the earliest `group`; `held`: message id -> what waits, in order of arrival."""

    memberships: dict[str, int] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)

    @property
    def due(self) -> int | None:
        """Partition time at which the first of the waiting events has waited long enough."""
        return min((held.until for held in self.held.values()), default=None)


@dataclass(frozen=True, slots=True)
class Forward:
    """These copies name their account now."""

    events: tuple[UsageEvent, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """No account can be said, or there are too many to remember: a dead letter."""

    event: UsageEvent
    code: Literal["ambiguous_account", "unattributed", "too_many_accounts"]
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    held: Held


Decision: TypeAlias = Forward | Refuse | Hold | None
"""None: a copy of an event that waits already."""


def who(event: UsageEvent) -> str:
    """The person, else the anonymous id: what `unattributed` is keyed by."""
    return event.person or event.anonymous or ""


def joins(event: UsageEvent) -> bool:
    """Does the event say that its person belongs to its account?"""
    return event.type == "group" and event.account is not None


def one_too_many(person: Person, event: UsageEvent) -> Refuse | None:
    """What becomes of a `group` whose person belongs to as many accounts as can be: its membership is not learnt."""
    if len(person.memberships) < MEMBERSHIPS_MAX or event.account in person.memberships:
        return None
    message = (
        f"{who(event)} belongs to {MEMBERSHIPS_MAX} accounts already, which is the most; {event.account} got this event, but not "
        "what comes later without an account. Give each person an id of their own, or send events with their groupId."
    )
    return Refuse(event, "too_many_accounts", message)


def join(person: Person, event: UsageEvent) -> bool:
    """Learn a membership; the earliest `group` counts. False: nothing new."""
    if event.account is None:
        return False
    since = person.memberships.get(event.account)
    if since is not None and since <= event.timestamp:
        return False
    person.memberships[event.account] = event.timestamp
    return True


def attribute(person: Person, event: UsageEvent, time: int, waiting: int = 0) -> Decision:
    """Where an event goes that arrives at partition time `time`; one that waits is kept in `person.held`.

    `waiting`: how many of the project wait in the partition already.
    """
    decision = _settle(person.memberships, event)
    if decision is not None:
        return decision
    if event.id in person.held:
        return None
    if len(person.held) >= HELD_PER_PERSON_MAX:
        return _unattributed(event, f"{HELD_PER_PERSON_MAX} events of this person wait for an account already")
    if waiting >= HELD_PER_PROJECT_MAX:
        return _unattributed(event, f"{HELD_PER_PROJECT_MAX:,} events of this project wait for an account already")
    person.held[event.id] = held = Held(event, time + HOLD_MS)
    return Hold(held)


def settle_held(person: Person) -> list[Forward | Refuse]:
    """After a membership was learnt: what can be settled of the waiting events, in order of arrival; it is removed."""
    settled: list[Forward | Refuse] = []
    for id_, held in list(person.held.items()):
        decision = _settle(person.memberships, held.event)
        if decision is not None:
            del person.held[id_]
            settled.append(decision)
    return settled


def expire_held(person: Person, time: int, most: int = HELD_PER_PERSON_MAX) -> list[Refuse]:
    """The first `most` that have waited until partition time `time` for nothing, in order of arrival; they are removed."""
    expired = [id_ for id_, held in person.held.items() if held.until <= time][:most]
    why = f"no group for this person came within {HOLD_MS // 60_000} minutes"
    return [_unattributed(person.held.pop(id_).event, why) for id_ in expired]


def _settle(memberships: Mapping[str, int], event: UsageEvent) -> Forward | Refuse | None:
    if event.type == "identify":
        # What is known of a person is known in each of the accounts that the person belongs to.
        accounts = sorted(memberships)
    else:
        accounts = sorted(account for account, since in memberships.items() if since <= event.timestamp + HOLD_MS)
        if len(accounts) > 1:
            return Refuse(
                event,
                "ambiguous_account",
                f"{who(event)} belongs to {len(accounts)} accounts and the event names none: send it with its groupId.",
            )
    if not accounts:
        return None
    return Forward(tuple(msgspec.structs.replace(event, account=account, attributed=True) for account in accounts))


def _unattributed(event: UsageEvent, why: str) -> Refuse:
    message = f"The event names no account and {why}. Send `group` for {who(event)}, or send events with their groupId."
    return Refuse(event, "unattributed", message)
