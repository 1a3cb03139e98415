"""Deliveries from the command line, against a real `up`."""

from tests.handraiser.conftest import Running, until


def test_a_delivery_is_listed_shown_with_its_attempts_and_sent_again(trial: Running) -> None:
    until("a delivery", lambda: trial.json("deliveries", "list", "--status", "delivered")["data"], 30)
    (row,) = trial.json("deliveries", "list", "--limit", "1", "--status", "delivered")["data"]
    assert row["lead_id"] in trial.handraiser("deliveries", "list", "--lead", row["lead_id"]).stdout
    assert trial.json("deliveries", "list", "--endpoint", "ep_none")["data"] == []
    shown = trial.handraiser("deliveries", "show", row["id"]).stdout
    assert f"lead_event_id  {row['lead_event_id']}" in shown
    assert "  1. " in shown
    assert "delivered: 200 from 127.0.0.1 in " in shown
    asked = (
        "--endpoint",
        row["endpoint_id"],
        "--from",
        row["created_at"],
        "--to",
        "2100-01-01T00:00:00Z",
        "--status",
        "delivered",
    )
    assert trial.json("deliveries", "replay", row["id"]) == {"replayed": 1}
    until("it again", lambda: len(trial.json("deliveries", "show", row["id"])["attempts"]) == 2, 30)
    until("it delivered", lambda: trial.json("deliveries", "show", row["id"])["status"] == "delivered", 30)
    assert trial.json("deliveries", "replay", *asked)["replayed"] >= 1
    assert trial.handraiser("deliveries", "replay", *asked[:4]).returncode == 2
    assert trial.handraiser("deliveries", "replay", row["id"], *asked).returncode == 2
    assert trial.handraiser("deliveries", "replay").returncode == 2
    missing = trial.handraiser("deliveries", "show", "dl_none")
    assert (missing.returncode, "There is no delivery" in missing.stderr) == (1, True)
