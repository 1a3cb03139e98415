"""What `up` prints, line by line."""

import io
import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from handraiser.lines import Banner, Told, banner_lines, curl, dead_letter_line, held_line, lead_line, next_command, told_of
from handraiser.printer import Printer
from handraiser.telling import Telling
from notifier.core.answers import ErrorKind
from notifier.core.formats import FORMATS
from notifier.worker import Outcome
from tests.notifier.leads import FULL, message

AT = datetime(2026, 5, 1, 14, 3, 11)  # noqa: DTZ001 - shown as it is
KEY = "wk_demo0000_" + "s" * 32


def payload(change: str, **data: Any) -> dict[str, Any]:
    account = {"external_id": "acc_9", "name": "Acme Bakery", "plan": "free"}
    return {"type": change, "timestamp": "2026-05-01T14:03:49.000Z", "data": {"account": account, "lead_type": "pql"} | data}


def test_a_lead_by_a_limit_reads_as_in_the_design() -> None:
    line = lead_line(
        payload("lead.created", summary="Acme Bakery has used 487 of 500 contacts on free (97.4 %)"), AT, "catcher 200, 41 ms", {}
    )
    assert line is not None
    assert line.startswith("14:03:11  PQL")
    assert line.endswith("→ catcher 200, 41 ms")
    assert "Acme Bakery  487 of 500 contacts on free (97.4 %) " in line


def test_an_explicit_request_shows_hot_and_what_it_takes_over() -> None:
    asked = payload(
        "lead.created",
        lead_type="service_sql",
        temperature="hot",
        summary="Ada Lo asked to upgrade Acme Bakery (upgrade_requested)",
        takes_over="ld_1",
    )
    line = lead_line(asked, AT, "catcher 200, 38 ms", {"ld_1": Told("pql", "free")})
    assert line is not None
    assert "SERVICE SQL  hot" in line
    assert "Ada Lo asked to upgrade · takes over the PQL" in line


def test_a_lead_without_a_temperature_shows_none() -> None:
    line = lead_line(payload("lead.created", temperature=None, summary="x"), AT, "catcher 200, 1 ms", {})
    assert line is not None
    assert "None" not in line


def test_a_superseded_lead_has_no_line_of_its_own() -> None:
    assert lead_line(payload("lead.superseded"), AT, "catcher 200, 1 ms", {}) is None


def test_a_win_comes_by_telemetry_with_both_plans_and_the_time_since_the_lead() -> None:
    created = payload("lead.created", lead_id="ld_1")
    won = payload("lead.won", lead_id="ld_1", qualified_at="2026-05-01T14:03:11.000Z")
    won["data"]["account"] |= {"plan": "standard"}
    told = told_of(created)
    assert told is not None
    line = lead_line(won, AT, "catcher 200, 1 ms", dict([told]))
    assert line == "14:03:11  WON          by telemetry  Acme Bakery  free → standard, 38 s after the lead"


def test_a_win_whose_lead_was_told_before_the_restart_says_the_plan_it_is_on_now() -> None:
    line = lead_line(payload("lead.won", lead_id="ld_1"), AT, "catcher 200, 1 ms", {})
    assert line == "14:03:11  WON          Acme Bakery  now on free"


def test_a_win_that_sales_reported_is_not_told_as_one_by_telemetry() -> None:
    told = told_of(payload("lead.created", lead_id="ld_1"))
    assert told is not None
    won = payload("lead.won", lead_id="ld_1")
    assert lead_line(won, AT, "", dict([told])) == "14:03:11  WON          by sales  Acme Bakery  now on free"
    won["data"] |= {"changes": [{"field": "amount", "rule": None, "old": None, "new": 240}]}
    assert lead_line(won, AT, "", {}) == "14:03:11  WON          by sales  Acme Bakery  now on free"


def test_a_win_that_several_endpoints_hear_of_is_one_line() -> None:
    lines: list[str] = []
    telling = Telling(lines.append, lambda: AT)
    for endpoint in ("crm", "slack"):
        telling.settled(payload("lead.won", lead_id="ld_1"), endpoint, Outcome("delivered", 200, 3, None, None))
    telling.settled(payload("lead.won", lead_id="ld_2"), "crm", Outcome("delivered", 200, 3, None, None))
    assert len(lines) == 2


