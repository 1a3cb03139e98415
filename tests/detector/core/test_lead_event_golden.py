"""A whole lead event, byte for byte: the shipped rulebook, a fortnight of an account, and what its receivers read."""

import json
from pathlib import Path
from typing import Any

import msgspec

from contracts.messages import LeadEvent
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial
from tests.detector.core.sample import DAY, T0, place, usage

GOLDEN = Path(__file__).parents[2] / "golden"
ACME = {
    "name": "Acme Bakery",
    "domain": "acme.io",
    "plan": "free",
    "owner_email": "rep@acme-mail.example",
    "crm_id": "0015g00000XyZ",
}
ADA = {
    "email": "ada@acme.io",
    "first_name": "Ada",
    "last_name": "Lo",
    "title": "Head of Marketing",
    "timezone": "Europe/Berlin",
    "goal": "move off spreadsheets",
    "utm_source": "google",
    "utm_medium": "cpc",
}

OPEN = dict.fromkeys(("history", "told_us", "source", "crm"))
"""Parts whose keys the rulebook names, or whose values are an object or null."""


def _fortnight() -> list[LeadEvent]:
    program = compile_rulebook(parse(trial(), bases()).rulebook, 4)
    account = Account.new("acme-mail", "acc_9")
    events = [
        usage("m1", T0, kind="group", traits=ACME),
        usage("m2", T0 + 1, kind="identify", person="u_1", traits=ADA),
        usage("m3", T0 + 2, kind="identify", person="u_2", traits={"role": "owner", "name": "Bo van Dyk"}),
        usage("m4", T0 + 3_600_000, "Signed Up", person="u_1"),
        usage("m5", T0 + DAY, "Automation Paywall Seen", person="u_1"),
        usage("m6", T0 + DAY + 5, "Contact Count Changed", person="u_1", properties={"total": 120}),
        usage("m7", T0 + 2 * DAY, "Contact Count Changed", person="u_1", properties={"total": 487}),
        usage("m8", T0 + 3 * DAY, "Automation Paywall Seen", person="u_2"),
        usage("m9", T0 + 4 * DAY, "Upgrade Clicked", person="u_1"),
        usage("m10", T0 + 5 * DAY, kind="group", traits={"plan": "standard"}),
    ]
    return [
        made
        for offset, event in enumerate(events)
        for made in process(program, account, event, place(event.timestamp + 212, offset))
    ]


def test_the_lead_events_of_a_fortnight_are_those_of_the_golden_file() -> None:
    made = [msgspec.to_builtins(each) for each in _fortnight()]
    assert made == json.loads((GOLDEN / "lead_events.json").read_text())


def _keys(value: Any) -> Any:
    return {key: _keys(each) for key, each in value.items()} if isinstance(value, dict) else None


def test_the_payload_has_the_keys_that_the_notifier_sends() -> None:
    sent = json.loads((GOLDEN / "webhook_lead_created.json").read_text())["data"]
    for made in _fortnight():
        data = made.data
        assert list(data) == list(sent)
        assert _keys(data) | OPEN == _keys(sent) | OPEN
        for list_of in ("signals", "evidence", "usage"):
            assert {tuple(each) for each in data[list_of]} == {tuple(sent[list_of][0])}
        assert all(person["last_name"] for person in data["people"])
