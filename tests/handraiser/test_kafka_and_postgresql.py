"""The same front door on Apache Kafka and PostgreSQL: `up --try`, and each service as a process of its own."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.handraiser.conftest import Running, command, environment, until


@pytest.fixture
def engines(kafka: str, postgres: str) -> dict[str, str]:
    prefix = f"front-door-{uuid.uuid4().hex[:8]}."
    return {"HANDRAISER_KAFKA": kafka, "HANDRAISER_DATABASE_URL": postgres, "HANDRAISER_TOPIC_PREFIX": prefix}


class Service:
    """One service by itself; `--json` tells where it listens, its log goes to a file."""

    def __init__(self, name: str, data: Path, env: dict[str, str]) -> None:
        words = [sys.executable, "-m", "handraiser", name, "--data", str(data), "--port", "0", "--json"]
        self.log = data.with_name(f"{data.name}-{name}.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(words, env=environment(env), stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            text += line
        self.url = json.loads(text)["url"]
        until(f"{name} ready", lambda: httpx.get(f"{self.url}/ready").status_code == 200, 30)

    def call(self, api_key: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {api_key}"}
        answer = httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(40)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def services(engines: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """Starts a service on a migrated database."""
    env = engines | {"HANDRAISER_MASTER_KEY": "k" * 43 + "="}
    migrated = command("migrate", "--json", env=env)
    assert migrated.returncode == 0, migrated.stderr
    running: list[Service] = []

    def begin(name: str) -> Service:
        running.append(Service(name, tmp_path / "data", env))
        return running[-1]

    yield begin
    for service in running:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def test_up_try_works_on_kafka_and_postgresql(start: Callable[..., Running], engines: dict[str, str]) -> None:
    running = start("--try", env=engines)
    assert "· on Kafka and PostgreSQL" in running.printed().splitlines()[0]
    done = running.handraiser("try", "--fast")
    assert done.returncode == 0, done.stdout + done.stderr
    health = running.api.get("/health").json()
    assert (health["checks"]["log"]["kind"], health["checks"]["database"]["kind"]) == ("kafka", "postgresql")
    assert health["checks"]["detector"]["partitions"]["total"] > 1
    assert running.stop() == 0


def test_verify_agrees_on_kafka_and_postgresql(start: Callable[..., Running], engines: dict[str, str]) -> None:
    running = start("--try", env=engines)
    assert running.handraiser("try", "--fast").returncode == 0

    done = command("verify", "--json", env=engines)

    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["result"], said["leads"] >= 3, said["lead_events"] >= 5) == ("agreement", True, True)


def test_each_service_by_itself_makes_a_lead_and_delivers_it(services: Callable[[str], Service], tmp_path: Path) -> None:
    ingest, detector, notifier = services("ingest"), services("detector"), services("notifier")
    api_key = (tmp_path / "data" / "api-key").read_text().strip()
    ingest.call(api_key, "POST", "/v1/projects", {"name": "acme-mail"})
    write_key = ingest.call(api_key, "POST", "/v1/keys", {"project": "acme-mail", "trust": "server"})["key"]
    detector_env = {"HANDRAISER_URL": detector.url, "HANDRAISER_API_KEY": api_key}
    rulebook = Path(__file__).parents[2] / "detector" / "rulebooks" / "templates" / "acme-mail" / "rulebook.yaml"
    applied = command("rules", "apply", str(rulebook), env=detector_env)
    assert applied.returncode == 0, applied.stderr
    notifier.call(api_key, "POST", "/v1/endpoints", {"project": "acme-mail", "url": "http://127.0.0.1:1/nobody-listens"})
    batch = [
        {"type": "group", "userId": "ada", "groupId": "acme", "traits": {"name": "Acme", "plan": "free"}},
        {"type": "track", "userId": "ada", "event": "Contact Count Changed", "properties": {"total": 487}},
    ]
    sent = httpx.post(f"{ingest.url}/v1/batch", json={"batch": batch}, auth=(write_key, ""))
    assert sent.json()["accepted"] == 2
    until("the lead", lambda: detector.call(api_key, "GET", "/v1/leads")["data"], 20)

    def tried() -> bool:
        check = httpx.get(f"{notifier.url}/health", headers={"Authorization": f"Bearer {api_key}"}).json()
        return [problem["code"] for problem in check["problems"]] == ["endpoint_failing"]

    until("an attempt", tried, 20)
    for service in (ingest, detector, notifier):
        assert service.stop() == 0, service.log.read_text()[-2000:]
        lines = service.log.read_text().splitlines()
        assert all(json.loads(line)["level"] for line in lines)
