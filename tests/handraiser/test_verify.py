"""`handraiser verify` as an operator calls it: beside `up`, after an edit by hand, on what it cannot verify; what it prints."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.comparing import ROW, LeadDifference
from detector.core.differences import ABSENT
from detector.verify import Report
from handraiser.verification import lines
from tests.handraiser.conftest import Running, command


@pytest.fixture(scope="module")
def played(trial: Running) -> Running:
    """The pretend customer has been here: some leads are open, some taken over, some won."""
    assert trial.handraiser("try", "--fast").returncode == 0
    return trial


def database(running: Running, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(running.data / "detector.sqlite", timeout=15)
    with connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def test_beside_a_running_up_it_agrees(played: Running) -> None:
    before = sorted(path.name for path in played.data.iterdir())

    done = played.handraiser("verify")

    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first.startswith("Read ")
    assert "events/s). Compared " in first
    assert last == "Agreement: every lead, its evidence and its life are as the log says."
    assert sorted(path.name for path in played.data.iterdir()) == before


def test_keys_that_an_earlier_release_did_not_write_yet_are_not_called_a_defect_at_once() -> None:
    def advice(where: str, path: str, stored: Any) -> str:
        one = LeadDifference("ld_1", "shop", "a", "pql", where, path, stored, {"account": None})
        (found,) = [each for each in lines(Report(1, 1, 0, 1, [one], 1), 1.0) if each.startswith("What to do")]
        return found

    assert "an earlier one made them without" in advice("lead event le_1 (lead.created, revision 1)", "body.caps", ABSENT)
    assert "earlier" not in advice("lead event le_1 (lead.created, revision 1)", "body.caps", {})
    assert "earlier" not in advice("lead event le_1 (lead.created, revision 1)", "", ABSENT)
    assert "earlier" not in advice(ROW, "status", ABSENT)


def test_a_row_edited_by_hand_is_told_in_words_and_by_exit_code_1(played: Running) -> None:
    lead = next(lead for lead in played.json("leads", "list")["data"] if lead["status"] == "won")
    database(played, "UPDATE leads SET status = 'open' WHERE lead_id = ?", lead["lead_id"])
    try:
        done = played.handraiser("verify")
        assert done.returncode == 1
        told = done.stdout
        assert "MISMATCH: 1 lead not as the log says." in told
        head = told.index(f"{lead['lead_id']}  {lead['lead_type']} of {lead['account']['external_id']} (project acme-mail)")
        assert told.index("the row in the table leads\n    status\n", head) > head
        assert '      stored:     "open"\n      recomputed: "won"\n' in told
        assert "What to do: if somebody changed the database by hand, put the recomputed values back" in told

        answer = played.handraiser("verify", lead["lead_id"], "--json")
        assert answer.returncode == 1
        assert '"result": "mismatch"' in answer.stdout
        nobody = played.handraiser("verify", "--project", "acme-mail", "--account", "nobody")
        assert (nobody.returncode, "Agreement, and of nothing" in nobody.stdout) == (0, True)
    finally:
        database(played, "UPDATE leads SET status = 'won' WHERE lead_id = ?", lead["lead_id"])
    again = played.json("verify", lead["lead_id"])
    assert (again["result"], again["leads"], again["differences"], again["unverifiable"]) == ("agreement", 1, [], [])


def test_a_log_that_begins_later_is_exit_code_3(start: Callable[..., Running]) -> None:
    running = start("--try")
    assert running.handraiser("try", "--fast").returncode == 0
    running.stop()
    log = sqlite3.connect(running.data / "log.sqlite")
    with log:  # as its retention does it
        (number,) = log.execute("SELECT number FROM topics WHERE name = 'events'").fetchone()
        log.execute("UPDATE partitions SET first = 2 WHERE key = ?", (number << 12,))
    log.close()

    done = running.handraiser("verify")

    assert done.returncode == 3
    assert "Unverifiable, events/0: the log begins at offset 2, 20" in done.stdout
    assert "could not be recomputed. Of these only one thing was checked" in done.stdout
    assert "Agreement" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--data", "nowhere"), 1, "There is no log in the folder nowhere. Name an installation's data folder"),
        (("ld_1", "--project", "acme-mail"), 2, "name a lead, or a project and an account"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: tuple[str, ...], code: int, says: str) -> None:
    done = command("verify", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert not Path("nowhere").exists()


def test_a_lead_that_is_not_there_says_what_to_do(played: Running) -> None:
    done = played.handraiser("verify", "ld_nowhere")
    assert done.returncode == 1
    assert "verify without naming it" in done.stderr
