"""What every room's tests may ask for: a real Kafka, an empty database of a real PostgreSQL, the folder of real input."""

import gc
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from hypothesis import settings

from tests.servers import MissingServerError, kafka_address, kafka_jars, once_a_run, postgres_address, start_kafka

settings.register_profile("untimed", deadline=None)  # how fast a case is depends on what else the machine does
settings.load_profile("untimed")

RUN = "HANDRAISER_TEST_RUN"
"""Names the folder that the processes of one test run share; xdist's workers inherit it."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = tempfile.mkdtemp(prefix=f"handraiser-tests-{os.getpid()}-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[RUN], ignore_errors=True)  # its servers end when this process does


def pytest_collection_finish() -> None:
    """What is loaded by now stays, and made-up cases are many small objects: looking for garbage is a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first for every xdist worker, which begins with its share of the list: the end is for short ones."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow: dict[object, list[pytest.Item]] = {}
    longest = {"simulation", "truth", "test_crash_matrix.py", "test_fuzz.py"}
    for item in sorted(items, key=lambda item: not {item.path.name, item.path.parent.name} & longest):
        if {item.path.name, item.path.parent.name} & {"journey", "handraiser", *longest}:
            together = item.path if item.path.parent.name == "handraiser" else item.nodeid  # those of a file share an `up`
            slow.setdefault(together, []).append(item)
    first: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for n, group in enumerate(slow.values()):
        first[n % workers] += group
    begun = {id(item) for share in first for item in share}
    quick = [item for item in items if id(item) not in begun]
    items[:] = []
    for n, share in enumerate(first, 1):
        room = max(0, (len(quick) + len(begun)) * n // workers - len(items) - len(share))
        items += share + quick[:room]
        del quick[:room]
    items += quick


def missing(what: str, why: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get("HANDRAISER_TEST_REQUIRE") == "all":
        pytest.fail(f"{what} is required (HANDRAISER_TEST_REQUIRE=all): {why}")
    pytest.skip(f"{what} skipped: {why}")


def go(what: str, least: tuple[int, int]) -> str:
    """The command, where there is one that new. HANDRAISER_TEST_REQUIRE does not ask for it: Debian 12 has 1.19."""
    found = shutil.which("go")
    said = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout if found else ""
    version = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or version is None or (int(version[1]), int(version[2])) < least:
        pytest.skip(f"{what} skipped: it needs Go {least[0]}.{least[1]} or newer (found: {said.strip() or 'none'})")
    return found


@pytest.fixture(scope="session")
def kafka() -> str:
    """`host:port` of a Kafka broker. Tests share it: use topic names of your own."""
    run = Path(os.environ[RUN])
    try:
        return once_a_run("kafka", run, lambda: kafka_address(os.environ, main_process(run))).address
    except MissingServerError as why:
        missing("Kafka half", str(why))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """`host:port` and process id of a broker that this test may do anything to."""
    try:
        jars = kafka_jars()
    except MissingServerError as why:
        missing("Kafka half", str(why))
    folder = tmp_path / "own-broker"
    folder.mkdir()
    with subprocess.Popen(["sleep", "300"]) as keeper:
        yield start_kafka(jars, keeper.pid, folder), int((folder / "pid").read_text())
        keeper.kill()  # and with it goes the broker


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """URL of a PostgreSQL in which databases can be created."""
    run = Path(os.environ[RUN])
    try:
        return once_a_run("postgres", run, lambda: postgres_address(os.environ, main_process(run))).address
    except MissingServerError as why:
        missing("PostgreSQL half", str(why))


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """URL of a fresh empty PostgreSQL database, gone after the test."""
    name = f"handraiser_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        head, _, options = postgres_server.partition("?")
        yield head.rsplit("/", 1)[0] + f"/{name}" + (f"?{options}" if options else "")
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real input: HANDRAISER_TEST_DATA, else `../shared/data` beside this tree."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HANDRAISER_TEST_DATA") or beside)
    if not folder.is_dir():
        missing("Real input", f"no folder {folder}; set HANDRAISER_TEST_DATA to the folder that holds it")
    return folder


def main_process(run: Path) -> int:
    """The process id of the test run itself, not of one of its workers."""
    return int(run.name.split("-")[2])
