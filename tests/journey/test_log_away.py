"""The log goes away while events come, and comes back: what got a 200 counts once, and answers are prompt meanwhile."""

import os
import signal
import sqlite3
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

import msgspec
import pytest

from detector.core.ids import lead_id
from tests.journey.conftest import OwnServer
from tests.journey.product import Product, wait_until
from tests.journey.test_crash_matrix import Shop

AWAY_S = 300 if os.environ.get("HANDRAISER_SOAK") else 20
BEFORE_S, AFTER_S = 3, 5
EVENTS = 100
"""In a request, each of another account; as many requests in a row are about the same accounts."""
REQUESTS_PER_S = 20
CLIENTS = 32
ANSWER_S_MAX = 10.0
RULEBOOK = """\
project: shop
events: {pinged: Pinged}
measures: {pings: {count: pinged}}
plans: {free: {stage: free, price: 0}}
no_plan: free
lead_types: {pql: {to: sales, do: Call, answer_in: 1h}}
rules:
  all-there: {lead: pql, when: [pings >= 100], say: "{account} pinged"}
"""


class Load:
    """2,000 events a second, whatever the answers; a request that gets no 200 is sent again until it does."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
        self._stop = threading.Event()
        self.took: list[float] = []
        """Seconds from a request to its 200, each try of it."""
        self.again = 0
        self.blocks = 0
        """Of EVENTS requests; each makes the leads of EVENTS accounts."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        """Whole blocks only: an account has all of its events, or none."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            started = time.monotonic()
            for number in count():
                if number % EVENTS == 0:
                    if self._stop.is_set():
                        return
                    self.blocks += 1
                time.sleep(max(0.0, started + number / REQUESTS_PER_S - time.monotonic()))
                clients.submit(self._send, number)

    def _send(self, number: int) -> None:
        block = number // EVENTS
        events = [
            {"type": "track", "event": "Pinged", "messageId": f"{number}-{n}", "groupId": f"{block}-{n}", "userId": f"u{n}"}
            for n in range(EVENTS)
        ]
        body = msgspec.json.encode({"batch": events})
        while True:
            started = time.monotonic()
            connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
            connection.request("POST", "/v1/batch", body, self._headers)
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                self.took.append(time.monotonic() - started)
                return
            self.again += 1
            time.sleep(1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def p99(self) -> float:
        return sorted(self.took)[len(self.took) * 99 // 100]


@pytest.mark.timeout(3 * AWAY_S + 300)
def test_the_broker_is_away_for_a_while_and_every_event_counts_once(
    own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {"HANDRAISER_KAFKA": own_kafka.address, "HANDRAISER_DATABASE_URL": own_postgres.address}
    product = Product(tmp_path / "data", environment)
    try:
        product.start()
        key = product.create_project("shop")
        product.apply(RULEBOOK)
        load = Load(product.processes["up"].port, key)
        try:
            time.sleep(BEFORE_S)
            own_kafka.kill()
            time.sleep(AWAY_S)
            health = product.http.get(product.url("ingest") + "/health").json()
            ready = product.http.get(product.url("ingest") + "/ready").status_code
            own_kafka.start_again()
            time.sleep(AFTER_S)
        finally:
            load.stop()
        print(f"{len(load.took)} requests, p99 {load.p99():.2f} s, longest {max(load.took):.2f} s, sent again {load.again}")
        assert health["checks"]["ingest"]["spool_bytes"] > 0
        assert "ingest_spooling" in {problem["code"] for problem in health["problems"]}
        assert ready == 200, "that the log is away is no reason to send requests elsewhere"
        assert load.again == 0
        assert max(load.took) < ANSWER_S_MAX
        product.settle(120 + AWAY_S)
        expected = {lead_id("shop", f"{block}-{n}", "pql", 1) for block in range(load.blocks) for n in range(EVENTS)}
        assert {lead["lead_id"] for lead in product.leads("shop")} == expected
        counted = product.api("detector", "GET", "/v1/event-names", params={"project": "shop"})
        assert [(row["name"], row["count"]) for row in counted["data"]] == [("Pinged", load.blocks * EVENTS * EVENTS)]
        product.verify()
    finally:
        product.close()


@contextmanager
def locked(log: Path) -> Iterator[None]:
    """Somebody else writes to the embedded log all the time."""
    connection = sqlite3.connect(log, isolation_level=None, timeout=10)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("place", ["spool.put.after", "spool.drain.after"])
def test_a_death_while_spooling_costs_and_doubles_nothing(place: str, tmp_path: Path) -> None:
    shop = Shop(Product(tmp_path / "data"), seed=0)
    up = shop.product.processes["up"]
    log = tmp_path / "data" / "log.sqlite"
    try:
        shop.send()
        shop.product.settle(20)
        up.kill()
        up.start(kill_at=place)
        wait_until("ready", up.is_ready, 40)
        with locked(log):
            shop.send()
            assert bool(shop.owed) == (place == "spool.put.after"), "answered, unless it died before"
            if not shop.owed:
                shop.send()
        wait_until("it dies", lambda: up.died() is not None, 20)
        assert up.died() == -signal.SIGKILL, shop.product.printed()
        assert any((tmp_path / "data" / "spool").rglob("spool.sqlite"))
        shop.product.restart("up")
        shop.check()
    finally:
        shop.close()


@pytest.mark.timeout(240)
def test_an_ingest_that_starts_while_broker_and_database_are_away_takes_events(
    own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {
        "HANDRAISER_KAFKA": own_kafka.address,
        "HANDRAISER_DATABASE_URL": own_postgres.address,
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    shop = Shop(Product(tmp_path / "data", environment, services=True), seed=0)
    ingest = shop.product.processes["ingest"]
    try:
        shop.send()
        shop.product.settle(30)
        own_kafka.kill()
        own_postgres.kill()
        shop.send()
        assert shop.owed == []
        ingest.kill()
        shop.product.restart("ingest")
        shop.send()
        assert shop.owed == [], shop.product.printed()
        ingest.terminate()
        assert ingest.ended() == 0, "told to leave, it leaves what it has spooled to its successor"
        shop.product.restart("ingest")
        shop.send()
        assert shop.owed == [], shop.product.printed()
        own_postgres.start_again()
        own_kafka.start_again()
        shop.check()
    finally:
        shop.close()
