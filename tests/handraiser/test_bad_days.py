"""What goes wrong around `up` and the services: each gives one paragraph that says what to do, and nothing is lost."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.handraiser.conftest import Running, command, until


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refused(*arguments: str, env: dict[str, str] | None = None) -> str:
    """The one paragraph that the command gave up with."""
    done = command(*arguments, env=env)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def gone(pid: int) -> bool:
    """A process that nobody has waited for yet is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_sigterm_ends_it_cleanly_and_a_restart_goes_on(start: Callable[..., Running]) -> None:
    first = start("--try")
    key, api_key, detector = first.read("trial-key"), first.read("api-key"), first.detector_pid()
    first.handraiser("try", "--fast")
    leads = {lead["lead_id"] for lead in first.api.get("/v1/leads").json()["data"]}
    assert leads
    assert first.stop() == 0
    assert first.err.read_text() == ""
    assert detector is not None
    assert gone(detector)
    assert not (first.data / "server.json").exists()
    again = start("--try")
    assert (again.read("trial-key"), again.read("api-key")) == (key, api_key)
    assert leads <= {lead["lead_id"] for lead in again.api.get("/v1/leads").json()["data"]}
    assert len(again.api.get("/v1/rulebooks").json()["data"]) == 1
    assert [endpoint["name"] for endpoint in again.api.get("/v1/endpoints").json()["data"]] == ["catcher"]
    assert again.handraiser("try", "--fast").returncode == 0


def test_a_detector_that_is_killed_is_started_again_and_goes_on(start: Callable[..., Running]) -> None:
    running = start("--try")
    killed = running.detector_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until("another detector", lambda: running.detector_pid() not in (None, killed), 20)
    assert running.handraiser("try", "--fast").returncode == 0
    assert "detector died" in (running.data / "handraiser.log").read_text()


def test_a_killed_front_process_takes_its_detector_along_and_can_be_started_again(start: Callable[..., Running]) -> None:
    running = start("--try")
    detector = running.detector_pid()
    assert detector is not None
    running.process.kill()
    running.process.wait()
    until("the detector's end", lambda: gone(detector), 2)
    (running.data / "server.json").unlink()
    again = start("--try")
    assert again.handraiser("try", "--fast").returncode == 0


def test_production_refuses_a_database_with_a_trial_key(start: Callable[..., Running]) -> None:
    running = start("--try")
    running.stop()
    env = {"HANDRAISER_ENV": "production", "HANDRAISER_MASTER_KEY": running.read("master-key")}
    (running.data / "trial-key").unlink()
    assert "trial's write key" in refused("up", "--data", str(running.data), "--port", "0", env=env)


def test_plain_up_makes_nothing_and_says_the_next_command(start: Callable[..., Running]) -> None:
    running = start()
    assert "Next: handraiser projects create NAME" in running.printed()
    assert running.api.get("/v1/projects").json()["data"] == []
    assert not (running.data / "trial-key").exists()
    missing = running.handraiser("try", "--fast")
    assert missing.returncode == 1
    assert "handraiser up --try" in missing.stderr
    assert "Make one: handraiser projects create NAME" in running.handraiser("projects", "list").stdout
    assert "No lead yet" in running.handraiser("leads", "list").stdout


def test_up_with_json_prints_one_document(start: Callable[..., Running]) -> None:
    running = start("--try", "--json")
    document = json.loads(running.printed())
    assert document["url"] == running.url
    assert document["write_key"] == running.read("trial-key")
    assert "Paste this" in running.err.read_text()


def test_a_port_in_use_is_said_before_anything_is_made(tmp_path: Path, taken_port: int) -> None:
    said = refused("up", "--data", str(tmp_path / "data"), "--port", str(taken_port))
    assert f"Port {taken_port} on 127.0.0.1 is in use" in said
    assert f"--port {taken_port + 1}" in said
    assert not (tmp_path / "data" / "ingest.sqlite").exists()


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    said = refused("up", "--data", str(in_the_way / "data"), "--port", "0")
    assert f"{in_the_way / 'data'} cannot be written" in said
    assert "--data DIR" in said


def test_two_ups_on_one_data_folder_are_one_too_many(start: Callable[..., Running]) -> None:
    running = start()
    said = refused("up", "--data", str(running.data), "--port", "0")
    assert f"runs on {running.data} already, at {running.url}" in said


