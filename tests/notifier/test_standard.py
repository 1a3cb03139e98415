"""The bytes of a webhook in the format `standard`: fixed by golden files, under 64 KiB, safe for JavaScript."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import LeadEvent, Place
from notifier.core.formats import lead_body
from notifier.core.formats.standard import standard
from notifier.core.links import Links
from notifier.core.payload import BODY_BYTES_MAX, endpoint_test
from tests.notifier.leads import AT, LEAD, json_values, message

GOLDEN = Path(__file__).parent.parent / "golden"


def test_a_lead_event_becomes_exactly_these_bytes() -> None:
    assert standard(message(LEAD)) == (GOLDEN / "webhook_lead_created.json").read_bytes()


def test_a_test_message_is_exactly_these_bytes() -> None:
    made = endpoint_test("test_0123456789abcdef0123", "acme-mail", "ep_0123456789abcdef", AT)
    assert standard(made) == (GOLDEN / "webhook_endpoint_test.json").read_bytes()


def test_links_are_made_for_the_lead_as_it_stands_and_for_nobody_who_is_not_to_know_who_it_is() -> None:
    links = Links(("key",), "https://leads.example.com", lambda: AT)
    place = Place(topic="events", partition=0, offset=7, time=AT)

    def made(status: str, pii: str, by: Links | None) -> dict[str, Any]:
        event = LeadEvent(
            id="le_1", project="p", account="a", type="lead.x", timestamp=AT, rulebook_version=1, place=place,
            data=LEAD | {"status": status},
        )  # fmt: skip
        found: dict[str, Any] = json.loads(lead_body(event, "standard", pii, by))["data"]["links"]
        return found

    assert made("accepted", "full", links) == links.of(LEAD["lead_id"], "accepted")
    assert set(made("open", "full", None).values()) == set(made("open", "minimal", links).values()) == {None}


@pytest.mark.parametrize(
    ("number", "wire"),
    [
        (2**53, "9007199254740992"),
        (2**53 + 1, '"9007199254740993"'),
        (-(2**53) - 1, '"-9007199254740993"'),
        (True, "true"),
        (1e300, "1e300"),
    ],
)
def test_integers_beyond_2_to_53_travel_as_strings(number: object, wire: str) -> None:
    assert f'"data":{{"deep":[{{"n":{wire}}}]}}'.encode() in standard(message({"deep": [{"n": number}]}))


def test_the_lead_event_itself_is_not_changed() -> None:
    before = json.dumps(LEAD)
    standard(message(LEAD))
    assert json.dumps(LEAD) == before


def test_of_too_much_evidence_the_deciding_message_ids_stay_and_all_else_is_whole() -> None:
    evidence = [LEAD["evidence"][0] | {"message_ids": [f"message-{number:060}" for number in range(11)]} for _ in range(150)]
    sent = json.loads(standard(message(LEAD | {"evidence": evidence})))["data"]
    assert len(sent["evidence"]) == 150
    assert {tuple(each["message_ids"]) for each in sent["evidence"]} == {(f"message-{0:060}",)}
    assert sent["account"] == LEAD["account"]


@settings(max_examples=40)
@given(data=st.dictionaries(st.text(max_size=8), json_values, max_size=5), times=st.sampled_from([1, 50, 400]))
def test_whatever_a_lead_holds_its_body_stays_under_64_kib(data: dict[str, Any], times: int) -> None:
    big = {
        "lead_id": "ld_1",
        "revision": 2,
        "items": [data] * times,
        "text": "€" * (100 * times),
        "keys": {f"{'k' * 200}{number}": number for number in range(times)},
    }
    body = standard(message(big))
    assert len(body) <= BODY_BYTES_MAX < 64 * 1024
    sent = json.loads(body)
    assert (sent["id"], sent["data"]["lead_id"], sent["data"]["revision"]) == ("le_9a8b7c6d5e4f30212345", "ld_1", 2)
