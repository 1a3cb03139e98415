"""Endpoints from the command line, against a real `up`."""

from tests.handraiser.conftest import Running

URL = "http://127.0.0.1:9/hook"


def test_an_endpoint_is_made_as_the_options_say(trial: Running) -> None:
    options = ["--format", "slack", "--pii", "minimal", "--temperature", "hot", "--temperature", "warm", "--segment", "smb"]
    options += ["--to", "sales", "--to", "success"]
    made = trial.json("endpoints", "add", URL, *options, "--step", "100%", "--step", "refused")
    shown = trial.api.get(f"/v1/endpoints/{made['id']}").json()
    assert {key: shown[key] for key in ("format", "pii", "to", "temperature", "segments", "steps")} == {
        "format": "slack",
        "pii": "minimal",
        "to": ["sales", "success"],
        "temperature": ["hot", "warm"],
        "segments": ["smb"],
        "steps": ["100%", "refused"],
    }


def test_an_endpoint_without_options_hears_all_whole(trial: Running) -> None:
    made = trial.json("endpoints", "add", URL)
    assert {key: made[key] for key in ("format", "pii", "types", "to", "temperature", "segments", "steps")} == {
        "format": "standard",
        "pii": "full",
        "types": ["*"],
        "to": [],
        "temperature": [],
        "segments": [],
        "steps": [],
    }


def test_a_step_that_is_none_is_refused_with_its_field(trial: Running) -> None:
    refused = trial.handraiser("endpoints", "add", URL, "--step", "80")
    assert refused.returncode == 1
    assert "steps" in refused.stderr
