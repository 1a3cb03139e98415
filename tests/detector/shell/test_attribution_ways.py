"""Whose event is it, where the rulebook also finds accounts by an e-mail's domain, or by the person alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import EVENTS, UsageEvent
from detector.core import attribution
from detector.core.attribution import (
    ADDRESSES_MAX,
    HOLD_MS,
    Decision,
    Forward,
    Hold,
    Person,
    Refuse,
    attribute,
    expire_held,
    join,
    learn_address,
    settle_held,
)
from detector.core.facts.facts import Facts
from detector.core.rulebook.model import Way
from detector.core.who import account_name
from tests.detector.shell.samples import MINUTE, NOON, usage_event
from tests.detector.shell.test_attributor import contacts, forwarded, group
from tests.detector.shell.world import RULEBOOK, World

ALL: tuple[Way, ...] = ("group", "domain", "person")


def said(address: object, at: int = NOON, person: str = "ada") -> UsageEvent:
    return usage_event(f"i{at}", "identify", person=person, at=at, traits={"email": address})


def known(*addresses: str) -> Person:
    person = Person()
    for n, address in enumerate(addresses):
        learn_address(person, said(address, NOON + n))
    return person


def account_of(decision: Decision) -> str | None:
    """None: it waits."""
    if isinstance(decision, Refuse):
        return decision.code
    return decision.events[0].account if isinstance(decision, Forward) else None


def at_last(person: Person, ways: Sequence[Way], event_person: str | None = "ada") -> str | None:
    """What becomes of an event of NOON that nothing is heard of any more."""
    decision = attribute(person, usage_event("m1", person=event_person, anonymous="a1"), NOON, 0, ways)
    if isinstance(decision, Hold):
        (decision,) = expire_held(person, NOON + HOLD_MS, 10, ways)
    return account_of(decision)


@pytest.mark.parametrize(
    ("addresses", "ways", "account"),
    [
        (["ada@Acme.example"], ALL, "acme.example"),
        (["info@acme.example"], ALL, "acme.example"),
        (["ada@gmail.com"], ALL, "person:ada"),
        (["ada@gmail.com"], ("group", "domain"), "unattributed"),
        ([], ALL, "person:ada"),
        (["not an address"], ("domain", "person"), "person:ada"),
        (["ada@acme.example"], ("person", "domain"), "person:ada"),
        (["ada@acme.example"], ("group",), "unattributed"),
        (["ada@old.example", "ada@acme.example"], ("domain",), "acme.example"),
        (["ada@acme.example", "ada@gmail.com"], ("domain",), "unattributed"),
    ],
)
def test_who_joined_no_account_belongs_to_that_of_the_domain_or_to_one_of_their_own(
    addresses: list[str], ways: tuple[Way, ...], account: str
) -> None:
    assert at_last(known(*addresses), ways) == account


def test_an_id_that_is_an_address_says_the_domain_until_another_is_said() -> None:
    assert at_last(Person(), ("domain",), "bo@acme.example") == "acme.example"
    assert at_last(Person(), ("domain",), "bo@gmail.com") == "unattributed"
    assert at_last(known("bo@bolt.example"), ("domain",), "bo@acme.example") == "bolt.example"


def test_nobody_in_particular_has_no_account_of_their_own() -> None:
    assert at_last(Person(), ALL, None) == "unattributed"


def test_a_membership_goes_first_where_it_is_named_first_and_two_are_never_a_guess() -> None:
    person = known("ada@acme.example")
    person.memberships = {"bolt": NOON}
    assert at_last(person, ALL) == "bolt"
    assert at_last(person, ("domain", "group")) == "acme.example"
    person.memberships["third"] = NOON
    assert at_last(person, ALL) == "ambiguous_account"


def test_an_address_counts_as_long_before_it_was_said_as_an_event_waits() -> None:
    person = Person()
    learn_address(person, said("ada@acme.example", NOON + HOLD_MS))
    assert at_last(person, ("domain",)) == "acme.example"
    person = Person()
    learn_address(person, said("ada@acme.example", NOON + HOLD_MS + 1))
    assert at_last(person, ("domain",)) == "unattributed"


def test_when_no_more_may_wait_what_is_known_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "HELD_PER_PERSON_MAX", 0)
    assert account_of(attribute(known("ada@acme.example"), usage_event("m1", person="ada"), NOON, 0, ALL)) == "acme.example"
    monkeypatch.setattr(attribution, "HELD_PER_PERSON_MAX", 9)
    monkeypatch.setattr(attribution, "HELD_PER_PROJECT_MAX", 5)
    assert account_of(attribute(Person(), usage_event("m1", person="ada"), NOON, 5, ALL)) == "person:ada"


def test_of_very_many_addresses_the_newest_are_kept_and_of_equal_ones_the_ends() -> None:
    person = Person()
    for n in range(50):
        assert learn_address(person, said(f"ada@d{n // 10}.example", NOON + n))
    assert [at - NOON for at, _ in person.domains] == [0, 9, 10, 19, 20, 29, 30, 39, 40, 49]
    assert not learn_address(person, said("ada@d0.example", NOON)), "a copy says nothing new"
    for n in range(50, 100):
        learn_address(person, said(f"ada@d{n}.example", NOON + n))
    assert (len(person.domains), person.domains[-1]) == (ADDRESSES_MAX, (NOON + 99, "d99.example"))


@pytest.mark.parametrize("traits", [{}, {"email": 7}, {"email": None}, {"mail": "ada@acme.example"}, [1]])
def test_what_says_no_address_teaches_nothing(traits: object) -> None:
    assert not learn_address(Person(), usage_event("i", "identify", person="ada", traits=traits))


@dataclass(frozen=True)
class Heard:
    """Events of one person, all of which come within the ten minutes that an event waits. An id that is an address is theirs."""

    ways: tuple[Way, ...]
    events: list[UsageEvent]
    order: list[UsageEvent]


@st.composite
def heard(draw: st.DrawFn) -> Heard:
    ways = draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True))
    who = draw(st.sampled_from(["ada", "ada", "ada@acme.example", "ada@gmail.com"]))
    time = st.integers(0, 9).map(lambda minute: NOON + minute * MINUTE)
    events = [usage_event(f"m{n}", person=who, at=draw(time)) for n in range(3)]
    address = (
        draw(st.sampled_from([None, "ada@acme.example", "ada@gmail.com"])) if who == "ada" else draw(st.sampled_from([None, who]))
    )
    if address is not None:
        events += [said(address, draw(time), who) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        events.append(usage_event("g", "group", person=who, account="bolt", at=draw(time)))
    return Heard(tuple(ways), events, draw(st.permutations(events)))


def answers(ways: tuple[Way, ...], events: Sequence[UsageEvent]) -> set[tuple[str, str | None]]:
    person, found = Person(), list[tuple[str, str | None]]()

    def take(decisions: Sequence[Decision]) -> None:
        for each in decisions:
            if isinstance(each, Forward):
                found.extend((event.id, event.account) for event in each.events)
            elif isinstance(each, Refuse):
                found.append((each.event.id, each.code))

    for event in events:
        if event.type == "identify" and "domain" in ways and learn_address(person, event):
            take(settle_held(person, ways))
        if event.type == "group":
            join(person, event)
            take(settle_held(person, ways))
        else:
            take([attribute(person, event, NOON + 9 * MINUTE, 0, ways)])
    take(expire_held(person, NOON + 9 * MINUTE + HOLD_MS, 100, ways))
    return set(found)


@settings(max_examples=600)
@given(heard())
def test_in_any_order_within_ten_minutes_the_answer_is_the_same(case: Heard) -> None:
    assert answers(case.ways, case.order) == answers(case.ways, case.events)


def test_the_attributor_tries_the_ways_of_the_rulebook_in_force_after_a_restart_too(world: World) -> None:
    world.apply(RULEBOOK.replace("account: [group] ", "account: [group, domain, person] "))
    world.arrive(contacts("m1"), usage_event("i1", "identify", person="ada", traits={"email": "ada@acme.example"}))
    world.arrive(contacts("m2", person="bob"), contacts("m3", person="eve"), group("g1", "bolt", "eve"))
    world.drain()
    assert forwarded(world) == [("m3", "bolt")]

    world.restart()
    world.now += HOLD_MS
    world.drain()
    world.drain()

    assert sorted(forwarded(world)) == [
        ("i1", "acme.example"),
        ("m1", "acme.example"),
        ("m2", "person:bob"),
        ("m3", "bolt"),
    ]
    assert world.codes() == []
    assert {account for account, _, _ in world.leads()} == {"acme.example", "person:bob", "bolt"}
    assert world.store.people.load([("mail", "ada")])["mail", "ada"].domains == [(NOON, "acme.example")]


def test_an_account_of_a_person_alone_is_called_as_the_person_is() -> None:
    facts = Facts()
    assert account_name(facts, "person:ada", NOON) == "ada"
    facts.people.add("ada", "name", NOON, "i1", "Ada Lo")
    assert account_name(facts, "person:ada", NOON) == "Ada Lo"
    assert account_name(facts, "acme", NOON) == "acme"


def test_an_address_that_is_said_beside_the_account_is_learnt_and_settles_what_waits(world: World) -> None:
    world.apply(RULEBOOK.replace("account: [group] ", "account: [domain, group] "))
    world.arrive(contacts("m1"))
    world.drain()
    assert forwarded(world) == []
    world.arrive(usage_event("i1", "identify", person="ada", account="acme", traits={"email": "ada@acme.example"}))
    world.drain()
    assert forwarded(world) == [("m1", "acme.example")]
    assert len(world.records(EVENTS)) >= 2
