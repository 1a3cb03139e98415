"""`catch` shows a lead as a salesperson reads it: each format, each lead type, in colours on a terminal and plain elsewhere."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handraiser.card import card
from notifier.core.formats import FORMATS
from notifier.core.minimal import minimal
from notifier.core.payload import endpoint_test
from notifier.core.signing import secret_of, signed_headers
from runtime.clock import wall_clock
from tests.handraiser.conftest import Running, environment, until
from tests.journey.product import free_port
from tests.notifier.leads import AT, FULL, LEAD, json_values, message

BERLIN: Final = ZoneInfo("Europe/Berlin")
SECRET: Final = secret_of(b"k" * 32)
WHY: Final = (
    "Acme Bäckerei reached for automations on 2 days; not in free · 80% step crossed · contacts full about Fri 15 May"
    " · stopped 3× at the cap of contacts in 7 days · onboarding 3 of 3"
)
ADDRESS: Final = "http://hr.example/leads/ld_230f417b951aaf1b31c4.awnWbw.3o57__QAtj7WVM8nUz2ZnIXQe0Uo0Uo"
"""Longer than a line of a terminal."""
LINKS: Final = {key: f"{ADDRESS}?do={key}" for key in ("lead", "accept", "reject", "snooze")}


def shown(data: dict[str, Any], type_: str = "lead.created", format_: str = "standard") -> list[str]:
    body = FORMATS[format_].body(message(data | {"links": LINKS}, type_))
    return ["".join(line[:2]) for line in card(json.loads(body), "le_1", BERLIN)]


def change(field: str, old: object, new: object) -> dict[str, Any]:
    return {"field": field, "rule": None, "old": old, "new": new}


def test_a_new_lead_says_who_why_now_what_to_offer_and_what_to_be_careful_about() -> None:
    assert shown(FULL | {"takes_over": None}) == [
        "🔥 PQL · hot 87 · answer by 17:03",
        "Acme Bäckerei has used 487 of 500 contacts on free (97.4 %)",
        "Who    Ada Lo, Head of R&D · ada@acme.io · active 4 min ago · 16:03 in Berlin",
        f"Why    {WHY}",
        "Offer  standard, 20 EUR per month (now 0): contacts, automations · Offer Standard, a demo or a personal walk-through",
        "Care   owned by rep@mail.example · leads before this one: 1, the last one lost · goal: “move off spreadsheets”",
        "Score  87 = fit 40 + behaviour 47",
        f"Take it     {ADDRESS}?do=accept",
        f"Not a fit   {ADDRESS}?do=reject",
        f"Snooze      {ADDRESS}?do=snooze",
        f"Full story  {ADDRESS}?do=lead",
        "lead.created · ld_5b0c7a1d9e3f42a6b8c1 · revision 1 · le_1",
    ]


@pytest.mark.parametrize(("lead_type", "says"), [("pql", "PQL"), ("service_sql", "Service SQL"), ("xql", "XQL"), ("mql", "MQL")])
def test_a_lead_is_called_by_its_type(lead_type: str, says: str) -> None:
    assert shown(FULL | {"lead_type": lead_type})[0] == f"🔥 {says} · hot 87 · answer by 17:03"


def test_what_is_to_be_answered_another_day_says_which() -> None:
    assert shown(FULL | {"answer_by": "2026-05-14T08:00:00Z"})[0].endswith("answer by Thu 14 May 10:00")


def test_a_mailbox_in_the_place_of_a_last_name_is_not_read_as_one() -> None:
    person = FULL["people"][0] | {"first_name": "Di", "last_name": "di", "email": "di@acme.io"}
    assert shown(FULL | {"people": [person]})[2].startswith("Who    Di, Head of R&D · di@acme.io")
    assert shown(FULL | {"people": [person | {"first_name": None}]})[2].startswith("Who    di, Head of R&D")


def test_an_update_says_what_is_new_and_an_end_what_became_of_it_and_both_are_shorter() -> None:
    update = shown(FULL | {"changes": [change("step", "80%", "100%")]}, "lead.updated")
    assert update[0] == "🔥 PQL · hot 87 · now 100% step · answer by 17:03"
    assert [line.split("  ")[0] for line in update[2:-1]] == ["Who", "Why", "Care", "Take it", "Full story"]
    assert "· new owner ·" in shown(FULL | {"changes": [change("owner", None, "rep@mail.example")]}, "lead.updated")[0]
    told = [change("status", "open", "won"), change("amount", None, 240), change("by", None, "rep@mail.example")]
    bought = FULL["account"] | {"plan": "standard"}
    won = FULL | {"status": "won", "changes": told, "account": bought, "qualified_at": "2026-05-13T12:03:11Z"}
    assert shown(won, "lead.won") == [
        "PQL · won",
        FULL["summary"],
        "Now    on standard · 2 h after the lead",
        "Said   amount 240 · by rep@mail.example",
        f"Full story  {ADDRESS}?do=lead",
        "lead.won · ld_5b0c7a1d9e3f42a6b8c1 · revision 1 · le_1",
    ]
    lost = shown(
        FULL | {"status": "lost", "account": bought | {"plan": None}, "qualified_at": "2026-05-13T14:03:11Z"}, "lead.lost"
    )
    assert lost[2] == "Now    on no plan · 0 s after the lead"
    assert [line[:4] for line in shown(FULL | {"status": "rejected"}, "lead.rejected")[2:]] == ["Full", "lead"]


def test_a_snooze_says_until_when_and_an_overdue_lead_who_waits() -> None:
    assert shown(FULL | {"snoozed_until": "2026-06-01T09:00:00Z"}, "lead.snoozed")[2] == "Until  Mon 01 Jun 11:00"
    assert shown(FULL, "lead.snoozed")[2] == "Until  now: the snooze has ended"
    overdue = shown(FULL, "lead.overdue")
    assert overdue[0] == "PQL · overdue"
    assert overdue[2].startswith("Who    Ada Lo")
    assert overdue[-3].startswith("Take it     http")


def test_flat_reads_like_standard_as_far_as_it_says_it_and_slack_by_its_text() -> None:
    standard, flat = shown(FULL), shown(FULL, format_="flat")
    assert {number for number, lines in enumerate(zip(standard, flat, strict=True)) if lines[0] != lines[1]} == {3, 5}
    assert flat[3] == "Why    " + "; ".join(signal["text"] for signal in FULL["signals"])
    assert flat[5] == standard[5].removesuffix(" · goal: “move off spreadsheets”")
    assert shown(FULL, format_="slack") == [f"🔥 PQL · hot 87: {FULL['summary']}", "le_1"]


def test_an_endpoint_that_is_to_hear_of_nobody_shows_ids() -> None:
    assert shown(minimal(FULL))[1:3] == ["acc_9: premium; limit/contacts · 80% step", "Who    u_1 · active 4 min ago"]


def test_a_test_and_a_lead_that_says_little_are_shown_too() -> None:
    test = endpoint_test("test_1", "acme-mail", "ep_1", AT)
    lines = card(json.loads(FORMATS["standard"].body(test)), "test_1", BERLIN)
    assert [line.text for line in lines] == ["Test from Handraiser", test.data["message"], "endpoint.test · test_1"]
    assert shown({"lead_id": "ld_1", "lead_type": "pql"})[0] == "✋ PQL"
    assert shown(LEAD)[0] == "✋ PQL"


@settings(max_examples=100)
@given(
    data=st.dictionaries(st.sampled_from(sorted(FULL)), json_values),
    type_=st.sampled_from(["lead.created", "lead.updated", "lead.won", "lead.snoozed"]),
)
def test_whatever_a_lead_holds_it_is_shown_on_lines_of_its_own(data: dict[str, Any], type_: str) -> None:
    for format_ in ("standard", "flat"):
        body = FORMATS[format_].body(message(FULL | data, type_))
        for line in card(json.loads(body), "le_1", BERLIN):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line.label + line.text)


# as a process


@contextmanager
def catching(port: int, secret: str, *arguments: str, env: Mapping[str, str], terminal: bool) -> Iterator[Any]:
    """`handraiser catch` in a pipe or on a terminal; the function that ends it and says what it printed."""
    words = [sys.executable, "-m", "handraiser", "catch", "--secret", secret, "--port", str(port), *arguments]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(words, env=environment(env), stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert process.stderr is not None
    assert "Waiting at" in process.stderr.readline()

    def ended() -> str:
        process.send_signal(signal.SIGINT)
        read = b""
        with contextlib.suppress(OSError):  # a terminal whose other side is gone
            while piece := os.read(ours, 65_536):
                read += piece
        assert process.wait(20) == 0
        return read.decode()

    try:
        yield ended
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        os.close(ours)


def post(port: int, data: dict[str, Any], secret: str = SECRET) -> int:
    body = FORMATS["standard"].body(message(data | {"links": LINKS}))
    headers = signed_headers([secret], "le_1", wall_clock() // 1000, body)
    return httpx.post(f"http://127.0.0.1:{port}/catcher", content=body, headers=headers).status_code


BERLIN_TIME: Final = {"TERM": "xterm-256color", "COLUMNS": "80", "TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}


def test_on_a_terminal_a_card_is_in_colours_and_what_is_too_long_goes_on_below_itself() -> None:
    port = free_port()
    with catching(port, SECRET, env=BERLIN_TIME, terminal=True) as ended:
        assert post(port, FULL) == 200
        assert post(port, FULL, secret_of(b"o" * 32)) == 401
        printed = ended().replace("\r\n", "\n")
    assert "\x1b[1;31m🔥 PQL · hot 87 · answer by 17:03\x1b[0m\n" in printed
    assert f"\x1b[2mTake it     \x1b[0m\x1b[34m{ADDRESS}?do=accept\x1b[0m\n" in printed
    plain = re.sub(r"\x1b\[[\d;]*m", "", printed)
    assert plain.count("PQL") == 1
    assert "Offer  standard, 20 EUR per month (now 0): contacts, automations · Offer \n       Standard, a demo" in plain
    assert max(len(line) for line in plain.splitlines() if "http" not in line) <= 80


def test_no_color_is_heard() -> None:
    port = free_port()
    with catching(port, SECRET, env=BERLIN_TIME | {"NO_COLOR": "1"}, terminal=True) as ended:
        assert post(port, FULL) == 200
        printed = ended()
    assert "PQL · hot 87" in printed
    assert {code for codes in re.findall(r"\x1b\[([\d;]*)m", printed) for code in codes.split(";")} <= {"0", "1", "2"}


def test_in_a_pipe_a_card_is_plain_and_each_of_its_lines_whole_and_nothing_that_others_wrote_acts() -> None:
    port = free_port()
    evil = FULL["account"] | {"name": "Acme\x1b[2J\x9b31m\u202e\nBakery"}
    with catching(port, SECRET, env=BERLIN_TIME, terminal=False) as ended:
        assert post(port, FULL | {"summary": None, "account": evil}) == 200
        printed = ended()
    assert printed.splitlines()[1].startswith("Acme [2J 31m Bakery: ")
    assert printed.isprintable() or set(filter(lambda letter: not letter.isprintable(), printed)) == {"\n"}
    assert printed.splitlines()[3].endswith("onboarding 3 of 3")


def test_with_json_the_messages_come_as_one_document_when_it_ends() -> None:
    port = free_port()
    with catching(port, SECRET, "--json", env=BERLIN_TIME, terminal=False) as ended:
        assert post(port, FULL) == 200
        (told,) = json.loads(ended())["data"]
    assert (told["webhook_id"], told["payload"]["data"]["summary"]) == ("le_1", FULL["summary"])


def delivered(trial: Running, endpoint: str) -> bool:
    statuses = [each["status"] for each in trial.json("deliveries", "list", "--endpoint", endpoint)["data"]]
    return len(statuses) >= 5 and set(statuses) == {"delivered"}


def test_the_three_lead_types_of_the_trial_arrive_as_cards(trial: Running) -> None:
    port = free_port()
    made = trial.json("endpoints", "add", f"http://127.0.0.1:{port}/catcher", "--project", "acme-mail")
    with catching(port, made["secret"], env=BERLIN_TIME, terminal=False) as ended:
        assert trial.handraiser("try", "--fast").returncode == 0
        until("all delivered", lambda: delivered(trial, made["id"]), 20)
        printed = ended()
    cards = [card.splitlines() for card in printed.split("\n\n") if card.strip()]
    titles = [card[0] for card in cards]
    for title in ("PQL · cold", "XQL", "Service SQL · hot"):
        (found,) = [lines for lines in cards if title in lines[0] and "answer by" in lines[0] and "lead.created" in lines[-1]][:1]
        said = {line.split("  ")[0] for line in found}
        assert {"Who", "Why", "Offer", "Care", "Score", "Take it", "Not a fit", "Snooze", "Full story"} <= said, found
    assert any(title.endswith(" · won") for title in titles)
