"""The product as an operator runs it: `handraiser up` in a process of its own, driven only over HTTP and signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

READY_WITHIN_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(what: str, check: Any, timeout_s: float) -> Any:
    """The first true answer of `check`, asked every 20 ms; fails with `what` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Product:
    """One installation in `data`; `environment` adds HANDRAISER_* settings (Kafka and PostgreSQL, say)."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HANDRAISER_")}
        self.environment = {**inherited, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "handraiser", *arguments]

    def start(self, *arguments: str) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data.parent / f"{self.data.name}.out").open("ab") as out:
            self.process = subprocess.Popen(
                self.command("up", "--data", str(self.data), "--port", str(self.port), *arguments),
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until("ready", self.is_ready, READY_WITHIN_S)
        self.http.headers["authorization"] = f"Bearer {(self.data / 'api-key').read_text().strip()}"

    def is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"up ended with {self.process.returncode}: {self.printed()}")
        try:
            return self.http.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def printed(self) -> str:
        return (self.data.parent / f"{self.data.name}.out").read_text()

    def detector_pid(self) -> int:
        """The supervised detector's process id, found as the operating system knows it: the front's child."""
        assert self.process is not None
        return int(wait_until("a detector process", lambda: children(self.process.pid if self.process else 0), 10)[0])

    def kill_front(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_detector(self) -> None:
        os.kill(self.detector_pid(), signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.terminate()
        return self.process.wait(20)

    def close(self) -> None:
        self.stop()
        self.http.close()

    # what a user does

    def api(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self.http.request(method, path, json=json, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create_project(self, name: str) -> str:
        """A project and its first server key, the whole key."""
        self.api("POST", "/v1/projects", {"name": name})
        return str(self.api("POST", "/v1/keys", {"project": name, "trust": "server"})["key"])

    def add_endpoint(self, project: str, url: str) -> str:
        """The endpoint's secret."""
        return str(self.api("POST", "/v1/endpoints", {"project": project, "url": url})["secret"])

    def apply(self, rulebook: str) -> None:
        self.api("POST", "/v1/rulebooks", {"body": rulebook})

    def send(self, key: str, messages: list[dict[str, Any]]) -> httpx.Response:
        return self.http.post("/v1/batch", json={"batch": messages}, auth=(key, ""))

    def is_settled(self) -> bool:
        """The detector has read to the end, its outbox is empty, and no delivery is open."""
        checks = self.api("GET", "/health")["checks"]
        return not (checks["detector"]["lag_events"] or checks["detector"]["outbox_oldest_s"] or checks["notifier"]["pending"])

    def leads(self, project: str) -> list[dict[str, Any]]:
        """All leads of a project, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.api(
                "GET", "/v1/leads", params={"project": project, "limit": 200, **({"cursor": cursor} if cursor else {})}
            )
            found += page["data"]
            cursor = page["next"]
            if cursor is None:
                return found


def children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
