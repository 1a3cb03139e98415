"""Whose event is it? What is known of a person and a usage event that names no account in; where it goes out.

The rule (docs/api.md, "Whose event"): an event belongs to the account that its person had joined by then, where "by then"
reaches HOLD_MS past the event, as far as a waiting event waits, so that it hardly matters which of the two arrived first.
Where the rulebook says so (`account: [group, domain, person]`), whoever joined none belongs to the account of their e-mail's
domain, or to one of their own. A way is taken at once if no way before it can still be found, else when the wait is over.

What an anonymous id did belongs to the person that it turned out to be (`identify` and `alias` say so), by the same ten
minutes: it goes out once more, under that person's name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from contracts.columns import Columns
from contracts.messages import EMPTY_OBJECT, UsageEvent
from detector.core.emails import domain_of, kind_of
from detector.core.rulebook.model import Way

HOLD_MS = 10 * 60_000
"""How long, in partition time, an event waits for its account."""
HELD_PER_PERSON_MAX = 1_000
"""Beyond this many waiting events of one person, the next ones do not wait."""
HELD_PER_PROJECT_MAX = 100_000
"""The same of one project's in one partition."""
MEMBERSHIPS_MAX = 100
"""A person belongs to so many accounts at most: each `identify` is written once for each of them."""
ADDRESSES_MAX = 16
"""Of what was said of a person's e-mail, the newest."""
ALONE = "person:"
"""Before a person's id, the id of an account of their own: ids of people and of accounts may be the same numbers."""
LINKS_MAX = 16
"""Of the people that an anonymous id turned out to be, the newest."""
_EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Held:
    """An event that waits until partition time `until`."""

    event: UsageEvent
    until: int


@dataclass(slots=True)
class Person:
    """`memberships`: account -> time of the earliest `group`; `held`: message id -> what waits, in order of arrival.

    `domains`: (time, domain) of each e-mail address that was said, in order; "" for one that names no account.
    `links`: of an anonymous id, (time, person) of who it turned out to be, in order.
    """

    memberships: dict[str, int] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    domains: list[tuple[int, str]] = field(default_factory=list)
    links: list[tuple[int, str]] = field(default_factory=list)

    @property
    def due(self) -> int | None:
        """Partition time at which the first of the waiting events has waited long enough."""
        return min((held.until for held in self.held.values()), default=None)


@dataclass(frozen=True, slots=True)
class Forward:
    """These copies name their account now."""

    events: tuple[UsageEvent, ...]


@dataclass(frozen=True, slots=True)
class Relink:
    """It names its person now, and looks for that person's account. `came`: as it came, and as it waits."""

    event: UsageEvent
    came: UsageEvent


@dataclass(frozen=True, slots=True)
class Refuse:
    """No account can be said, or there are too many to remember: a dead letter."""

    event: UsageEvent
    code: Literal["ambiguous_account", "unattributed", "too_many_accounts"]
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    held: Held


Settled: TypeAlias = Forward | Relink | Refuse
Decision: TypeAlias = Settled | Hold | None
"""None: a copy of an event that waits already."""


def who(event: UsageEvent) -> str:
    """The person, else the anonymous id: what `unattributed` is keyed by."""
    return event.person or event.anonymous or ""


def everybody(columns: Columns) -> set[tuple[str, str]]:
    """(project, who) of all these events."""
    named = zip(*map(columns.each, (columns.project, columns.person, columns.anonymous)), strict=True)
    return {(project, person or anonymous or "") for project, person, anonymous in named}


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


def says_address(event: UsageEvent) -> bool:
    """May it say its person's e-mail address? The traits of a `group` are the account's."""
    return event.type != "group" and event.traits is not EMPTY_OBJECT


def learn_address(person: Person, event: UsageEvent) -> bool:
    """What the event says of its person's e-mail. False: nothing new. Free mail names no account."""
    try:
        traits = msgspec.json.decode(event.traits)
    except msgspec.MsgspecError:
        return False
    address = traits.get(_EMAIL) if isinstance(traits, dict) else None
    kind = kind_of(address) if isinstance(address, str) else None
    said = (event.timestamp, "" if kind == "free_mail" else domain_of(address) or "")
    if kind is None or said in person.domains:
        return False
    person.domains = _with(person.domains, said)[-ADDRESSES_MAX:]
    return True


def learn_link(person: Person, event: UsageEvent) -> bool:
    """What the event says of whose an anonymous id is. False: nothing new."""
    said = (event.timestamp, event.link or "")
    if said in person.links:
        return False
    person.links = _with(person.links, said)[-LINKS_MAX:]
    return True


