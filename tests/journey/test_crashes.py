"""kill -9, at five seeded moments while a request or a delivery is open: the same leads by id, every webhook at least once."""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.core.ids import lead_id
from tests.journey.product import Product, wait_until
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

pytestmark = pytest.mark.skipif(
    os.environ.get("HANDRAISER_SOAK") != "1", reason="part of make soak: test_crash_matrix.py kills at every place"
)
KILLS = 5
ANSWER_AFTER_S = 0.1
"""So long a delivery stays open."""
PAUSE_S = 0.05
"""Between two accounts."""
WHILE_DOWN_S = 0.2
"""Between two accounts while a process starts again: enough for a backlog, few enough to work it off soon."""


class Sender(threading.Thread):
    """A product that posts, one account after the other, and sends a request again until it is told 200."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(daemon=True)
        self._url, self._key = url, key
        self._stop_now = threading.Event()
        self.pause_s = PAUSE_S
        self.sent: list[str] = []
        self.open: str | None = None
        """The account whose request is under way."""
        self.broken = 0

    def run(self) -> None:
        with httpx.Client(timeout=10, auth=(self._key, "")) as http:
            while not self._stop_now.is_set():
                self._until_accepted(http, f"acc-{len(self.sent)}")

    def _until_accepted(self, http: httpx.Client, account: str) -> None:
        while True:
            self.open = account
            try:
                status = http.post(f"{self._url}/v1/batch", json={"batch": contacts(account, 487)}).status_code
            except httpx.TransportError:
                status, self.broken = 0, self.broken + 1
            self.open = None
            if status == 200:
                self.sent.append(account)
                self._stop_now.wait(self.pause_s)
                return
            assert status in (0, 429, 503), status
            self._stop_now.wait(0.05)

    def finish(self) -> None:
        self._stop_now.set()
        self.join(60)
        assert not self.is_alive()


class SlowReceiver(Receiver):
    """Knows which deliveries are open."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        super().__init__(self.hold)

    def hold(self, request: BaseHTTPRequestHandler, _number: int) -> bool:
        webhook_id = request.headers["webhook-id"]
        self.open.add(webhook_id)
        time.sleep(ANSWER_AFTER_S)
        self.open.discard(webhook_id)
        return False


def killed_while_open(victim: str, kill: Callable[[], Any], sender: Sender, receiver: SlowReceiver) -> bool:
    """Kill while a request (to ingest) or a delivery is open. False: it ended in that very moment, so the kill does not count."""
    if victim == "ingest":
        wait_until("a request is open", lambda: sender.open, 30)
        request, broken = sender.open, sender.broken
        kill()
        return request is not None and (request == sender.open or sender.broken > broken)
    wait_until("a delivery is open", lambda: receiver.open, 30)
    deliveries = set(receiver.open)
    kill()
    return bool(deliveries & receiver.open)


def live_through(product: Product, victim: str, seed: int) -> None:
    """Post all the while, kill the victim again and again, and compare what came of it with what must."""
    receiver, dice = SlowReceiver(), random.Random(seed)
    key = open_shop(product, receiver)
    sender = Sender(product.url("ingest"), key)
    sender.start()
    try:
        kills = 0
        for _ in range(3 * KILLS):
            sender.pause_s = PAUSE_S
            time.sleep(dice.uniform(0.05, 0.4))
            if victim == "supervised detector":
                old = product.detector_pid()
                kills += killed_while_open(victim, product.kill_detector, sender, receiver)
                sender.pause_s = WHILE_DOWN_S
                wait_until("another detector", lambda old=old: product.detector_pid() != old, 20)  # type: ignore[misc]
            else:
                kills += killed_while_open(victim, product.processes[victim].kill, sender, receiver)
                sender.pause_s = WHILE_DOWN_S
                product.restart(victim)
            if kills == KILLS:
                break
        assert kills == KILLS
        count = len(sender.sent)
        wait_until("posting goes on", lambda: len(sender.sent) > count, 20)
        sender.finish()
        assert len(sender.sent) > KILLS
        product.settle(60)
        expected = {lead_id("shop", account, "pql", 1): account for account in sender.sent}
        leads = product.leads("shop")
        assert {lead["lead_id"]: lead["account"]["external_id"] for lead in leads} == expected
        assert len(leads) == len(expected)
        told = {message["data"]["lead_id"] for message in receiver.messages if message["type"] == "lead.created"}
        assert told == set(expected), product.printed()
        assert all(message["id"] == webhook_id for message, webhook_id in zip(receiver.messages, receiver.ids, strict=True))
        assert receiver.refused == []
    finally:
        sender.finish()
        product.close()
        receiver.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["up", "supervised detector"])
def test_embedded(victim: str, tmp_path: Path) -> None:
    live_through(Product(tmp_path / "data"), victim, seed=20261122)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["ingest", "detector", "notifier"])
def test_kafka_and_postgresql(victim: str, tmp_path: Path, kafka: str, postgres: str) -> None:
    environment = {
        "HANDRAISER_KAFKA": kafka,
        "HANDRAISER_DATABASE_URL": postgres,
        "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    live_through(Product(tmp_path / "data", environment, services=True), victim, seed=20261123)
