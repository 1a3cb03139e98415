"""A Slack message: its bytes, within Slack's limits, and nothing that others wrote acts in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.core.formats.slack import is_material, late, slack
from notifier.core.payload import endpoint_test
from tests.notifier.leads import AT, FULL, LEAD, json_values, message

GOLDEN = Path(__file__).parent.parent / "golden"
TEST = endpoint_test("test_0123456789abcdef0123", "acme-mail", "ep_0123456789abcdef", AT)
HIGHER = {"field": "step", "rule": "limit/contacts", "old": "80%", "new": "100%"}
HOTTER = {"field": "temperature", "rule": None, "old": "warm", "new": "hot"}
OWNER = {"field": "owner", "rule": None, "old": None, "new": "rep@mail.example"}


def sent(data: dict[str, Any], type_: str = "lead.created") -> dict[str, Any]:
    body: dict[str, Any] = json.loads(slack(message(data, type_)))
    return body


def texts(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every text object, from the top."""
    return [text for block in body["blocks"] for text in block.get("elements", [block.get("text")])]


def lines(body: dict[str, Any]) -> dict[str, str]:
    """What stands behind each of our words."""
    contexts = [block["elements"] for block in body["blocks"] if block["type"] == "context" and len(block["elements"]) == 2]
    return {label["text"].strip("*"): said["text"] for label, said in contexts}


def test_a_new_lead_is_exactly_these_bytes() -> None:
    assert slack(message(FULL)) == (GOLDEN / "webhook_slack_lead_created.json").read_bytes()


def test_a_win_is_exactly_these_bytes() -> None:
    said = [
        {"field": field, "rule": None, "old": None, "new": new} for field, new in (("amount", 240), ("by", "rep@mail.example"))
    ]
    won = message(FULL | {"status": "won", "changes": said}, "lead.won")
    assert slack(won) == (GOLDEN / "webhook_slack_lead_won.json").read_bytes()


def test_a_test_message_is_exactly_these_bytes() -> None:
    assert slack(TEST) == (GOLDEN / "webhook_slack_endpoint_test.json").read_bytes()


def test_a_lead_of_which_little_is_known_says_only_what_is() -> None:
    assert list(lines(sent(LEAD))) == ["Why", "Offer", "Care"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [([HIGHER], "now 100% step"), ([HOTTER, HIGHER], "hotter, now 100% step"), ([HOTTER, OWNER], "hotter, new owner")],
)
def test_an_update_says_in_its_title_what_is_new(changes: list[dict[str, Any]], says: str) -> None:
    assert sent(FULL | {"changes": changes}, "lead.updated")["blocks"][0]["text"]["text"] == f"🔥 PQL · hot 87 · {says}"


def test_numbers_read_as_people_write_them() -> None:
    person = FULL["people"][0] | {"last_seen": "2026-05-13T14:03:00.000Z"}
    features = [{"name": "reports", "days": 1, "in_plan": None}]
    score = {"total": 45.27, "fit": 15, "behaviour": 30.27}
    body = sent(FULL | {"people": [person], "features": features, "score": score})
    told = lines(body)
    assert body["blocks"][0]["text"]["text"] == "🔥 PQL · hot 45"
    assert "· active just now ·" in told["Who"]
    assert "· reports on 1 day ·" in told["Why"]
    assert body["blocks"][-1]["elements"][-1]["text"] == "45.27 = fit 15 + behaviour 30.27"


def test_who_opted_out_is_not_to_be_contacted() -> None:
    assert lines(sent(FULL | {"people": FULL["people"][1:]}))["Care"].startswith("opted out: do not contact this person")


def test_only_an_open_lead_is_to_be_answered_by_a_time_in_the_readers_time_zone() -> None:
    told = lines(sent(FULL))
    assert told["Answer by"] == "<!date^1778684591^{date_short_pretty} {time}|13 May 15:03 UTC>"
    assert "Answer by" not in lines(sent(FULL | {"status": "accepted"}, "lead.updated"))


def test_links_are_only_those_that_the_lead_has() -> None:
    assert "|Take it>" in json.dumps(sent(FULL))
    assert "http" not in json.dumps(sent(FULL | {"links": LEAD["links"]}))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x|evil", "https://x>", "https://x y", "https://x?" + "&" * 200, 7]
)
def test_an_address_that_could_break_out_of_its_link_is_none(url: object) -> None:
    assert "Full story" not in json.dumps(sent(FULL | {"links": {"lead": url}}))