def test_a_second_detector_or_notifier_on_sqlite_is_refused(start: Callable[..., Running]) -> None:
    running = start()
    for room in ("detector", "notifier"):
        said = refused(room, "--data", str(running.data), "--port", "0")
        assert f"Another {room} runs on {running.data}: SQLite means exactly one." in said
        assert "Kafka and PostgreSQL" in said


def test_a_service_refuses_a_database_that_was_never_migrated(tmp_path: Path) -> None:
    assert "handraiser migrate" in refused("notifier", "--data", str(tmp_path), "--port", "0")


def test_kafka_without_postgresql_is_refused() -> None:
    assert "both or none" in refused("up", "--port", "0", env={"HANDRAISER_KAFKA": "127.0.0.1:1"})


def test_a_kafka_that_is_not_there_is_said(tmp_path: Path, postgres: str) -> None:
    env = {"HANDRAISER_KAFKA": "127.0.0.1:1", "HANDRAISER_DATABASE_URL": postgres}
    said = refused("up", "--data", str(tmp_path), "--port", "0", env=env)
    assert "Kafka at 127.0.0.1:1" in said
    assert "HANDRAISER_KAFKA" in said


def test_a_postgresql_that_is_not_there_is_said(tmp_path: Path) -> None:
    env = {"HANDRAISER_KAFKA": "127.0.0.1:1", "HANDRAISER_DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/db"}
    said = refused("up", "--data", str(tmp_path), "--port", "0", env=env)
    assert "HANDRAISER_DATABASE_URL" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (["--try"], {"HANDRAISER_MASTER_KEY": "x"}, "--try makes trial keys"),
        ([], {}, "HANDRAISER_MASTER_KEY is not set"),
        ([], {"HANDRAISER_MASTER_KEY": "short"}, "is not a key"),
    ],
)
def test_production_refuses_what_is_unsafe(tmp_path: Path, arguments: list[str], env: dict[str, str], expected: str) -> None:
    production = {"HANDRAISER_ENV": "production"} | env
    assert expected in refused("up", "--data", str(tmp_path), "--port", "0", *arguments, env=production)


def test_production_refuses_the_keys_of_a_trial(tmp_path: Path) -> None:
    (tmp_path / "trial-key").write_text("wk_x_y\n")
    env = {"HANDRAISER_ENV": "production", "HANDRAISER_MASTER_KEY": "x"}
    assert "trial's key" in refused("up", "--data", str(tmp_path), "--port", "0", env=env)


def test_a_command_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    done = command("leads", "list", "--data", str(tmp_path), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "no_server"
    assert "handraiser up" in done.stderr


def test_a_server_that_does_not_answer_is_said() -> None:
    done = command("leads", "list", env={"HANDRAISER_URL": "http://127.0.0.1:1", "HANDRAISER_API_KEY": "ak_x"})
    assert done.returncode == 1
    assert "No answer from http://127.0.0.1:1" in done.stderr


def test_catch_refuses_what_is_no_webhook_secret() -> None:
    for text in ("bad", "whsec_!", "wk_abcdefgh"):
        assert "not a webhook secret" in refused("catch", "--secret", text, "--port", "0")


def test_a_wrong_command_line_is_exit_code_2() -> None:
    assert command("leads", "lits").returncode == 2
    assert command("up", "--port", "many").returncode == 2


def test_a_rulebook_with_mistakes_names_line_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "rulebook.yaml"
    file.write_text("project: shop\nplans:\n  free: {stage: free, price: 0, alows: {}}\n")
    done = command("rules", "check", str(file))
    assert done.returncode == 1
    assert "rulebook.yaml:3:" in done.stderr
    document = json.loads(command("rules", "check", str(file), "--json").stdout)
    assert document["ok"] is False
    assert document["problems"][0]["line"] == 3


def test_every_command_has_help() -> None:
    services = ("up", "ingest", "detector", "notifier", "migrate")
    names = (*services, "try", "catch", "projects", "keys", "endpoints", "deliveries", "rules", "leads", "deadletters")
    listed = command("--help").stdout
    for name in names:
        assert f"  {name} " in listed, name
    assert "--json" in command("migrate", "--help").stdout
    assert "--supervised" not in command("detector", "--help").stdout
