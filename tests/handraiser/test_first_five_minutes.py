"""`handraiser up --try` as a newcomer meets it: a real process, its printed lines, the curl, the commands, a clean end."""

import json
import re
import shlex
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from handraiser.client import TIMEOUT_S
from notifier.sender import Deadlines
from tests.handraiser.conftest import Running, until

ROOT = Path(__file__).parents[2]


def lead_of(running: Running, account: str) -> dict[str, Any] | None:
    leads = running.api.get("/v1/leads", params={"limit": 1000}).json()["data"]
    return next((lead for lead in leads if lead["account"]["external_id"] == account), None)


def printed_curl(running: Running) -> str:
    return next(line.strip() for line in running.printed().splitlines() if line.strip().startswith("curl "))


def test_the_whole_first_block_is_out_before_ready_says_so(trial: Running) -> None:
    lines = trial.printed().splitlines()
    assert lines[0].startswith("Handraiser 0.1 · ready in ")
    assert lines[0].endswith("no Kafka or PostgreSQL needed")
    port = trial.url.rsplit(":", 1)[1]
    assert lines[1] == f"  events    http://localhost:{port}/v1/batch      key {trial.read('trial-key')}"
    assert lines[2] == f"  rulebook  {trial.data}/acme-mail/rulebook.yaml"
    assert lines[4].split() == ["health", f"http://localhost:{port}/health", "ok"]
    assert lines[5] == "Paste this (your own event):"


def test_the_printed_curl_makes_a_lead_within_a_second(trial: Running) -> None:
    curl = printed_curl(trial)
    words = shlex.split(curl)
    if shutil.which("curl"):
        answer = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, timeout=10).stdout
    else:  # the same request without curl
        key = words[2].removesuffix(":")
        answer = trial.http.post("/v1/batch", content=words[5], auth=(key, "")).text
    assert json.loads(answer)["accepted"] == 3, answer
    sent = time.monotonic()
    account = json.loads(words[5])["batch"][0]["groupId"]
    lead = until("a lead", lambda: lead_of(trial, account), 5)
    assert time.monotonic() - sent < 1
    assert (lead["lead_type"], lead["account"]["name"], lead["temperature"]) == ("pql", "My Account", "cold")


@pytest.mark.parametrize("turn", ["first", "again"])
def test_the_pretend_customer_comes_back_exactly_as_expected(trial: Running, turn: str) -> None:
    done = trial.handraiser("try", "--fast", "--json")
    assert done.returncode == 0, (turn, done.stdout, done.stderr)
    said = json.loads(done.stdout)
    assert (said["missing"], said["unexpected"]) == ([], [])
    assert len(said["arrived"]) == 5


def test_the_live_pretend_customer_is_shown_line_by_line(trial: Running) -> None:
    printed = until("the win of the live customer", lambda: trial.printed() if "  WON " in trial.printed() else None, 60)
    story = [line for line in printed.splitlines() if line[2:3] == ":" and line[5:6] == ":"]
    pql = next(line for line in story if "  PQL " in line and "Acme Bakery" in line)
    assert "487 of 500 contacts on free (97.4 %)" in pql
    assert "hot" not in pql
    assert "→ catcher 200, " in pql
    assert pql.endswith(" ms")
    asked = next(line for line in story if "SERVICE SQL" in line)
    assert "SERVICE SQL  hot" in asked
    assert "Ada Lo asked to upgrade · takes over the PQL" in asked
    won = next(line for line in story if "  WON " in line)
    assert "by telemetry  Acme Bakery  free → standard, " in won
    assert not any("Bolt Bikes" in line for line in story)


def test_a_rejected_event_and_one_that_waits_get_a_line(trial: Running) -> None:
    batch = [
        {"type": "track", "event": "Nobody did this", "messageId": "nobody-1"},
        {"type": "track", "event": "Upgrade Clicked", "userId": "stranger-1", "messageId": "stranger-1"},
    ]
    answer = trial.http.post("/v1/batch", json={"batch": batch}, auth=(trial.read("trial-key"), ""))
    assert (answer.status_code, answer.json()["rejected"]) == (200, 1)
    until("a line for the rejected one", lambda: "1 event could not be used: " in trial.printed(), 10)
    line = until("a line for the waiting one", lambda: "1 event of stranger-1 waits for her account: " in trial.printed(), 10)
    assert line
    assert "send `group`; dead letter at " in trial.printed()


def test_secrets_are_readable_by_their_owner_only(trial: Running) -> None:
    assert stat.S_IMODE(trial.data.stat().st_mode) == 0o700
    for name in ("api-key", "master-key", "trial-key"):
        assert stat.S_IMODE((trial.data / name).stat().st_mode) == 0o600, name


def test_every_list_command_prints_a_table_and_one_json_document(trial: Running) -> None:
    until("a lead", lambda: trial.api.get("/v1/leads").json()["data"], 30)
    for noun in ("projects", "keys", "endpoints", "deliveries", "leads", "deadletters"):
        table = trial.handraiser(noun, "list")
        assert table.returncode == 0, table.stderr
        assert isinstance(trial.json(noun, "list")["data"], list), noun


def test_a_lead_can_be_looked_at_with_its_evidence(trial: Running) -> None:
    lead = until("a lead", lambda: trial.api.get("/v1/leads").json()["data"], 30)[0]["lead_id"]
    found = trial.json("leads", "show", lead)
    shown = trial.handraiser("leads", "show", lead).stdout
    assert found["evidence"][0]["condition"] in shown
    score = found["score"]
    assert f"{score['total']} = fit {score['fit']} + behaviour {score['behaviour']}" in shown
    assert all(f"{each['part']}: {each['text']}" in shown for each in score["contributions"])
    assert score["contributions"]


