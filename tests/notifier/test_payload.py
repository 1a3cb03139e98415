"""The bytes of a webhook: fixed by golden files, under 64 KiB, safe for JavaScript."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import LeadEvent, Place
from notifier.core.payload import BODY_BYTES_MAX, endpoint_test, standard

GOLDEN = Path(__file__).parent.parent / "golden"
AT = 1_778_680_991_042
LEAD: dict[str, Any] = {
    "lead_id": "ld_5b0c7a1d9e3f42a6b8c1",
    "revision": 1,
    "status": "open",
    "lead_type": "pql",
    "to": "sales",
    "temperature": None,
    "answer_by": None,
    "snoozed_until": None,
    "takes_over": None,
    "disputed": False,
    "changes": [],
    "score": {"total": None, "fit": None, "behaviour": None, "contributions": []},
    "summary": "Acme Bäckerei has used 487 of 500 contacts on free (97.4 %)",
    "recommended_action": "Offer Standard, a demo or a personal walk-through.",
    "signals": [
        {
            "signal_id": "sg_0f1e2d3c4b5a69788796",
            "rule": "limit/contacts",
            "rulebook_version": 4,
            "step": "80%",
            "text": "487 of 500 contacts",
            "at": "2026-05-13T14:03:11.000Z",
        }
    ],
    "evidence": [
        {
            "rule": "limit/contacts",
            "condition": "limit.percent >= 80%",
            "value": 97.4,
            "threshold": 80,
            "window": None,
            "message_ids": ["m-487"],
        }
    ],
    "account": {
        "external_id": "acc_9",
        "name": "Acme Bäckerei",
        "domain": "acme.io",
        "plan": "free",
        "stage": "free",
        "customer_since": None,
        "trial_ends_at": None,
    },
    "people": [],
    "usage": [
        {"limit": "contacts", "unit": None, "used": 487, "allowed": 2**60, "full_on": None, "resets_at": None, "refused_7d": 0}
    ],
    "onboarding": {"done": 3, "of": 3, "missing": []},
    "features": [],
    "offer": {"kind": None, "name": None, "price_now": None, "price_next": None, "currency": None, "per": None, "covers": []},
    "owner": {"email": None},
    "segments": [],
    "told_us": {},
    "source": {},
    "history": {"leads_before": 0, "last_outcome": None},
    "crm": {},
    "qualified_at": "2026-05-13T14:03:11.000Z",
    "links": {"lead": None, "accept": None, "reject": None, "snooze": None},
}


def event(data: dict[str, Any]) -> LeadEvent:
    return LeadEvent(
        id="le_9a8b7c6d5e4f30212345",
        project="acme-mail",
        account="acc_9",
        type="lead.created",
        timestamp=AT,
        rulebook_version=4,
        place=Place(topic="events", partition=0, offset=7, time=AT),
        data=data,
    )


def test_a_lead_event_becomes_exactly_these_bytes() -> None:
    assert standard(event(LEAD), "http://localhost:8080") == (GOLDEN / "webhook_lead_created.json").read_bytes()


def test_a_test_message_is_exactly_these_bytes() -> None:
    made = endpoint_test("test_0123456789abcdef0123", "acme-mail", "ep_0123456789abcdef", AT)
    assert made == (GOLDEN / "webhook_endpoint_test.json").read_bytes()


def test_without_a_base_url_the_link_stays_null() -> None:
    assert json.loads(standard(event(LEAD), None))["data"]["links"]["lead"] is None


def test_a_link_that_is_already_there_stays() -> None:
    data = LEAD | {"links": {"lead": "https://console.example/l/1"}}
    assert json.loads(standard(event(data), "http://x"))["data"]["links"]["lead"] == "https://console.example/l/1"


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
    assert f'"data":{{"deep":[{{"n":{wire}}}]}}'.encode() in standard(event({"deep": [{"n": number}]}), None)


def test_the_lead_event_itself_is_not_changed() -> None:
    before = json.dumps(LEAD)
    standard(event(LEAD), "http://x")
    assert json.dumps(LEAD) == before


def test_of_too_much_evidence_the_deciding_message_ids_stay_and_all_else_is_whole() -> None:
    evidence = [LEAD["evidence"][0] | {"message_ids": [f"message-{number:060}" for number in range(11)]} for _ in range(150)]
    sent = json.loads(standard(event(LEAD | {"evidence": evidence}), None))["data"]
    assert len(sent["evidence"]) == 150
    assert {tuple(each["message_ids"]) for each in sent["evidence"]} == {(f"message-{0:060}",)}
    assert sent["account"] == LEAD["account"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


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
    body = standard(event(big), "http://x")
    assert len(body) <= BODY_BYTES_MAX < 64 * 1024
    sent = json.loads(body)
    assert (sent["id"], sent["data"]["lead_id"], sent["data"]["revision"]) == ("le_9a8b7c6d5e4f30212345", "ld_1", 2)