@pytest.mark.parametrize(
    "evil",
    [
        "<!channel>",
        "@here",
        "<@U123>",
        "<https://evil.example|Log in>",
        "https://evil.example",
        "*b* _i_ ~s~ `c`",
        ":tada:",
        "> q",
    ],
)
def test_what_others_wrote_is_plain_text_and_escaped(evil: str) -> None:
    person = FULL["people"][0] | {"first_name": evil, "last_name": evil, "title": evil, "email": evil, "timezone": evil}
    account = FULL["account"] | {"name": evil, "external_id": evil}
    data = FULL | {"summary": evil, "recommended_action": evil, "people": [person], "account": account, "told_us": {evil: evil}}
    data |= {"signals": [FULL["signals"][0] | {"text": f"and {evil}", "step": evil}], "owner": {"email": evil}, "lead_type": evil}
    for body in (sent(data), sent(data | {"changes": [{"field": "reason", "new": evil}]}, "lead.lost")):
        for text in texts(body):
            if text["type"] == "mrkdwn":
                assert evil not in text["text"]
            else:
                assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text["text"])
                assert text["emoji"] is False
        assert not re.search(r"[<>]", body["text"])
        assert body["mrkdwn"] is False


def test_a_text_cannot_leave_its_line_or_turn_it_around() -> None:
    assert lines(sent(FULL | {"recommended_action": "one\n\ntwo\r\x00three\u202e"}))["Offer"].endswith("· one two three")


def test_an_escape_is_never_cut_in_two() -> None:
    for length in range(60, 75):
        title = sent(LEAD | {"lead_type": "x" * length + "&" * 20})["blocks"][0]["text"]["text"]
        assert re.sub(r"&amp;", "", title).count("&") == 0
        assert title.endswith("…")


def test_a_message_that_is_late_says_below_its_title_how_late_and_once_only() -> None:
    body = slack(message(FULL))
    assert late(body, 5 * 60_000 - 1) == body
    told = json.loads(late(late(body, 400_000), 6 * 3_600_000))
    assert told["blocks"].pop(1)["elements"][0]["text"] == "Delayed 6 h: this is how things stood then"
    assert told == json.loads(body)


@pytest.mark.parametrize(
    ("type_", "changes", "material"),
    [
        ("lead.created", [], True),
        ("lead.updated", [HIGHER], True),
        ("lead.updated", [HIGHER | {"old": "100%", "new": "80%"}], False),
        ("lead.updated", [HIGHER | {"old": "100%", "new": "refused"}], True),
        ("lead.updated", [HIGHER | {"old": "refused", "new": "120%"}], False),
        ("lead.updated", [{"field": "signal", "rule": "premium", "old": None, "new": None}], True),
        ("lead.updated", [{"field": "signal", "rule": "premium", "old": "premium", "new": None}], False),
        ("lead.updated", [HOTTER], True),
        ("lead.updated", [HOTTER | {"old": "hot", "new": "warm"}], False),
        ("lead.updated", [OWNER], False),
        ("lead.updated", [OWNER, HOTTER], True),
        ("lead.updated", [{"field": "disputed", "rule": "premium", "old": False, "new": True}], True),
        ("lead.updated", [{"field": "disputed", "rule": None, "old": True, "new": False}], False),
        ("lead.updated", [{"field": "qualified_at", "rule": "premium", "old": "x", "new": "y"}], False),
        ("lead.snoozed", [{"field": "snoozed_until", "rule": None, "old": None, "new": "x"}], False),
        ("lead.won", [{"field": "status", "rule": None, "old": "open", "new": "won"}], True),
    ],
)
def test_only_what_is_worth_a_message_is_told(type_: str, changes: list[dict[str, Any]], material: bool) -> None:
    assert is_material(type_, {"changes": changes}) is material


@settings(max_examples=60)
@given(
    data=st.dictionaries(st.sampled_from(sorted(FULL)), json_values),
    times=st.sampled_from([1, 500]),
    text=st.text(max_size=20),
    type_=st.sampled_from(["lead.created", "lead.updated", "lead.won", "endpoint.test"]),
)
def test_whatever_a_lead_holds_its_message_is_one_that_slack_takes(
    data: dict[str, Any], times: int, text: str, type_: str
) -> None:
    person = FULL["people"][0] | {"first_name": text * times}
    big = FULL | {"summary": f"&{text}" * times, "lead_type": text * times, "people": [person]} | data
    body = sent(big, type_)
    is_material(type_, big)
    assert 2 <= len(body["blocks"]) <= 50
    assert body["blocks"][0]["type"] == "header"
    for said in texts(body):
        utf16 = len(said["text"].encode("utf-16-le")) // 2
        assert 1 <= utf16 <= (150 if said is body["blocks"][0]["text"] else 3000)
    assert len(json.dumps(body)) < 64 * 1024
