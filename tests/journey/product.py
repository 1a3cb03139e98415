"""The product as an operator runs it, driven only over HTTP and signals: `up`, or each service as a process of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

READY_WITHIN_S = 40
SERVICES = ("ingest", "detector", "notifier")

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(what: str, check: Callable[[], T], timeout_s: float, every_s: float = 0.02) -> T:
    """The first true answer of `check`, asked every `every_s`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(every_s)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Process:
    """One `handraiser up` or service on a port of its own; what it prints goes to a file."""

    def __init__(self, name: str, data: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "handraiser", name, "--data", str(data), "--port", str(self.port), *arguments]
        self._environment = dict(environment)
        self._out = data.parent / f"{data.name}-{name}-{self.port}.out"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, kill_at: str | None = None) -> None:
        """`kill_at`: the places at which it, or the detector that it supervises, is to kill itself."""
        environment = self._environment | ({"HANDRAISER_KILL_AT": kill_at} if kill_at else {})
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"ended with {self._process.returncode}: {self.printed()[-3000:]}"
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)  # httpx.get reads all CA certificates each time
        try:
            asked.request("GET", "/ready")
            return asked.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def printed(self) -> str:
        return self._out.read_text()

    def died(self) -> int | None:
        """Its exit code, None while it lives."""
        assert self._process is not None
        return self._process.poll()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """SIGTERM, if it was started."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> int:
        """Wait for its end; the exit code, 0 if it was never started."""
        return 0 if self._process is None else self._process.wait(30)


class Product:
    """One installation in `data`. `environment` adds HANDRAISER_* settings; `services`: three processes instead of `up`."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None, *, services: bool = False) -> None:
        self.data = data
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HANDRAISER_")}
        self.environment = {**inherited, **(environment or {})}
        self.processes = {name: Process(name, data, self.environment) for name in (SERVICES if services else ("up",))}
        self.http = httpx.Client(timeout=30)

    def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        if "up" not in self.processes:
            command = [sys.executable, "-m", "handraiser", "migrate", "--data", str(self.data)]
            subprocess.run(command, env=self.environment, check=True, capture_output=True)
        for process in self.processes.values():  # one after the other: the first makes the keys
            process.start()
            wait_until("ready", process.is_ready, READY_WITHIN_S)
        self.http.headers["authorization"] = f"Bearer {(self.data / 'api-key').read_text().strip()}"

    def restart(self, name: str) -> None:
        """Start a killed process again, and wait for it."""
        self.processes[name].start()
        wait_until("ready again", self.processes[name].is_ready, READY_WITHIN_S)

    def add(self, service: str) -> Process:
        """One more process of a service, ready."""
        process = Process(service, self.data, self.environment)
        self.processes[f"{service}-{len(self.processes)}"] = process
        process.start()
        wait_until("ready", process.is_ready, READY_WITHIN_S)
        return process

    def metrics(self, process: Process) -> dict[str, float]:
        """Prometheus's samples, by name with labels."""
        lines = (line for line in self.http.get(f"{process.url}/metrics").text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def url(self, service: str) -> str:
        return (self.processes.get("up") or self.processes[service]).url

    def printed(self) -> str:
        return "\n".join(process.printed()[-3000:] for process in self.processes.values())

    def detector_pid(self) -> int:
        """The detector that `up` supervises: the front process's child."""
        front = self.processes["up"].pid
        return int(wait_until("a detector process", lambda: children(front), 10)[0])

    def kill_detector(self) -> None:
        os.kill(self.detector_pid(), signal.SIGKILL)

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.processes.values():
            process.terminate()
        return [process.ended() for process in self.processes.values()]

    def close(self) -> None:
        self.stop()
        self.http.close()

    # what a user does

    def api(self, service: str, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self.http.request(method, self.url(service) + path, json=json, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create_project(self, name: str) -> str:
        """A project and its first server key, the whole key."""
        self.api("ingest", "POST", "/v1/projects", {"name": name})
        return str(self.api("ingest", "POST", "/v1/keys", {"project": name, "trust": "server"})["key"])

    def add_endpoint(self, project: str, url: str, *, caps: bool = False) -> str:
        """The endpoint's secret. `caps`: the rulebook's caps on noise hold for it."""
        return str(self.api("notifier", "POST", "/v1/endpoints", {"project": project, "url": url, "caps": caps})["secret"])

    def apply(self, rulebook: str) -> None:
        self.api("detector", "POST", "/v1/rulebooks", {"body": rulebook})

    def send(self, key: str, messages: list[dict[str, Any]]) -> httpx.Response:
        return self.http.post(f"{self.url('ingest')}/v1/batch", json={"batch": messages}, auth=(key, ""))

    def settle(self, timeout_s: float) -> None:
        """Wait until it is settled; asked rarely, for every question takes time from what is waited for."""
        wait_until("everything settled", self.is_settled, timeout_s, every_s=0.2)

    def verify(self) -> None:
        """`handraiser verify` beside the running processes: the log says the same as the database."""
        command = [sys.executable, "-m", "handraiser", "verify", "--data", str(self.data)]
        done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def is_settled(self) -> bool:
        """The spool is drained, detector and notifier have read to the end, no outbox holds anything, no delivery is open.

        A health answer may be two seconds old: the notifier's must be younger than the one that says the detector is done.
        """
        if self._health("ingest")["checks"]["ingest"]["spool_bytes"]:
            return False
        detector = self._health("detector")["checks"]["detector"]
        if detector["lag_events"] or detector["outbox_oldest_s"]:
            return False
        done_at = datetime.now(UTC)
        while datetime.fromisoformat((health := self._health("notifier"))["checked_at"]) <= done_at:
            time.sleep(0.1)
        notifier = health["checks"]["notifier"]
        return not (notifier["lag_events"] or notifier["pending"])

    def _health(self, service: str) -> Any:
        """Also while it is down, which is answered with 503."""
        return self.http.get(f"{self.url(service)}/health").json()

    def leads(self, project: str) -> list[dict[str, Any]]:
        """All leads of a project, page by page."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.api("detector", "GET", "/v1/leads", params={"project": project, "limit": 200, **more})
            found += page["data"]
            if page["next"] is None:
                return found
            more = {"cursor": page["next"]}


def children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
