"""Several processes of a service over one Kafka and one PostgreSQL: started, killed, stopped, continued while events flow."""

import os
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from contracts.codec import decode
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED, LeadEvent
from detector.core.ids import lead_id
from eventlog.log_kafka import KafkaLog
from eventlog.port import TopicPartition
from tests.journey.product import Process, Product, wait_until
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

PARTITIONS = 32
SESSION_S = 6
"""So long a member may be silent until its partitions are given to others."""
MOVED_WITHIN_S = 10
"""From then on, or from a clean leave or a new process's start: others have to hear of it, and to load what they got."""


class Shop:
    """Accounts that reach 80 % of their limit and, by a later request, all of it: each lead has two revisions, in this order."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.receiver = Receiver()
        self.key = open_shop(product, self.receiver)
        self.accounts: list[str] = []

    def send(self) -> None:
        """One request: a new account, and the second step of the one before the last."""
        self.accounts.append(f"acc-{len(self.accounts)}")
        messages = contacts(self.accounts[-1], 410)
        if len(self.accounts) > 2:
            messages += contacts(self.accounts[-3], 500)
        answer = self.product.send(self.key, messages)
        assert answer.status_code == 200, answer.text

    def flow(self, until: Callable[[], object], within_s: float) -> float:
        """Send until something has come about; how long it took."""
        began = time.monotonic()
        while not until():
            assert time.monotonic() - began < within_s, self.product.printed()
            self.send()
            time.sleep(0.1)
        return time.monotonic() - began

    def check(self) -> None:
        """Everything came of it once: leads, their revisions in order, webhooks; and the log says the same."""
        for account in self.accounts[-2:]:
            assert self.product.send(self.key, contacts(account, 500)).status_code == 200
        self.product.settle(60)
        expected = {lead_id("shop", account, "pql", 1): account for account in self.accounts}
        leads = self.product.leads("shop")
        assert {lead["lead_id"]: lead["account"]["external_id"] for lead in leads} == expected
        assert len(leads) == len(expected)
        revisions = Counter((message["data"]["lead_id"], message["data"]["revision"]) for message in self.receiver.messages)
        assert revisions == dict.fromkeys(((each, revision) for each in expected for revision in (1, 2)), 1)
        assert self.receiver.refused == []
        self.product.verify()

    def close(self) -> None:
        self.product.close()
        self.receiver.close()


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def shop(kafka: str, postgres: str, prefix: str, tmp_path: Path) -> Iterator[Shop]:
    environment = {
        "HANDRAISER_KAFKA": kafka,
        "HANDRAISER_DATABASE_URL": postgres,
        "HANDRAISER_TOPIC_PREFIX": prefix,
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    made = Shop(Product(tmp_path / "data", environment, services=True))
    yield made
    made.close()


def owned(product: Product, process: Process) -> dict[str, int]:
    """How many partitions of each topic it reads."""
    found = product.metrics(process)
    topics = (EVENTS, UNATTRIBUTED, DEAD_LETTERS)
    return {topic: int(found.get(f'handraiser_detector_partitions_owned{{topic="{topic}"}}', 0)) for topic in topics}


def shared(product: Product, *detectors: Process) -> bool:
    """They have all partitions of every topic among them, as evenly as it goes."""
    parts = [owned(product, process) for process in detectors]
    least, more = divmod(PARTITIONS, len(detectors))
    even = sorted([least + 1] * more + [least] * (len(detectors) - more))
    return all(sorted(part[topic] for part in parts) == even for topic in (EVENTS, UNATTRIBUTED, DEAD_LETTERS))


def lead_events(kafka: str, prefix: str) -> list[LeadEvent]:
    """As anybody who reads the topic gets them, by partition; repeats included."""
    consumer = KafkaLog(kafka, prefix).consumer([LEAD_EVENTS])
    left = {at: end for at, end in consumer.end_offsets().items() if end}
    for at in left:
        consumer.seek(at, 0)
    found: list[LeadEvent] = []
    while left:
        for record in consumer.poll(5, 1 << 24):
            message = decode(record.value)
            assert isinstance(message, LeadEvent)
            found.append(message)
            at = TopicPartition(record.topic, record.partition)
            if record.next_offset == left.get(at):
                del left[at]
    consumer.close()
    return found


def delivered(product: Product, process: Process) -> float:
    return product.metrics(process).get('handraiser_notifier_deliveries_total{status="delivered"}', 0)


def keys_are_known_to_all(product: Product, *ingests: Process) -> None:
    """A key that one makes the other takes, and one that the other revokes the first refuses, each within some seconds."""

    def takes(process: Process, key: str) -> bool:
        answer = httpx.post(f"{process.url}/v1/batch", json={"batch": contacts("no-lead", 100)}, auth=(key, ""))
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    first, second = ingests
    made = product.api("ingest", "POST", "/v1/keys", {"project": "shop", "trust": "server"})
    wait_until("the second knows the key", lambda: takes(second, made["key"]), 10, every_s=0.2)
    assert product.http.delete(f"{second.url}/v1/keys/{made['id']}").is_success
    wait_until("the first refuses it", lambda: not takes(first, made["key"]), 10, every_s=0.2)


def in_order(told: list[LeadEvent]) -> dict[str, list[int]]:
    """Of each lead its revisions, in the order in which they were told first."""
    order: dict[str, list[int]] = defaultdict(list)
    for event in told:
        if event.data["revision"] not in order[event.data["lead_id"]]:
            order[event.data["lead_id"]].append(event.data["revision"])
    return order


@pytest.mark.timeout(300)
def test_processes_come_and_go_while_events_flow(shop: Shop, kafka: str, prefix: str) -> None:
    product = shop.product
    first, notifier = product.processes["detector"], product.processes["notifier"]
    second, other_notifier = product.add("detector"), product.add("notifier")
    keys_are_known_to_all(product, product.processes["ingest"], product.add("ingest"))
    shop.flow(lambda: shared(product, first, second), MOVED_WITHIN_S)
    third = product.add("detector")
    shop.flow(lambda: shared(product, first, second, third), MOVED_WITHIN_S)

    second.kill()
    shop.flow(lambda: shared(product, first, third), SESSION_S + MOVED_WITHIN_S)

    os.kill(first.pid, signal.SIGSTOP)
    shop.flow(lambda: shared(product, third), SESSION_S + MOVED_WITHIN_S)
    os.kill(first.pid, signal.SIGCONT)
    shop.flow(lambda: shared(product, first, third), MOVED_WITHIN_S)

    third.terminate()
    assert third.ended() == 0
    assert shop.flow(lambda: shared(product, first), MOVED_WITHIN_S) < SESSION_S
    shop.check()
    assert in_order(lead_events(kafka, prefix)) == {lead_id("shop", account, "pql", 1): [1, 2] for account in shop.accounts}
    by_each = [delivered(product, process) for process in (notifier, other_notifier)]
    assert min(by_each) > 0
    assert sum(by_each) == len(shop.receiver.messages)

    other_notifier.kill()
    shop.accounts.append("after")
    assert product.send(shop.key, contacts("after", 487)).status_code == 200
    late = lead_id("shop", "after", "pql", 1)
    assert shop.receiver.wait(lambda r: r.messages[-1]["data"]["lead_id"] == late, SESSION_S + MOVED_WITHIN_S), product.printed()
