"""`pii: minimal`: who somebody is stays out of every format; ids, numbers and the rulebook's words stay."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import LeadEvent, Place
from notifier.core.formats import FORMATS, lead_body
from notifier.core.links import Links
from notifier.core.minimal import minimal
from tests.notifier.leads import AT, FULL, LEAD, json_values

SAID = [{"field": field, "rule": None, "old": None, "new": f"{field} of Ada Lo"} for field in ("reason", "by", "owner", "later")]
TRAIT = LEAD["evidence"][0] | {"condition": "person.title matches", "value": "Head of R&D", "threshold": "Head of"}
WHOLE = FULL | {
    "changes": [{"field": "step", "rule": "limit/contacts", "old": "80%", "new": "100%"}, *SAID],
    "evidence": [*FULL["evidence"], TRAIT],
    "crm": {"contact": "Ada Lo"},
    "later": ["Ada Lo"],
}
WHO = re.compile(r"Ada|\bLo\b|Bo van Dyk|Acme|acme\.io|Head of|Berlin|rep@|spreadsheets|goal|google|walk-through")


LINKS = Links(("key",), "https://leads.example.com", lambda: AT)


def event(data: dict[str, Any], type_: str = "lead.created") -> LeadEvent:
    place = Place(topic="events", partition=0, offset=7, time=AT)
    return LeadEvent(
        id="le_1", project="mail", account="acc_9", type=type_, timestamp=AT, rulebook_version=4, place=place, data=data
    )


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("type_", ["lead.created", "lead.updated", "lead.lost"])
def test_nothing_of_who_somebody_is_leaves_in_any_format(format_: str, type_: str) -> None:
    assert WHO.search(lead_body(event(WHOLE, type_), format_, "full", None).decode())
    assert not WHO.search(lead_body(event(WHOLE, type_), format_, "minimal", LINKS).decode())


def test_ids_numbers_and_the_rulebooks_words_stay() -> None:
    told = minimal(WHOLE)
    same = (
        "lead_id",
        "revision",
        "status",
        "temperature",
        "score",
        "usage",
        "onboarding",
        "features",
        "offer",
        "segments",
    )
    assert {key: told[key] for key in same} == {key: WHOLE[key] for key in same}
    assert told["account"] == FULL["account"] | {"name": None, "domain": None}
    assert told["people"][0] == dict.fromkeys(FULL["people"][0]) | {
        key: FULL["people"][0][key] for key in ("role", "external_id", "last_seen", "may_contact")
    }
    assert told["signals"] == [signal | {"text": None} for signal in FULL["signals"]]
    assert told["evidence"] == [FULL["evidence"][0], TRAIT | {"value": None, "threshold": None}]
    assert [(change["field"], change["new"]) for change in told["changes"]] == [
        ("step", "100%"),
        ("reason", None),
        ("by", None),
        ("owner", None),
        ("later", None),
    ]


def test_the_bodies_have_the_same_shape() -> None:
    told = minimal(WHOLE)
    assert {key: type(value) for key, value in told.items() if value is not None} == {
        key: type(value) for key, value in WHOLE.items() if told[key] is not None
    }
    assert [key for key in told if told[key] is None and WHOLE[key] is not None] == ["summary", "recommended_action"]
    assert list(told) == list(WHOLE)


def test_flat_names_a_person_by_their_id_and_an_account_by_its_own() -> None:
    told = json.loads(lead_body(event(WHOLE), "flat", "minimal", None))
    assert (told["last_name"], told["account_name"], told["people"]) == ("u_1", "acc_9", "u_1; u_2")


def test_slack_says_the_accounts_id_rules_and_steps() -> None:
    told = json.loads(lead_body(event(WHOLE), "slack", "minimal", None))
    assert told["blocks"][1]["text"]["text"] == "acc_9: premium; limit/contacts · 80% step"


def test_the_guide_says_precisely_what_stays() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    section = guide[guide.index("## pii: minimal") :]
    row = re.search(r"^\| the lead \| (.*) \|$", section, re.MULTILINE)
    assert row is not None
    inner = {"account", "people", "signals", "evidence", "changes", "owner", "links"}
    kept = {key for key, value in minimal(dict.fromkeys(WHOLE, "x")).items() if value == "x"} - inner
    assert set(re.findall(r"`(\w+)`", row[1])) == kept


@given(data=st.dictionaries(st.sampled_from(sorted(WHOLE)), json_values))
def test_whatever_a_lead_event_holds_less_of_it_can_be_told(data: dict[str, Any]) -> None:
    for format_ in FORMATS:
        lead_body(event(data), format_, "minimal", LINKS)
