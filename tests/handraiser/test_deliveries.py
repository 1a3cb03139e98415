"""Deliveries from the command line, against a real `up`."""

from tests.handraiser.conftest import Running, until


def test_a_delivery_is_listed_and_shown_with_its_attempts(trial: Running) -> None:
    until("a delivery", lambda: trial.json("deliveries", "list", "--status", "delivered")["data"], 30)
    (row,) = trial.json("deliveries", "list", "--limit", "1", "--status", "delivered")["data"]
    assert row["lead_id"] in trial.handraiser("deliveries", "list", "--lead", row["lead_id"]).stdout
    assert trial.json("deliveries", "list", "--endpoint", "ep_none")["data"] == []
    shown = trial.handraiser("deliveries", "show", row["id"]).stdout
    assert f"lead_event_id  {row['lead_event_id']}" in shown
    assert "  1. " in shown
    assert "delivered: 200 from 127.0.0.1 in " in shown
    missing = trial.handraiser("deliveries", "show", "dl_none")
    assert (missing.returncode, "There is no delivery" in missing.stderr) == (1, True)
