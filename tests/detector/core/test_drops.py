"""Events that count for nothing leave nothing behind, however their properties are written."""

from typing import Any

import msgspec
import pytest

from contracts.codec import encode_event
from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.drops import KNOWN
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, T0, place, usage

BOOK = """
project: p
lists: {{staff: [acme.example], nobody: []}}
lead_types: {{pql: {{to: sales, answer_in: 1h, do: x}}}}
rules: {{busy: {{lead: pql, when: [stage != paying, events >= 1], say: x}}}}
measures: {{events: {{count: active}}}}
drop_events: {drop}
"""


def program(drop: str) -> Program:
    return compile_rulebook(parse(BOOK.format(drop=drop), {}).rulebook, 1)


def raw(properties: str) -> UsageEvent:
    return msgspec.structs.replace(usage("m1", T0, "Opened", person="ada"), properties=msgspec.Raw(properties.encode()))


def stays(account: Account, event: UsageEvent, drop: str) -> bool:
    process(program(drop), account, event, place(event.received_at))
    return account.dropped == 0


@pytest.mark.parametrize(
    ("properties", "drop", "dropped"),
    [
        ('{"impersonated": true}', "[properties.impersonated]", True),
        ('{"impersona\\u0074ed": true}', "[properties.impersonated]", True),
        ('{"impersonated": false}', "[properties.impersonated]", False),
        ('{"impersonated": 1}', "[properties.impersonated]", False),
        ('{"note": "\\"impersonated\\": true"}', "[properties.impersonated]", False),
        ("{}", "[properties.impersonated]", False),
        ("[1]", "[properties.impersonated]", False),
        ('{"a": {"b": "x"}}', "['properties.a.b == \"x\"']", True),
        ('{"a": {"c": "x"}}', "['properties.a.b == \"x\"']", False),
        ('{"a": "x"}', "['properties.a.b == \"x\"']", False),
        ('{"n": 3}', "[properties.n > 2 and person.vip]", False),
        ("{}", "[not (properties.impersonated and false)]", True),
    ],
)
def test_properties_are_the_events_own(properties: str, drop: str, dropped: bool) -> None:
    event = raw(properties)
    assert stays(Account.new("p", "a"), event, drop) is not dropped
    drops = program(drop).drops
    assert drops is not None
    assert not (dropped and drops.spare(encode_event(event))), "what its bytes say of it is enough to look closer"


@pytest.mark.parametrize(
    ("properties", "drop", "spared"),
    [
        ('{"total": 3}', "[properties.impersonated]", True),
        ('{"total": 3}', "[person.email_domain in staff]", True),
        ('{"impersonated": true}', "[person.email_domain in staff]", True),
        ('{"impersonated": false}', "[properties.impersonated]", False),
        ('{"it": "impersonated"}', "[properties.impersonated]", False),
        ('{"it": "\\n"}', "[properties.impersonated]", False),
        ('{"größe": 1}', "[properties.größe == 2]", False),
        ("{}", "[not (properties.impersonated and false)]", False),
    ],
)
def test_bytes_without_its_properties_are_spared_a_closer_look(properties: str, drop: str, spared: bool) -> None:
    drops = program(drop).drops
    assert drops is not None
    assert drops.spare(encode_event(raw(properties))) is spared


def test_nothing_is_in_a_list_that_nobody_has_filled() -> None:
    assert program("[person.email_domain in nobody or (properties.x in nobody and properties.y)]").drops is None
    assert program("[]").drops is None
    assert program("[person.email_domain in nobody or properties.x]").drops is not None


def identify(number: int, email: str | None, day: float) -> UsageEvent:
    return usage(f"i{number}", T0 + int(day * DAY), kind="identify", person="u1", traits={"email": email})


def test_a_dropped_account_knows_nobody_has_no_beginning_and_survives_a_restart() -> None:
    rules, account = program("[person.email_domain in staff]"), Account.new("p", "a")
    process(rules, account, identify(1, "eva@acme.example", 1), place(T0 + DAY))
    dump = account.dump()
    assert account.is_unheard_of
    assert not account.is_empty, "who is one of ours must be known after a restart"
    account = Account.load("p", "a", dump.hot, dump.chunks)
    process(rules, account, usage("m1", T0 + 2 * DAY, "Opened", person="u1"), place(T0 + 2 * DAY))
    assert (account.dropped, account.facts.newest, account.facts.activity.people) == (1, -1, {})
    assert "u1" not in account.facts.people.owners
    process(rules, account, usage("m2", T0 + 2 * DAY, "Opened", person="u2"), place(T0 + 2 * DAY))
    assert account.facts.newest == T0 + 2 * DAY
    assert list(account.facts.activity.people) == ["u2"]


def test_an_account_of_which_everything_was_dropped_is_nothing_to_store() -> None:
    account = Account.new("p", "a")
    process(program("[properties.x]"), account, raw('{"x": true}'), place(T0))
    account.dump()
    assert account.is_empty


def test_somebody_is_one_of_ours_until_another_address_is_said_by_its_own_time() -> None:
    rules, account = program("[person.email_domain in staff]"), Account.new("p", "a")
    said: list[tuple[Any, ...]] = [(1, "eva@acme.example", 1), (2, "eva@home.example", 3), (3, "eva@acme.example", 2)]
    found = []
    for number, email, day in said:
        process(rules, account, identify(number, email, day), place(T0 + 9 * DAY))
        process(rules, account, usage(f"m{number}", T0 + int(day * DAY), "Opened", person="u1"), place(T0 + 9 * DAY))
        found.append(account.dropped)
    assert found == [2, 2, 2], "the third is older news than the second"
    assert account.facts.store(KNOWN).value("u1", "email", T0 + 9 * DAY) == "eva@home.example"


def test_another_rulebook_judges_people_anew() -> None:
    account = Account.new("p", "a")
    process(program("[person.email_domain in staff]"), account, identify(1, "eva@acme.example", 1), place(T0 + DAY))
    opened = usage("m1", T0 + 2 * DAY, "Opened", person="u1")
    process(program("['person.email_domain in [\"other.example\"]']"), account, opened, place(T0 + 2 * DAY))
    assert account.facts.newest == opened.timestamp
