"""Whose event is it: memberships and events in any order."""

import pytest

from detector.core.attribution import (
    HELD_PER_PERSON_MAX,
    HOLD_MS,
    LINKS_MAX,
    MEMBERSHIPS_MAX,
    Forward,
    Hold,
    Person,
    Refuse,
    Relink,
    attribute,
    expire_held,
    join,
    joins,
    learn_link,
    one_too_many,
    settle_held,
)
from tests.detector.shell.samples import MINUTE, NOON, usage_event


def member(**since: int) -> Person:
    return Person(memberships=since)


def test_the_only_membership_by_then_is_the_events_account() -> None:
    event = usage_event("m1", person="ada")

    decision = attribute(member(acme=NOON - 1, bolt=NOON + HOLD_MS + 1), event, NOON)

    assert isinstance(decision, Forward)
    (copy,) = decision.events
    assert (copy.account, copy.attributed, copy.id, copy.timestamp) == ("acme", True, "m1", NOON)


def test_a_membership_reaches_as_far_back_as_an_event_would_have_waited() -> None:
    event = usage_event("m1", person="ada")

    assert isinstance(attribute(member(acme=NOON + HOLD_MS), event, NOON), Forward)
    assert isinstance(attribute(member(acme=NOON + HOLD_MS + 1), event, NOON), Hold)


def test_two_memberships_are_never_a_guess() -> None:
    decision = attribute(member(acme=NOON, bolt=NOON), usage_event("m1", person="ada"), NOON)

    assert isinstance(decision, Refuse)
    assert decision.code == "ambiguous_account"
    assert "groupId" in decision.message


def test_an_identify_goes_to_every_account_of_the_person() -> None:
    decision = attribute(member(bolt=NOON, acme=NOON + 2 * HOLD_MS), usage_event("m1", "identify", person="ada"), NOON)

    assert isinstance(decision, Forward)
    assert [event.account for event in decision.events] == ["acme", "bolt"]


def test_what_waits_is_settled_by_the_group_in_order_of_arrival() -> None:
    person = Person()
    for n in (2, 1):
        assert attribute(person, usage_event(f"m{n}", anonymous="ada"), NOON) == Hold(person.held[f"m{n}"])
    group = usage_event("g", "group", anonymous="ada", account="acme", at=NOON + MINUTE)

    assert joins(group)
    assert join(person, group)
    settled = settle_held(person)

    assert [d.events[0].id for d in settled if isinstance(d, Forward)] == ["m2", "m1"]
    assert person.held == {}


def test_a_group_after_the_hold_leaves_the_event_waiting_until_it_expires() -> None:
    person = Person()
    attribute(person, usage_event("m1", person="ada", at=NOON - HOLD_MS), NOON)
    join(person, usage_event("g", "group", person="ada", account="acme", at=NOON + 1))

    assert settle_held(person) == []
    assert expire_held(person, NOON + HOLD_MS - 1) == []
    (refused,) = expire_held(person, NOON + HOLD_MS)
    assert isinstance(refused, Refuse)
    assert refused.code == "unattributed"


def test_the_earliest_group_counts_and_a_later_one_teaches_nothing() -> None:
    person = member(acme=NOON)

    assert not join(person, usage_event("g", "group", person="ada", account="acme", at=NOON + 1))
    assert join(person, usage_event("g", "group", person="ada", account="acme", at=NOON - 1))
    assert person.memberships == {"acme": NOON - 1}


def test_a_person_belongs_to_so_many_accounts_and_no_more() -> None:
    person = member(**{f"a{n}": NOON for n in range(MEMBERSHIPS_MAX)})

    refused = one_too_many(person, usage_event("g", "group", person="ada", account="acme"))

    assert refused is not None
    assert (refused.code, "groupId" in refused.message) == ("too_many_accounts", True)
    assert one_too_many(person, usage_event("g", "group", person="ada", account="a7")) is None
    assert one_too_many(Person(), usage_event("g", "group", person="ada", account="acme")) is None


def test_what_has_waited_long_enough_can_be_buried_bit_by_bit() -> None:
    person = Person()
    for n in range(3):
        attribute(person, usage_event(f"m{n}", person="ada"), NOON)

    expired = expire_held(person, NOON + HOLD_MS, most=2)
    assert [refused.event.id for refused in expired if isinstance(refused, Refuse)] == ["m0", "m1"]
    assert list(person.held) == ["m2"]


def test_a_copy_of_a_waiting_event_changes_nothing() -> None:
    person = Person()
    attribute(person, usage_event("m1", person="ada"), NOON)

    assert attribute(person, usage_event("m1", person="ada"), NOON + MINUTE) is None
    assert person.due == NOON + HOLD_MS


def test_one_person_cannot_make_endless_events_wait() -> None:
    person = Person()
    decisions = [attribute(person, usage_event(f"m{n}", person="ada"), NOON) for n in range(HELD_PER_PERSON_MAX + 1)]

    assert isinstance(decisions[-2], Hold)
    assert isinstance(decisions[-1], Refuse)


def linked(*said: tuple[int, str]) -> Person:
    person = Person()
    for number, (at, somebody) in enumerate(said):
        learn_link(person, usage_event(f"l{number}", "alias", at, person=None, anonymous="x", link=somebody))
    return person


@pytest.mark.parametrize(
    ("at", "whose"),
    [
        (NOON - HOLD_MS - 1, None),
        (NOON - HOLD_MS, "ada"),
        (NOON - 1, "ada"),
        (NOON, "ada"),
        (NOON + 2 * HOLD_MS - 1, "ada"),
        (NOON + 2 * HOLD_MS, "bo"),
        (NOON + 9 * HOLD_MS, "bo"),
    ],
)
def test_what_an_anonymous_id_did_is_its_persons_of_then(at: int, whose: str | None) -> None:
    said = [(NOON + 2 * HOLD_MS, "bo"), (NOON, "ada")]
    for order in (said, said[::-1]):
        event = usage_event("m1", at=at, person=None, anonymous="x")
        decision = attribute(linked(*order), event, at)
        if whose is None:
            assert isinstance(decision, Hold)
        else:
            assert isinstance(decision, Relink)
            assert (decision.event.person, decision.event.anonymous, decision.event.id) == (whose, "x", "m1")


def test_what_waits_under_an_anonymous_id_goes_out_when_it_is_known_whose_it_is() -> None:
    person = Person()
    assert isinstance(attribute(person, usage_event("m1", person=None, anonymous="x"), NOON), Hold)
    assert learn_link(person, usage_event("l", "alias", NOON + 5, person=None, anonymous="x", link="ada"))
    (settled,) = settle_held(person)
    assert isinstance(settled, Relink)
    assert person.held == {}


def test_of_links_those_are_kept_that_may_matter() -> None:
    person = linked((5, "ada"), (9, "ada"), (7, "bo"), (3, "ada"), (4, "ada"))
    assert person.links == [(3, "ada"), (5, "ada"), (7, "bo"), (9, "ada")]
    assert not learn_link(person, usage_event("l", "alias", 7, person=None, anonymous="x", link="bo"))
    assert len(linked(*((n, f"p{n}") for n in range(LINKS_MAX + 5))).links) == LINKS_MAX


def test_whoever_names_a_person_is_not_asked_for_another() -> None:
    assert isinstance(attribute(linked((NOON, "ada")), usage_event("m1", person="bo", anonymous="x"), NOON), Hold)
