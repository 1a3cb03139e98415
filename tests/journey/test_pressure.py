"""PostgreSQL, then the broker, stand still for a minute while events come as fast as they are taken: no memory, no event lost."""

import http.client
import os
import threading
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from detector.core.ids import lead_id
from tests.journey.conftest import OwnServer
from tests.journey.product import Process, Product, wait_until
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

STOPPED_S = 60
WARM_S = 20
FULL_S = 2
"""So long after a server was stopped all that waits for it has come to its bounds."""
GROWTH_MB_MAX = 8
"""From then on."""
BROKER_GROWTH_MB_MAX = 64
"""kafka-python's requests that fail leave cycles behind, some 370,000 objects at most, until the garbage collector comes."""
CLIENTS = 8
EVENTS = 100
"""In a request."""
ACCOUNTS = 2_000
READ_WITHIN_S = 600


class Load:
    """Clients that each send a request as soon as the one before is answered."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode(), "content-type": "application/json"}
        self._stop = threading.Event()
        self.answers: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _send(self, client: int) -> None:
        event = (
            '{"type":"track","messageId":"%s-%d","userId":"u","event":"Contact Count Changed","properties":{"total":7},'
            '"context":{"groupId":"crowd-%d"}}'
        )
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        n = 0
        while not self._stop.is_set():
            batch = ",".join(event % (f"{uuid.uuid4().hex}", k, (n * EVENTS + k + client) % ACCOUNTS) for k in range(EVENTS))
            n += 1
            connection.request("POST", "/v1/batch", '{"batch":[' + batch + "]}", self._headers)
            answer = connection.getresponse()
            answer.read()
            self.answers[answer.status] += 1
        connection.close()

    def during(self, seconds: float) -> Counter[int]:
        """What is answered meanwhile."""
        before = self.answers.copy()
        time.sleep(seconds)
        return self.answers - before

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def megabytes(process: Process) -> float:
    """Resident."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def flat(product: Product, growth_mb_max: float) -> Iterator[None]:
    """The resident memory of no process grows by more, looked at twice a second."""
    grown: dict[str, float] = {}
    began = {name: megabytes(process) for name, process in product.processes.items()}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            for name, process in product.processes.items():
                grown[name] = max(grown.get(name, 0.0), megabytes(process) - began[name])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    print({name: f"{began[name]:.0f} MB + {grown[name]:.1f}" for name in began})
    assert max(grown.values()) < growth_mb_max, (began, grown)


@pytest.fixture
def product(own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path) -> Iterator[Product]:
    environment = {
        "HANDRAISER_KAFKA": own_kafka.address,
        "HANDRAISER_DATABASE_URL": own_postgres.address,
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    made = Product(tmp_path / "data", environment, services=True)
    yield made
    made.close()


@pytest.mark.skipif(os.environ.get("HANDRAISER_SOAK") != "1", reason="takes five minutes: part of make soak")
@pytest.mark.timeout(1_800)
def test_a_database_and_a_broker_that_stand_still_cost_no_memory_and_no_event(
    product: Product, own_kafka: OwnServer, own_postgres: OwnServer
) -> None:
    receiver = Receiver()
    key = open_shop(product, receiver)
    load = Load(product.processes["ingest"].port, key)
    try:
        assert set(load.during(WARM_S)) == {200}
        with own_postgres.stopped():
            answers = load.during(FULL_S)
            with flat(product, GROWTH_MB_MAX):
                answers += load.during(STOPPED_S)
            assert set(answers) == {200}, "the log takes them, and known keys are known"
        print(f"PostgreSQL stood still: {answers}")

        with own_kafka.stopped():
            load.during(FULL_S)
            with flat(product, BROKER_GROWTH_MB_MAX):
                answers = load.during(STOPPED_S)
            assert set(answers) == {200}, "the spool takes them"
        print(f"the broker stood still: {answers}")
        wait_until("requests are taken again", lambda: load.during(0.5)[200], 30)
    finally:
        load.stop()
    try:
        assert product.send(key, contacts("last", 487)).status_code == 200
        product.settle(READ_WITHIN_S)
        read = product.metrics(product.processes["detector"])['handraiser_detector_events_total{topic="events"}']
        assert read >= load.answers[200] * EVENTS
        assert {lead["lead_id"] for lead in product.leads("shop")} == {lead_id("shop", "last", "pql", 1)}
        assert [message["data"]["lead_id"] for message in receiver.messages] == [lead_id("shop", "last", "pql", 1)]
        print({name: f"{megabytes(process):.0f} MB" for name, process in product.processes.items()}, load.answers)
    finally:
        receiver.close()
