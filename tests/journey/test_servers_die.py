"""PostgreSQL and the broker killed and back again; a detector that goes on after another took its partitions."""

import os
import re
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.journey.product import Process, Product, children, wait_until
from tests.journey.test_crash_matrix import Shop
from tests.servers import (
    MissingServerError,
    kafka_jars,
    postgres_binaries,
    serve_kafka,
    serve_postgres,
    start_kafka,
    start_postgres,
)

MASTER_KEY = "k" * 43 + "="


class OwnServer:
    """A server that a test may kill; `serve` starts it again on the same folder and port."""

    def __init__(self, address: str, folder: Path, serve: Callable[[], object]) -> None:
        self.address = address
        self._folder = folder
        self._serve = serve

    @property
    def pid(self) -> int:
        return int((self._folder / "pid").read_text())

    def kill(self) -> None:
        """kill -9, its children too: as if the machine had been switched off."""
        family = [self.pid, *map(int, children(self.pid))]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        wait_until("all of it is gone", lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in family), 10)

    def start_again(self) -> None:
        self._serve()


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


@pytest.mark.timeout(240)
def test_a_database_or_a_broker_that_is_killed_and_comes_back_costs_no_lead(
    own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {"HANDRAISER_KAFKA": own_kafka.address, "HANDRAISER_DATABASE_URL": own_postgres.address}
    shop = Shop(Product(tmp_path / "data", environment), seed=0)
    try:
        for server in (own_postgres, own_kafka):
            count = len(shop.receiver.messages)
            shop.send()
            assert shop.receiver.wait(lambda r, n=count: len(r.messages) > n, 20), shop.product.printed()  # type: ignore[misc]
            for _ in range(3):
                shop.send()
            server.kill()
            for _ in range(3):
                shop.send()  # what is not taken now is owed
            server.start_again()
            shop.send()
        shop.check()
    finally:
        shop.close()


def lost(product: Product, detector: Process) -> float:
    """How often it has found a partition in other hands."""
    text = product.http.get(f"{detector.url}/metrics").text
    found = re.search(r"^handraiser_detector_partitions_lost_total (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def told(shop: Shop) -> int:
    """Of how many leads the receiver has heard."""
    return len({message["data"]["lead_id"] for message in shop.receiver.messages})


@pytest.mark.timeout(240)
def test_a_detector_that_was_stopped_until_another_took_its_partitions_changes_nothing_when_it_goes_on(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    """A second detector takes all partitions when it starts; events flow before, meanwhile and afterwards."""
    environment = {
        "HANDRAISER_KAFKA": kafka,
        "HANDRAISER_DATABASE_URL": postgres,
        "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "HANDRAISER_MASTER_KEY": MASTER_KEY,
    }
    product = Product(tmp_path / "data", environment, services=True)
    shop = Shop(product, seed=0)
    first = product.processes["detector"]
    second = Process("detector", tmp_path / "data", product.environment)
    try:
        for _ in range(5):
            shop.send()
        os.kill(first.pid, signal.SIGSTOP)
        for _ in range(5):
            shop.send()
        second.start()
        wait_until("the second is ready", second.is_ready, 40)
        wait_until("the second has them all", lambda: told(shop) == len(shop.accounts), 30)
        assert lost(product, second) == 0
        os.kill(first.pid, signal.SIGCONT)
        deadline = time.monotonic() + 30
        while not lost(product, first):
            assert time.monotonic() < deadline, "the first has not noticed"
            shop.send()
        for _ in range(5):
            shop.send()
        shop.check()
    finally:
        os.kill(first.pid, signal.SIGCONT)
        second.terminate()
        second.ended()
        shop.close()
