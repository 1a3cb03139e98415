"""The bytes of a webhook in the format `flat`: one level, always the same keys, texts and numbers, the names that a CRM wants."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.core.formats.flat import flat
from notifier.core.payload import BODY_BYTES_MAX, endpoint_test
from tests.notifier.leads import AT, FULL, LEAD, json_values, message

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
TEST = endpoint_test("test_0123456789abcdef0123", "acme-mail", "ep_0123456789abcdef", AT)


def sent(data: dict[str, Any], type_: str = "lead.created") -> dict[str, Any]:
    body: dict[str, Any] = json.loads(flat(message(data, type_)))
    return body


def test_a_lead_event_becomes_exactly_these_bytes() -> None:
    assert flat(message(FULL)) == (GOLDEN / "webhook_flat_lead_created.json").read_bytes()


def test_a_test_message_is_exactly_these_bytes() -> None:
    assert flat(TEST) == (GOLDEN / "webhook_flat_endpoint_test.json").read_bytes()


def test_every_message_has_the_same_keys_and_the_guide_has_them_all() -> None:
    keys = list(json.loads(flat(TEST)))
    assert list(sent(LEAD)) == list(sent(FULL)) == list(sent({})) == keys
    guide = (ROOT / "docs" / "webhooks.md").read_text()
    table = guide[guide.index("### Keys of `flat`") :].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert [key for row in rows for key in re.findall(r"`(\w+)`", row)] == keys


@pytest.mark.parametrize(
    ("person", "last_name"),
    [
        ({"last_name": "Lo", "email": "ada@acme.io", "external_id": "u_1"}, "Lo"),
        ({"last_name": None, "email": "ada@acme.io", "external_id": "u_1"}, "ada"),
        ({"last_name": "", "email": None, "external_id": "u_1"}, "u_1"),
        ({}, "Unknown"),
        (None, "Unknown"),
    ],
)
def test_the_last_name_is_never_empty(person: dict[str, Any] | None, last_name: str) -> None:
    assert sent({"people": [] if person is None else [person]})["last_name"] == last_name


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ({"name": "Acme", "domain": "acme.io", "external_id": "acc_9"}, "Acme"),
        ({"name": None, "domain": "acme.io", "external_id": "acc_9"}, "acme.io"),
        ({"name": "", "domain": None, "external_id": "acc_9"}, "acc_9"),
        ({}, "Unknown"),
    ],
)
def test_the_account_name_is_never_empty(account: dict[str, Any], name: str) -> None:
    assert sent({"account": account})["account_name"] == name


def test_what_changed_is_one_text() -> None:
    changes = [
        {"field": "step", "rule": "limit/contacts", "old": "80%", "new": "100%"},
        {"field": "signal", "rule": "premium", "old": None, "new": None},
        {"field": "disputed", "rule": None, "old": True, "new": False},
    ]
    assert sent({"changes": changes})["changes"] == "step limit/contacts: 80% → 100%; signal premium; disputed: yes → no"


@settings(max_examples=40)
@given(data=st.dictionaries(st.sampled_from([*FULL, "x"]), json_values), times=st.sampled_from([1, 50, 400]))
def test_whatever_a_lead_holds_it_is_one_level_of_texts_and_numbers_under_64_kib(data: dict[str, Any], times: int) -> None:
    big = FULL | {"signals": FULL["signals"] * times, "told_us": {"€" * times: "€" * (100 * times)}} | data
    body = flat(message(big))
    assert len(body) <= BODY_BYTES_MAX
    told = json.loads(body)
    assert {type(value) for value in told.values()} <= {str, int, float}
    assert told["last_name"]
    assert told["account_name"]
    assert list(told) == list(sent(LEAD))
