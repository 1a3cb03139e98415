"""Servers of a test's own, which it may kill, stop and start again."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.journey.product import children, wait_until
from tests.servers import (
    MissingServerError,
    kafka_jars,
    postgres_binaries,
    serve_kafka,
    serve_postgres,
    start_kafka,
    start_postgres,
)


class OwnServer:
    """A server that a test may kill; `serve` starts it again on the same folder and port."""

    def __init__(self, address: str, folder: Path, serve: Callable[[], object]) -> None:
        self.address = address
        self._folder = folder
        self._serve = serve

    @property
    def pid(self) -> int:
        return int((self._folder / "pid").read_text())

    def _family(self) -> list[int]:
        return [self.pid, *map(int, children(self.pid))]

    def kill(self) -> None:
        """kill -9, its children too: as if the machine had been switched off."""
        family = self._family()
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        wait_until("all of it is gone", lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in family), 10)

    def start_again(self) -> None:
        self._serve()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It stands still meanwhile, its children too: connections stay open, and nothing is answered."""
        family = self._family()
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(family):
                os.kill(pid, signal.SIGCONT)


@pytest.fixture
def keeper() -> Iterator[int]:
    """A process with which a test's own servers end."""
    with subprocess.Popen(["sleep", "600"]) as keeper:
        yield keeper.pid
        keeper.kill()


@pytest.fixture
def own_kafka(tmp_path: Path, keeper: int) -> OwnServer:
    folder = tmp_path / "own-kafka"
    folder.mkdir()
    try:
        jars = kafka_jars()
    except MissingServerError as why:
        missing("Kafka half", str(why))
    address = start_kafka(jars, keeper, folder)
    port = int(address.partition(":")[2])
    return OwnServer(address, folder, lambda: serve_kafka(jars, folder, port, keeper))


@pytest.fixture
def own_postgres(keeper: int) -> OwnServer:
    try:
        binaries = postgres_binaries()
    except MissingServerError as why:
        missing("PostgreSQL half", str(why))
    folder = Path(tempfile.mkdtemp(prefix="handraiser-postgres-"))  # the user that it runs as may not enter pytest's
    url = start_postgres(binaries, keeper, folder)
    port = int(re.findall(r":(\d+)/", url)[0])
    return OwnServer(url, folder, lambda: serve_postgres(binaries, folder, port, keeper))
