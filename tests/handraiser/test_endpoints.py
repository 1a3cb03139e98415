"""Endpoints from the command line, against a real `up`."""

import pytest

from handraiser.commands.endpoints import _status
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


@pytest.mark.parametrize(
    ("status", "until", "said"),
    [
        ("enabled", None, "enabled"),
        ("enabled", "2026-05-01T08:00:00.000Z", "enabled, waits until 2026-05-01T08:00:00.000Z"),
        ("disabled", "2026-05-01T08:00:00.000Z", "disabled"),
    ],
)
def test_the_list_says_until_when_an_endpoints_breaker_is_open(status: str, until: str | None, said: str) -> None:
    assert _status({"status": status, "breaker_open_until": until}) == said
