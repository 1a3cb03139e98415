"""`handraiser` as a process of its own: started on a free port with a data folder, ended after the test."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journey.product import Product

READY_S = 40


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would change what is tested."""
    return {k: v for k, v in os.environ.items() if not k.startswith("HANDRAISER_")} | dict(more or {})


def command(*arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    words = [sys.executable, "-m", "handraiser", *arguments]
    return subprocess.run(words, env=environment(env), capture_output=True, text=True, check=False, timeout=timeout_s)


def until(what: str, check: Callable[[], Any], timeout_s: float) -> Any:
    """The first true answer of `check`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Running:
    """One `handraiser up`. Its standard output goes to a file, as it would under a service manager."""

    def __init__(self, data: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.out = data.with_name(data.name + ".out")
        self.err = data.with_name(data.name + ".err")
        words = [sys.executable, "-m", "handraiser", "up", "--data", str(data), "--port", "0", *arguments]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(words, env=environment(env), stdout=out, stderr=err, start_new_session=True)
        self.url = str(until("server.json", self._url, READY_S))
        self.http = httpx.Client(base_url=self.url, timeout=10)
        until("ready", lambda: self.http.get("/ready").status_code == 200, READY_S)
        self.api = httpx.Client(base_url=self.url, timeout=10, headers={"Authorization": f"Bearer {self.read('api-key')}"})

    def _url(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"up ended with {self.process.returncode}: {self.printed()} {self.err.read_text()}")
        try:
            return str(json.loads((self.data / "server.json").read_text())["url"])
        except FileNotFoundError:
            return None

    def read(self, name: str) -> str:
        return (self.data / name).read_text().strip()

    def printed(self) -> str:
        return self.out.read_text()

    def handraiser(self, *arguments: str, timeout_s: float = 90) -> "subprocess.CompletedProcess[str]":
        return command(*arguments, "--data", str(self.data), timeout_s=timeout_s)

    def json(self, *arguments: str) -> Any:
        done = self.handraiser(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def detector_pid(self) -> int | None:
        pid: int | None = self.api.get("/health").json()["checks"]["detector"]["pid"]
        return pid

    def stop(self) -> int:
        """SIGTERM, as a service manager does; the exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.http.close()
        self.api.close()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One `up --try` for all tests of a file."""
    running = Running(tmp_path_factory.mktemp("trial") / "data", "--try")
    yield running
    running.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts `up` with the given arguments in a folder of its own."""
    started: list[Running] = []

    def begin(*arguments: str, data: Path = tmp_path / "data", env: Mapping[str, str] | None = None) -> Running:
        started.append(Running(data, *arguments, env=env))
        return started[-1]

    yield begin
    for running in started:
        running.close()


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A running one, with nothing in it."""
    product = Product(tmp_path / "data")
    product.start()
    yield product
    product.close()