def test_keys_and_endpoints_are_made_and_taken_back(trial: Running) -> None:
    key = trial.json("keys", "create", "--trust", "browser")
    assert key["key"].startswith(f"wk_{key['id']}_")
    assert trial.handraiser("keys", "revoke", key["id"]).returncode == 0
    assert trial.http.post("/v1/batch", json={"batch": []}, auth=(key["key"], "")).status_code == 401
    endpoint = trial.json("endpoints", "add", "http://127.0.0.1:1/nowhere", "--header", "X-Key: a:b", "--header", "X-More:c")
    assert endpoint["headers"] == ["x-key", "x-more"]
    for headers in (("--header", "secret"), ("--header", "X-Key: secret", "--header", "X-Key: secret")):
        wrong = trial.handraiser("endpoints", "add", "http://127.0.0.1:1/nowhere", *headers)
        assert (wrong.returncode, "secret" in wrong.stderr) == (2, False)
    assert endpoint["secret"].startswith("whsec_")
    refused = trial.handraiser("endpoints", "test", endpoint["id"])
    assert refused.returncode == 1
    assert "Not taken" in refused.stdout
    assert trial.json("endpoints", "enable", endpoint["id"])["status"] == "enabled"
    rotated = trial.json("endpoints", "rotate", endpoint["id"], "--overlap", "1")
    assert (rotated["id"], rotated["secret"] == endpoint["secret"]) == (endpoint["id"], False)
    assert trial.json("endpoints", "reseal") == {"resealed": 0}
    assert trial.json("endpoints", "remove", endpoint["id"])["removed"] is True


def test_what_belongs_to_no_project_says_how_to_make_one(trial: Running, tmp_path: Path) -> None:
    rulebook = tmp_path / "rulebook.yaml"
    rulebook.write_text(
        (trial.data / "acme-mail" / "rulebook.yaml").read_text().replace("project: acme-mail", "project: elsewhere")
    )
    for refused in (
        trial.handraiser("endpoints", "add", "http://127.0.0.1:1/", "--project", "elsewhere"),
        trial.handraiser("rules", "apply", str(rulebook)),
    ):
        assert refused.returncode == 1
        assert "handraiser projects create elsewhere" in refused.stderr


def test_a_command_waits_longer_than_the_longest_attempt() -> None:
    """`endpoints test` of a receiver that hangs must say so, not that our server does."""
    longest = Deadlines()
    assert longest.whole_s + longest.body_s < TIMEOUT_S


def test_a_rulebook_can_be_applied_again(trial: Running) -> None:
    applied = trial.json("rules", "apply", str(trial.data / "acme-mail" / "rulebook.yaml"))
    assert applied["project"] == "acme-mail"


def test_anonymous_callers_of_health_see_statuses_only(trial: Running) -> None:
    anonymous = trial.http.get("/health")
    assert anonymous.status_code == 200
    assert anonymous.json().keys() == {"status", "checks"}
    assert all(check.keys() == {"status"} for check in anonymous.json()["checks"].values())
    whole = trial.api.get("/health").json()
    assert {"ingest", "log", "detector", "notifier", "database"} == whole["checks"].keys()
    assert whole["checks"]["detector"]["rulebooks"]["acme-mail"]["version"] >= 1
    assert whole["checks"]["database"]["migration"] == whole["checks"]["database"]["migration_expected"]


def test_metrics_of_both_processes_are_shown_to_this_machine(trial: Running) -> None:
    def detectors() -> str | None:
        text = trial.http.get("/metrics").text
        counted = [line for line in text.splitlines() if line.startswith("handraiser_detector_lead_events_total")]
        return text if counted and float(counted[0].split()[1]) > 0 else None

    text = until("the detector's metrics", detectors, 20)
    assert text.count("# TYPE handraiser_detector_lead_events_total") == 1
    assert 'handraiser_ingest_requests_total{outcome="ok",route="/v1/batch"}' in text


def test_the_openapi_document_tells_the_routes_that_there_are(trial: Running) -> None:
    document = trial.http.get("/openapi.json").json()
    for path in ("/v1/batch", "/v1/events", "/v1/leads", "/v1/endpoints", "/v1/keys", "/v1/rulebooks", "/catcher", "/health"):
        assert path in document["paths"], path
    for name in ("/v1/projects", "/v1/keys", "/v1/endpoints", "/v1/leads", "/v1/rulebooks", "/v1/deadletters", "/catcher"):
        answer = trial.api.get(name).json()
        shape = document["paths"][name]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        listed = document["components"]["schemas"][shape.rsplit("/", 1)[1]]
        assert answer.keys() == listed["properties"].keys(), name
        for row in answer["data"]:
            told = document["components"]["schemas"][listed["properties"]["data"]["items"]["$ref"].rsplit("/", 1)[1]]
            assert row.keys() == told["properties"].keys(), name


def test_every_route_that_the_docs_name_is_there(trial: Running) -> None:
    paths = trial.http.get("/openapi.json").json()["paths"]
    there = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in paths.items() for method in methods}
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    named = {
        route for page in pages for route in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s…]+)[^`…]*`", page.read_text())
    }
    assert len(named) > 20
    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in named} <= there


def test_a_404_has_our_error_body(trial: Running) -> None:
    body = trial.http.get("/nothing-here").json()
    assert body.keys() == {"code", "message", "detail", "error"}
