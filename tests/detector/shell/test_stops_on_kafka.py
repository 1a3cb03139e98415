"""What stops a partition, and only that one, on real Kafka: retention, another topic, a missing rulebook; the others go on."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as TheirPartition
from sqlalchemy.exc import SQLAlchemyError

from contracts.codec import encode, encode_event, encode_frames
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED, RecordKind, RulebookSwitch, UsageEvent
from contracts.partition import partition_of
from detector.changes import Changes, Move
from detector.core.rulebook.parse import parse
from detector.health import HealthReporter
from detector.rulebooks import bases
from detector.store import DetectorStore
from detector.store.leads import LeadFilter
from detector.worker import Worker
from eventlog.log_kafka import KafkaLog
from eventlog.port import Entry, LogError, Topic, TopicPartition
from runtime.clock import wall_clock
from tests.detector.shell.samples import contacts, usage_event
from tests.detector.shell.world import RULEBOOK

PARTITIONS = 4
TOPICS = [
    Topic(EVENTS, PARTITIONS, 90 * 86_400),
    *(Topic(name, 1, 90 * 86_400) for name in (UNATTRIBUTED, DEAD_LETTERS, LEAD_EVENTS)),
]
IN_TIME_S = 40.0
ACCOUNTS = {partition_of("mail", f"acc-{n}", PARTITIONS): f"acc-{n}" for n in range(40)}
"""Partition -> an account of it."""


class Shop:
    """One detector over Kafka, turned by the test."""

    def __init__(self, store: DetectorStore, kafka: str) -> None:
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.log = KafkaLog(kafka, self.prefix)
        self.topics = self.log.ensure_topics(TOPICS)
        self.producer = self.log.producer()
        self.store = store
        store.rulebooks.add("mail", RULEBOOK, parse(RULEBOOK, bases()).resolved, 0)
        self.switch(1, *range(PARTITIONS))
        self.admin: Any = KafkaAdminClient(bootstrap_servers=kafka)
        self.worker = self._new_worker()
        self.sent = 0

    def _new_worker(self) -> Worker:
        return Worker(
            self.log, self.store, self.producer, topics=self.topics, clock=wall_clock, owner="w", random_bytes=lambda n: b"r" * n
        )

    def restart(self) -> None:
        self.worker.close()
        self.worker = self._new_worker()

    def switch(self, version: int, *partitions: int) -> None:
        value = encode(RulebookSwitch(project="mail", version=version))
        self.producer.append([Entry(EVENTS, n, value) for n in partitions], 10)

    def reach_limit(self, partition: int, total: int = 487, padding: str = "") -> None:
        """An event of this partition's account, which makes or raises its lead."""
        self.sent += 1
        event = contacts(f"m{self.sent}", total, ACCOUNTS[partition], at=wall_clock(), traits={"padding": padding})
        self._send(EVENTS, partition, event)

    def stranger(self) -> None:
        """An event of `unattributed`, which waits for its account."""
        self.sent += 1
        self._send(UNATTRIBUTED, 0, usage_event(f"s{self.sent}", person=f"p{self.sent}", at=wall_clock()))

    def _send(self, topic: str, partition: int, event: UsageEvent) -> None:
        self.producer.append(
            [Entry(topic, partition, frame) for frame in encode_frames(RecordKind.EVENTS, [encode_event(event)])], 10
        )

    def until(self, check: Callable[[], object]) -> None:
        deadline = time.monotonic() + IN_TIME_S
        while not check():
            assert time.monotonic() < deadline, (self.leads(), self.halted())
            try:
                self.worker.run_once(0.2)
            except (LogError, SQLAlchemyError):
                time.sleep(0.2)

    def leads(self) -> set[str]:
        return {lead.account for lead in self.store.leads.page(LeadFilter(), 1_000)}

    def halted(self) -> dict[TopicPartition, str]:
        return {s.partition: s.halted for s in self.store.checkpoints.standings() if s.halted}

    def waiting(self) -> int:
        return self.store.people.held_count()

    def close(self) -> None:
        self.worker.close()
        self.producer.close()
        self.admin.close()


@pytest.fixture
def shop(calm_store: DetectorStore, kafka: str) -> Iterator[Shop]:
    made = Shop(calm_store, kafka)
    yield made
    made.close()


def at(n: int) -> TopicPartition:
    return TopicPartition(EVENTS, n)


