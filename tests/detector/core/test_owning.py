"""Whose a lead is: shares of a list, what the trait says, and what was stored before there were owners."""

from collections import Counter
from dataclasses import replace
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detector.core.ledger import Ledger
from detector.core.owning import share
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Owners
from detector.core.rulebook.program import Program
from tests.detector.core.sample import RULEBOOK
from tests.detector.core.story import types
from tests.detector.core.test_commands import Desk, changes

PEOPLE = ("ana@x.io", "bob@x.io", "eve@x.io")


def owning(to: str | None = None, **owners: object) -> Program:
    kinds = RULEBOOK.lead_types if to is None else tuple(replace(each, to=to) for each in RULEBOOK.lead_types)
    return compile_rulebook(replace(RULEBOOK, lead_types=kinds, owners=Owners(**owners)), 3)  # type: ignore[arg-type]


def test_accounts_are_shared_out_evenly() -> None:
    shares = Counter(share(PEOPLE, "acme-mail", f"acc_{n}") for n in range(3_000))
    assert set(shares) == set(PEOPLE)
    assert all(900 < number < 1_100 for number in shares.values())


@given(
    st.lists(st.emails(), min_size=1, max_size=8, unique_by=str.lower), st.text(max_size=20), st.randoms(use_true_random=False)
)
def test_an_account_falls_to_the_same_one_however_they_are_written(people: list[str], account: str, dice: Random) -> None:
    mixed = dice.sample(people, len(people))
    owner = share(people, "p", account)
    assert owner in people
    assert share(mixed, "p", account) == owner
    assert share([each.upper() for each in people], "p", account) == owner.upper()


@given(st.lists(st.emails(), min_size=1, max_size=8, unique_by=str.lower), st.text(max_size=20), st.emails())
def test_who_joins_takes_accounts_over_and_moves_no_other(people: list[str], account: str, joining: str) -> None:
    assert share([*people, joining], "p", account) in {share(people, "p", account), joining}


def test_a_fourth_person_takes_a_quarter() -> None:
    accounts = [f"acc_{n}" for n in range(3_000)]
    before, after = ({each: share(people, "p", each) for each in accounts} for people in (PEOPLE, (*PEOPLE, "zoe@x.io")))
    moved = [each for each in accounts if before[each] != after[each]]
    assert {after[each] for each in moved} == {"zoe@x.io"}
    assert 650 < len(moved) < 850


def test_projects_share_their_accounts_out_apart() -> None:
    assert {share(PEOPLE, f"p{n}", "acc_9") for n in range(20)} == set(PEOPLE)


def test_nobody_is_nobodys_share() -> None:
    assert share((), "p", "acc_9") is None


def test_a_rulebook_without_owners_names_nobody() -> None:
    [created] = Desk().contacts(8, 1)
    assert created.data["owner"] == {"email": None}


def test_what_is_for_the_product_itself_is_nobodys() -> None:
    desk = Desk(owning("product", trait="account.owner_email", others=PEOPLE))
    desk.happens(None, 0, kind="group", traits={"owner_email": "gil@x.io"})
    [created] = desk.contacts(8, 1)
    assert created.data["owner"] == {"email": None}
    assert desk.happens(None, 2, kind="group", traits={"owner_email": "ivo@x.io"}) == []


def test_another_spelling_of_the_same_address_is_no_other_owner() -> None:
    desk = Desk(owning(trait="account.owner_email"))
    desk.happens(None, 0, kind="group", traits={"owner_email": "gil@x.io"})
    desk.contacts(8, 1)
    assert desk.happens(None, 2, kind="group", traits={"owner_email": "Gil@X.io"}) == []


def test_an_owner_that_the_crm_changes_is_told_though_the_lead_is_snoozed() -> None:
    """As it is when sales says it: the new one has not put it off."""
    desk = Desk(owning(trait="account.owner_email"))
    [created] = desk.contacts(8, 1)
    desk.says("snooze", 2, program=desk.program, lead=created.data["lead_id"], until=None)
    desk.says("snooze", 2, program=desk.program, lead=created.data["lead_id"], until=created.timestamp + 9 * 86_400_000)
    [updated] = desk.happens(None, 3, kind="group", traits={"owner_email": "gil@x.io"})
    assert (changes(updated), updated.notify) == ([("owner", None, "gil@x.io")], True)
    assert updated.data["revision"] == 3


def test_a_lead_that_nobody_heard_of_changes_hands_silently() -> None:
    desk = Desk(owning(trait="account.owner_email"))
    [created] = desk.happens("Counted", 0, properties={"total": 8}, arrives=30)
    assert not created.notify
    [updated] = desk.happens(None, 31, kind="group", traits={"owner_email": "gil@x.io"})
    assert (types([updated]), updated.notify) == ([("lead.updated", "pql")], False)


def test_an_owner_of_before_was_named_by_sales_and_stays() -> None:
    """What was stored before rulebooks had owners lacks the field at the end."""
    desk = Desk(owning(trait="account.owner_email"))
    [created] = desk.contacts(8, 1)
    desk.says("owner", 2, program=desk.program, lead=created.data["lead_id"], email="hana@x.io")
    stored = msgspec.to_builtins(desk.account.ledger)
    del stored[1]["pql"][-1]
    desk.account._ledger.ledger = msgspec.convert(stored, Ledger)
    assert desk.happens(None, 3, kind="group", traits={"owner_email": "gil@x.io"}) == []