def test_a_win_that_its_receiver_did_not_take_says_so() -> None:
    lines: list[str] = []
    telling = Telling(lines.append, lambda: AT)
    won = payload("lead.won", lead_id="ld_1")
    telling.settled(won, "crm", Outcome("waiting", 500, 3, ErrorKind.HTTP_STATUS, "Look into its log."))
    telling.settled(won, "crm", Outcome("delivered", 200, 3, None, None))
    told = "14:03:11  WON          Acme Bakery  now on free"
    assert lines == [f"{told}  → crm 500, 3 ms (waiting; Look into its log.)", told]


def in_format(format_: str, data: dict[str, Any], type_: str = "lead.created") -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(FORMATS[format_].body(message(data, type_)))
    return sent


def test_a_lead_reads_the_same_in_the_format_flat() -> None:
    first, asked = (
        FULL | {"takes_over": None},
        FULL | {"lead_id": "ld_2", "lead_type": "service_sql", "takes_over": FULL["lead_id"]},
    )
    won = FULL | {"account": FULL["account"] | {"plan": "standard"}, "qualified_at": "2026-05-13T12:03:11.000Z"}
    told: list[dict[str, Told]] = []
    lines: list[list[str | None]] = []
    for format_ in ("standard", "flat"):
        begun = in_format(format_, first)
        told.append(dict(filter(None, [told_of(begun)])))
        sent = [begun, in_format(format_, asked), in_format(format_, won, "lead.won")]
        lines.append([lead_line(each, AT, "crm 200, 41 ms", told[-1]) for each in sent])
    assert lines[0] == lines[1]
    assert told[0] == told[1]
    assert "takes over the PQL" in str(lines[1][1])
    assert str(lines[1][2]).endswith("by telemetry  Acme Bäckerei  free → standard, 2 h after the lead")


def test_a_message_of_slack_is_told_by_its_text() -> None:
    sent = in_format("slack", FULL | {"summary": "R&D <has> used 487"})
    line = lead_line(sent, AT, "#sales 200, 41 ms", {})
    assert line == "14:03:11  🔥 PQL · hot 87: Acme Bäckerei: R&D <has> used 487  → #sales 200, 41 ms"
    assert told_of(sent) is None
    assert (
        lead_line(in_format("flat", {}, "endpoint.disabled"), AT, "crm 200, 1 ms", {})
        == "14:03:11  endpoint.disabled  → crm 200, 1 ms"
    )


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    out = io.StringIO()
    printer = Printer(out)
    printer.line("14:03:11  PQL  \x1b[2JAcme\x9b31m\u202e")
    printer.close(10)
    assert out.getvalue() == "14:03:11  PQL   [2JAcme 31m \n"


def test_the_block_has_the_whole_write_key_and_no_line_is_wrapped() -> None:
    lines = banner_lines(
        Banner(
            version="0.1",
            ready_s=1.94,
            data=Path("handraiser-data"),
            url="http://localhost:8080",
            status="ok",
            engines="no Kafka or PostgreSQL needed",
            write_key=KEY,
            rulebook=Path("handraiser-data/acme-mail/rulebook.yaml"),
        )
    )
    assert lines[0] == "Handraiser 0.1 · ready in 1.9 s · data in ./handraiser-data · no Kafka or PostgreSQL needed"
    assert lines[1] == f"  events    http://localhost:8080/v1/batch      key {KEY}"
    assert sum(KEY in line for line in lines) == 2
    assert all("\n" not in line for line in lines)


def test_the_third_event_of_the_curl_names_no_account() -> None:
    words = shlex.split(curl("http://localhost:8080", KEY, "acc_1", "ada"))
    assert words[:4] == ["curl", "-su", f"{KEY}:", "localhost:8080/v1/batch"]
    batch = json.loads(words[5])["batch"]
    assert [event["type"] for event in batch] == ["group", "identify", "track"]
    assert batch[0]["groupId"] == "acc_1"
    assert "groupId" not in batch[2]
    assert batch[2]["properties"] == {"total": 487}


def test_a_held_event_says_until_when_it_waits_and_for_what() -> None:
    line = held_line(1, "ada", AT.replace(minute=13), AT)
    assert line == "14:03:11  1 event of ada waits for her account: send `group`; dead letter at 14:13"


def test_a_dead_letter_says_its_reason_and_where_to_read_more() -> None:
    line = dead_letter_line("no_identity", "an event needs a userId", "dead_1", 3, AT)
    assert line.startswith("14:03:11  3 events could not be used: no_identity: an event needs a userId")
    assert "handraiser deadletters show dead_1" in line


def test_plain_up_says_the_next_command() -> None:
    assert "handraiser projects create NAME" in next_command([], Path("handraiser-data"))
    assert next_command(["shop"], Path("/d")).startswith("Next: handraiser keys create --project shop --data /d")
