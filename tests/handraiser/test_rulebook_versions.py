"""`handraiser rules diff|show|status|schema` and `handraiser events`, against a running server."""

import json
import re
from pathlib import Path

import pytest

from detector.core.rulebook.schema import schema
from detector.rulebooks import bases
from detector.rulebooks import trial as trial_text
from tests.handraiser.conftest import Running, command, until

TEXT = trial_text()
CHANGED = {
    "contacts: 500,": "contacts: 400,",
    "count: Email Sent": "count: Mail Sent",
}


def test_from_a_file_to_the_live_rulebook_and_back(trial: Running, tmp_path: Path) -> None:
    live = trial.handraiser("rules", "show", "1").stdout
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(live)
    text = live
    for was, becomes in CHANGED.items():
        assert was in text
        text = text.replace(was, becomes)
    new.write_text(text + "measures:\n  campaigns: {count: sent, window: 7d}\n")

    assert trial.handraiser("rules", "diff", str(old)).stdout == "old.yaml says what version 1 of acme-mail's rulebook says.\n"
    done = trial.handraiser("rules", "diff", str(new))
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "From version 1 of acme-mail's rulebook to new.yaml:",
            "limits",
            "  ~ emails  count: Email Sent → Mail Sent",
            "      starts anew: the log is read again for it, as far as it goes back",
            "plans",
            "  ~ free  allows: {contacts: 500, emails: 1000} → {contacts: 400, emails: 1000}",
            "measures",
            "  + campaigns  {count: sent, window: 7d}",
            "      starts anew: the log is read again for it, as far as it goes back",
        ],
    )

    done = trial.handraiser("rules", "apply", str(new))
    assert done.stdout.splitlines() == [
        "Version 2 of acme-mail's rulebook is applied.",
        "New or changed: limit, limit-soon. On accounts that are there: who qualifies already is taken for told (on_enable).",
    ]
    assert trial.json("rules", "diff", str(old), "--against", "1")["changes"] == []
    assert trial.json("rules", "diff", str(old))["against"] == 2
    until("every partition judges by version 2", lambda: _adopted(trial, 2), 20)
    until("the log was read again for it", lambda: trial.json("rules", "status")["backfill"] is None, 20)
    assert trial.json("rules", "status")["warming"] == []
    assert trial.json("rules", "apply", str(old))["version"] == 3
    until("every partition judges by version 3", lambda: _adopted(trial, 3), 20)
    rows = trial.handraiser("rules", "status").stdout.splitlines()
    assert [line.split()[0] for line in rows[:4]] == ["VERSION", "3", "2", "1"]
    assert rows[1].endswith(("partitions", "the only partition"))
    assert "asleep: rule 'sales-request' waits for Demo Requested or Contact Sales Submitted, which never arrived" in rows


def _adopted(trial: Running, version: int) -> bool:
    [row] = [each for each in trial.json("rules", "status")["data"] if each["version"] == version]
    return bool(len(row["adopted_by"]) == row["partitions"])


def test_a_file_or_version_that_is_not_there(trial: Running, tmp_path: Path) -> None:
    assert "cannot be read" in trial.handraiser("rules", "diff", str(tmp_path / "no.yaml")).stderr
    done = trial.handraiser("rules", "show", "99")
    assert (done.returncode, "no version 99" in done.stderr) == (1, True)


def test_the_events_that_arrived(trial: Running) -> None:
    key = trial.read("trial-key")
    batch = [{"type": "track", "userId": "u", "groupId": "g", "event": name} for name in ("Contact List Imported", "Email Sent")]
    assert trial.http.post("/v1/batch", json={"batch": batch}, auth=(key, "")).status_code == 200

    def names() -> dict[str, dict[str, object]]:
        return {row["name"]: row for row in trial.json("events")["data"]}

    until("it is counted", lambda: "Contact List Imported" in names(), 20)
    found = names()
    assert (found["Contact List Imported"]["mapped"], found["Contact List Imported"]["suggestion"]) == (False, "imported")
    assert found["Email Sent"]["mapped"] is True
    said = trial.handraiser("events").stdout
    assert "`Contact List Imported` x1: map to `imported`?" in said
    assert "EVENT" in said.splitlines()[0]


def test_check_says_what_never_arrived_where_a_server_runs_and_only_what_it_can_elsewhere(trial: Running, tmp_path: Path) -> None:
    file = tmp_path / "rulebook.yaml"
    file.write_text(TEXT.replace("imported: [Contacts Imported, contact_list_uploaded]", "imported: Contact Imports"))
    good = "rulebook.yaml is good: project acme-mail, 9 rules, 2 limits, 3 plans."
    asleep = "asleep: rule 'onboarded' waits for Contact Imports, which never arrived"
    suggested = re.compile(r"`(Contacts Imported|contact_list_uploaded)` x\d+ arrives, and nothing knows it: map to `imported`\?")

    until("events are counted", lambda: trial.json("rules", "check", str(file))["waiting"], 20)
    lines = trial.handraiser("rules", "check", str(file)).stdout.splitlines()
    assert asleep in lines
    assert any(suggested.fullmatch(line) for line in lines)
    assert lines[-1] == good

    alone = command("rules", "check", str(file))
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, f"{good}\n", "")
    silent = command("rules", "check", str(file), env={"HANDRAISER_URL": "http://127.0.0.1:9", "HANDRAISER_API_KEY": "k"})
    assert (silent.returncode, silent.stdout) == (0, f"{good}\n")
    assert silent.stderr.startswith("What has arrived is not known: No answer from http://127.0.0.1:9")


def test_a_project_begins_with_a_template(trial: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = trial.handraiser("projects", "create", "shop", "--template", "huddle")
    assert made.stdout.splitlines() == ["Project shop made.", "shop/rulebook.yaml written.", "shop/scenarios/leads.yaml written."]
    assert "handraiser rules apply shop/rulebook.yaml" in made.stderr
    assert trial.json("rules", "apply", "shop/rulebook.yaml")["project"] == "shop"
    again = trial.handraiser("projects", "create", "shop", "--template", "clipcast")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "There is a shop here already. Go to another folder, or choose another name.\n"
    assert (trial.data / "acme-mail" / "scenarios" / "leads.yaml").is_file()


def test_the_schema_is_the_servers_too(trial: Running) -> None:
    printed = json.loads(command("rules", "schema").stdout)
    assert printed == schema(bases()) == trial.http.get("/v1/rulebooks/schema.json").json()
