"""What sales tells from the command line: `leads outcome`, `snooze` and `owner` against a real `up`."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.handraiser.conftest import Running, until


@pytest.fixture(scope="module")
def lead(trial: Running) -> str:
    """The id of an open lead of account sold-1."""
    sent = {"type": "track", "messageId": "s1", "userId": "ada", "context": {"groupId": "sold-1"}}
    sent |= {"event": "Contact Count Changed", "properties": {"total": 487}, "timestamp": datetime.now(UTC).isoformat()}
    assert trial.http.post("/v1/batch", json={"batch": [sent]}, auth=(trial.read("trial-key"), "")).json()["accepted"] == 1
    leads = until("a lead", lambda: trial.api.get("/v1/leads").json()["data"], 20)
    found: str = leads[0]["lead_id"]
    return found


def test_a_lead_is_owned_snoozed_accepted_and_won(trial: Running, lead: str) -> None:
    assert trial.handraiser("leads", "owner", lead, "jo@us.io").stdout == f"jo@us.io owns {lead}.\n"
    snoozed = trial.json("leads", "snooze", lead, "2100-01-01T00:00:00Z")
    assert (snoozed["status"], snoozed["result"]["changed"]) == ("applied", True)
    assert trial.handraiser("leads", "snooze", lead, "off").stdout == f"{lead} is not snoozed any more.\n"
    assert trial.handraiser("leads", "outcome", lead, "accepted").stdout == f"{lead} is accepted.\n"
    won = trial.json("leads", "outcome", lead, "won", "--reason", "they love it", "--amount", "1200")
    assert won["result"] == {"lead_id": lead, "status": "won", "revision": 6, "changed": True}

    shown = trial.json("leads", "show", lead)
    assert (shown["status"], shown["owner"]) == ("won", {"email": "jo@us.io"})
    assert [(each["field"], each["new"]) for each in shown["events"][-1]["changes"]][1:] == [
        ("reason", "they love it"),
        ("amount", 1200),
    ]
    again = trial.handraiser("leads", "outcome", lead, "lost", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["error"]["code"] == "lead_finished"


def test_what_became_of_leads_is_counted_as_table_and_for_spreadsheets(trial: Running, lead: str, tmp_path: Path) -> None:
    asked = ("leads", "report", "--project", "acme-mail")
    assert trial.json("leads", "show", lead)["status"] == "won"
    (ours,) = [row for row in trial.json(*asked, "--by", "owner")["data"] if row["name"] == "jo@us.io"]
    assert (ours["won"], ours["revenue"], ours["accepted"], ours["precision"]) == (1, 1200, 1, 1)
    table = trial.handraiser(*asked, "--by", "rule").stdout
    assert ("REVENUE" in table, "1,200" in table, "limit" in table) == (True, True, True)
    rows = {row["name"]: row for row in csv.DictReader(trial.handraiser(*asked, "--csv").stdout.splitlines())}
    assert rows["all"]["revenue"] == rows["pql"]["revenue"] == "1200.0"
    drawn = trial.handraiser(*asked, "--by", "source", "--html", str(tmp_path / "report.html"))
    assert (drawn.returncode, "unknown" in drawn.stdout, "1,200" in drawn.stdout) == (0, True, True)
    assert "What became of them, by source" in (tmp_path / "report.html").read_text()
    assert "there is no folder" in trial.handraiser(*asked, "--html", str(tmp_path / "no" / "report.html")).stderr
    assert "cannot be written: Is a directory" in trial.handraiser(*asked, "--html", str(tmp_path)).stderr
    assert trial.handraiser(*asked, "--to", "2020-01-01").stdout == "No lead was told to anybody in that time.\n"
    assert trial.handraiser(*asked, "--from", "yesterday").returncode == 1


def test_what_cannot_be_told_is_an_error_that_says_why(trial: Running) -> None:
    assert trial.handraiser("leads", "outcome", "ld_x", "sold").returncode == 2
    missing = trial.handraiser("leads", "owner", "ld_x", "jo@us.io")
    assert (missing.returncode, "There is no lead" in missing.stderr) == (1, True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("snooze", "ld_x", "tomorrow"), "2026-06-01T09:00:00Z"),
        (("snooze", "ld_x", "2100-01-01"), "with a zone"),
        (("owner", "ld_x", "jo"), "no e-mail address"),
        (("outcome", "ld_x", "won", "--amount", "inf"), "--amount"),
    ],
)
def test_what_is_no_time_no_address_and_no_number_is_a_wrong_command_line(
    trial: Running, said: tuple[str, ...], why: str
) -> None:
    refused = trial.handraiser("leads", *said)
    assert (refused.returncode, why in refused.stderr) == (2, True)


def test_an_id_leads_to_no_other_route_whatever_it_holds(trial: Running, lead: str) -> None:
    for odd in (f"x/../{lead}", f"{lead}?", f"{lead}#", f"{lead}/"):
        assert trial.handraiser("leads", "show", odd).returncode == 1