def test_each_trouble_stops_its_own_partition_and_the_rest_goes_on(shop: Shop) -> None:
    shop.until(lambda: len(shop.store.rulebooks.adoption(EVENTS).get("mail", {})) == PARTITIONS)
    shop.worker.close()
    for _ in range(3):
        shop.reach_limit(0)
    shop.admin.delete_records({TheirPartition(f"{shop.prefix}{EVENTS}", 0): 3})  # as retention does
    version = shop.store.checkpoints.acquire(at(1), "me", 0, 0).version
    shop.store.commit(Changes(moves=[Move(at(1), version, 1_000, 0)]), 0)
    shop.switch(7, 2)
    shop.reach_limit(2)
    shop.reach_limit(3)
    shop.restart()
    shop.until(lambda: shop.leads() == {ACCOUNTS[3]} and len(shop.halted()) == 3)

    halted = shop.halted()
    assert "the checkpoint is at offset 1 and the log holds 3 to 4" in halted[at(0)]
    assert "the checkpoint is at offset 1000 and the log holds 0 to 1" in halted[at(1)]
    assert "version 7 of the rulebook of mail is not in the database" in halted[at(2)]
    ends = shop.log.consumer([EVENTS]).end_offsets()
    report = HealthReporter(shop.store).report(ends, wall_clock())
    assert [problem["code"] for problem in report["problems"]] == ["detector_halted"] * 3
    shop.reach_limit(3, 500)
    shop.until(lambda: shop.store.leads.page(LeadFilter(), 1)[0].data.count("100%"))
    assert shop.halted() == halted


def test_retention_that_overtakes_a_running_detector_stops_that_partition(shop: Shop) -> None:
    shop.until(lambda: len(shop.store.rulebooks.adoption(EVENTS).get("mail", {})) == PARTITIONS)
    for _ in range(8):  # more than the client fetches ahead
        shop.reach_limit(0, padding="x" * 1_000_000)
    shop.admin.delete_records({TheirPartition(f"{shop.prefix}{EVENTS}", 0): 8})
    shop.until(lambda: "and the log holds 8 to 9" in shop.halted().get(at(0), ""))
    for n in range(10):  # nothing is raised any more, and nothing read is thrown away
        shop.reach_limit(1, 487 + n)
        shop.worker.run_once(0.2)
    shop.until(lambda: ACCOUNTS[1] in shop.leads())


def test_a_topic_that_is_made_anew_under_a_running_detector_stops_and_the_others_go_on(shop: Shop) -> None:
    shop.reach_limit(0)
    shop.until(lambda: shop.leads() == {ACCOUNTS[0]})
    shop.admin.delete_topics([f"{shop.prefix}{EVENTS}"])
    shop.log.ensure_topics(TOPICS)
    for _ in range(5):  # beyond the checkpoints, so that no offset is outside; some may be read before the client hears of it
        for n in range(PARTITIONS):
            shop.reach_limit(n)
    shop.until(lambda: len(shop.halted()) == PARTITIONS)
    told = shop.leads()
    for n in range(PARTITIONS):
        shop.reach_limit(n, 500)
    shop.stranger()
    shop.until(lambda: shop.waiting() == 1)
    shop.topics = shop.log.topics([topic.name for topic in TOPICS])
    shop.restart()
    shop.stranger()
    shop.until(lambda: shop.waiting() == 2)
    assert all("deleted and created again" in reason for reason in shop.halted().values())
    assert shop.leads() == told
    assert not any(lead.data.count("100%") for lead in shop.store.leads.page(LeadFilter(), 10))


def test_partitions_that_are_added_are_left_alone_and_nothing_stops(shop: Shop) -> None:
    shop.reach_limit(0)
    shop.until(lambda: shop.leads() == {ACCOUNTS[0]})
    reader = shop.log.consumer([EVENTS])
    shop.admin.create_partitions({f"{shop.prefix}{EVENTS}": PARTITIONS + 2})
    shop.topics = shop.log.topics([topic.name for topic in TOPICS])
    shop.restart()
    shop.reach_limit(1)
    shop.until(lambda: shop.leads() == {ACCOUNTS[0], ACCOUNTS[1]})
    assert shop.halted() == {}
    assert max(s.partition.partition for s in shop.store.checkpoints.standings()) == PARTITIONS - 1
    shop.until(lambda: len(reader.end_offsets()) == PARTITIONS + 2)  # one that was there before hears of it too
    report = HealthReporter(shop.store).report(reader.end_offsets(), wall_clock())
    assert [problem["code"] for problem in report["problems"]] == ["partitions_added"]
    reader.close()