def _with(known: list[tuple[int, str]], said: tuple[int, str]) -> list[tuple[int, str]]:
    """In order of time. Of what was said three times in a row, the one in the middle matters to no moment, ever."""
    all_ = sorted([*known, said])
    inside = zip(all_, all_[1:], all_[2:], strict=False)
    repeated = {each for before, each, after in inside if before[1] == each[1] == after[1]}
    return [each for each in all_ if each not in repeated]


def attribute(person: Person, event: UsageEvent, time: int, waiting: int = 0, ways: Sequence[Way] = ("group",)) -> Decision:
    """Where an event goes that arrives at partition time `time`; one that waits is kept in `person.held`.

    `waiting`: how many of the project wait in the partition already; when no more may, nothing is waited for. `ways`: those
    of the rulebook, in the order in which they are tried.
    """
    decision = _settle(person, event, ways)
    if decision is not None:
        return decision
    if event.id in person.held:
        return None
    if len(person.held) >= HELD_PER_PERSON_MAX:
        return _at_last(person, event, ways, f"{HELD_PER_PERSON_MAX} events of this person wait for an account already")
    if waiting >= HELD_PER_PROJECT_MAX:
        return _at_last(person, event, ways, f"{HELD_PER_PROJECT_MAX:,} events of this project wait for an account already")
    person.held[event.id] = held = Held(event, time + HOLD_MS)
    return Hold(held)


def settle_held(person: Person, ways: Sequence[Way] = ("group",)) -> list[Settled]:
    """After something was learnt: what can be settled of the waiting events, in order of arrival; it is removed."""
    settled: list[Settled] = []
    for id_, held in list(person.held.items()):
        decision = _settle(person, held.event, ways)
        if decision is not None:
            del person.held[id_]
            settled.append(decision)
    return settled


def expire_held(person: Person, time: int, most: int = HELD_PER_PERSON_MAX, ways: Sequence[Way] = ("group",)) -> list[Settled]:
    """The first `most` that have waited until partition time `time`, in order of arrival; they are removed."""
    expired = [id_ for id_, held in person.held.items() if held.until <= time][:most]
    why = f"no group for this person came within {HOLD_MS // 60_000} minutes"
    return [_at_last(person, person.held.pop(id_).event, ways, why) for id_ in expired]


def _settle(person: Person, event: UsageEvent, ways: Sequence[Way]) -> Settled | None:
    """At once; None: a better answer may still come."""
    if event.person is None and not person.memberships:
        somebody = _linked(person, event)
        if somebody is not None:
            return Relink(msgspec.structs.replace(event, person=somebody), event)
    for way in ways:
        found = _BY[way](person, event)
        if found is not None:
            return found
        if way != "domain" or _domain(person, event) is None:
            return None
    return None


def _linked(person: Person, event: UsageEvent) -> str | None:
    """Who the anonymous id was then: by the newest link before the event, else by the first one soon after it."""
    before = [somebody for since, somebody in person.links if since <= event.timestamp]
    after = [somebody for since, somebody in person.links if event.timestamp < since <= event.timestamp + HOLD_MS]
    return before[-1] if before else next(iter(after), None)


def _at_last(person: Person, event: UsageEvent, ways: Sequence[Way], why: str) -> Forward | Refuse:
    """Nothing more is waited for."""
    answers = (_BY[way](person, event) for way in ways)
    found = next((answer for answer in answers if answer is not None), None)
    if found is None and "domain" in ways:
        why += ", nor is an e-mail address of theirs at a company known"
    return found if found is not None else _unattributed(event, why)


def _by_group(person: Person, event: UsageEvent) -> Forward | Refuse | None:
    memberships = person.memberships
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
    return _forward(event, accounts) if accounts else None


def _by_domain(person: Person, event: UsageEvent) -> Forward | None:
    domain = _domain(person, event)
    return _forward(event, [domain]) if domain else None


def _domain(person: Person, event: UsageEvent) -> str | None:
    """Of the e-mail address as known by then, else of an id that is one. "": it names no account; None: none is known."""
    said = [domain for since, domain in person.domains if since <= event.timestamp + HOLD_MS]
    if said:
        return said[-1]
    return domain_of(event.person) if kind_of(event.person) in ("business", "role") else None


def _by_person(person: Person, event: UsageEvent) -> Forward | None:  # noqa: ARG001  as the other ways
    return None if event.person is None else _forward(event, [f"{ALONE}{event.person}"])


_BY: Mapping[Way, Callable[[Person, UsageEvent], Forward | Refuse | None]] = {
    "group": _by_group,
    "domain": _by_domain,
    "person": _by_person,
}


def _forward(event: UsageEvent, accounts: Iterable[str]) -> Forward:
    return Forward(tuple(msgspec.structs.replace(event, account=account, attributed=True) for account in accounts))


def _unattributed(event: UsageEvent, why: str) -> Refuse:
    message = f"The event names no account and {why}. Send `group` for {who(event)}, or send events with their groupId."
    return Refuse(event, "unattributed", message)
