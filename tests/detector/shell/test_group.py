"""Several workers share the partitions of one log and one database; they are moved about while events flow, by a played group."""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from contracts.codec import decode, encode, encode_event, encode_frames
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED, LeadEvent, RecordKind, RulebookSwitch
from contracts.partition import partition_of
from detector import tables
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from detector.store import DetectorStore
from detector.worker import RETRY_S, Worker
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Consumer, Entry, Producer, Record, Topic, TopicPartition, TopicState
from tests.detector.shell.samples import NOON, contacts
from tests.detector.shell.world import RULEBOOK

PARTITIONS = {EVENTS: 4, UNATTRIBUTED: 2, DEAD_LETTERS: 1, LEAD_EVENTS: 1}
ACCOUNTS = [f"acc-{n}" for n in range(8)]
STEPS = 150


class Member:
    """A consumer whose partitions the test gives out; as in a real group it hears of it within a poll, and seeks then."""

    def __init__(self, log: EmbeddedLog, topics: Sequence[str]) -> None:
        self._log = log
        self._topics = topics
        self._inner = log.consumer(topics)
        self._mine: frozenset[TopicPartition] = frozenset()
        self.given: frozenset[TopicPartition] | None = None
        self.generation = 1
        self.shown: dict[TopicPartition, int] = {}

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:
        if self.given is None:
            return self._inner.poll(timeout_s, max_bytes)
        self._inner.close()
        self._inner = self._log.consumer(self._topics)
        self._mine, self.given = self.given, None
        self.generation += 1
        return []

    def assignment(self) -> frozenset[TopicPartition]:
        return self._mine

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition in self._mine
        self._inner.seek(partition, offset)

    def release(self, partition: TopicPartition) -> None:
        self._inner.release(partition)

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        return {at: offset for at, offset in self._inner.beginning_offsets().items() if at in self._mine}

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        return {at: offset for at, offset in self._inner.end_offsets().items() if at in self._mine}

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        self.shown |= positions

    def shown_now(self) -> Mapping[TopicPartition, int]:
        return {at: offset for at, offset in self.shown.items() if at in self._mine}

    def wake(self) -> None:
        self._inner.wake()

    def close(self) -> None:
        self._inner.close()


class GroupLog:
    """A real log; whoever reads it with a group is a member."""

    kind = "played"

    def __init__(self, log: EmbeddedLog) -> None:
        self._log = log
        self.members: list[Member] = []

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        return self._log.ensure_topics(topics)

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        return self._log.topics(names)

    def producer(self) -> Producer:
        return self._log.producer()

    def consumer(self, topics: Sequence[str], group: str | None = None) -> Consumer:
        if group is None:
            return self._log.consumer(topics)
        self.members.append(Member(self._log, topics))
        return self.members[-1]

    def close(self) -> None:
        self._log.close()

    def share(self, members: Sequence[Member], dice: Random) -> None:
        """Give every partition to one of `members`; the others hear nothing of it, as if they had been stopped."""
        parts: dict[int, set[TopicPartition]] = defaultdict(set)
        for topic in (EVENTS, UNATTRIBUTED, DEAD_LETTERS):
            for n in range(PARTITIONS[topic]):
                parts[dice.randrange(len(members))].add(TopicPartition(topic, n))
        for n, member in enumerate(members):
            member.given = frozenset(parts[n])


class Installation:
    def __init__(self, folder: Path, store: DetectorStore) -> None:
        self.now = NOON
        self.plain = EmbeddedLog(folder / "log.sqlite", lambda: self.now)
        self.log = GroupLog(self.plain)
        self.topics = self.log.ensure_topics([Topic(name, count, 90 * 86_400) for name, count in PARTITIONS.items()])
        self.producer = self.log.producer()
        parsed = parse(RULEBOOK, bases())
        store.rulebooks.add("mail", RULEBOOK, parsed.resolved, NOON)
        switch = encode(RulebookSwitch(project="mail", version=1))
        self.producer.append([Entry(topic, n, switch) for topic in (EVENTS, UNATTRIBUTED) for n in range(PARTITIONS[topic])], 5)
        self.workers = [self.worker(self.log, store, f"worker {n}") for n in range(3)]

    def worker(self, log: GroupLog | EmbeddedLog, store: DetectorStore, owner: str) -> Worker:
        return Worker(
            log,
            store,
            self.producer,
            topics=self.topics,
            clock=lambda: self.now,
            owner=owner,
            random_bytes=lambda n: b"r" * n,
        )

    def send(self, n: int, account: str, total: int) -> None:
        (frame,) = encode_frames(RecordKind.EVENTS, [encode_event(contacts(f"m{n}", total, account, self.now))])
        self.producer.append([Entry(EVENTS, partition_of("mail", account, PARTITIONS[EVENTS]), frame)], 5)

    def told(self) -> list[LeadEvent]:
        """As the notifier would read it, repeats included."""
        consumer = self.plain.consumer([LEAD_EVENTS])
        consumer.seek(TopicPartition(LEAD_EVENTS, 0), 0)
        events = [message for record in consumer.poll(1, 1 << 24) if isinstance(message := decode(record.value), LeadEvent)]
        consumer.close()
        return events

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.producer.close()


def stored(store: DetectorStore) -> list[tuple[str, bytes]]:
    with store._engine.connect() as tx:
        rows = tx.execute(sa.select(tables.lead_events.c.id, tables.lead_events.c.body))
        return sorted((row[0], bytes(row[1])) for row in rows)


def test_partitions_that_move_while_events_flow_change_nothing_of_what_is_told(
    tmp_path: Path, store: DetectorStore, calm_store: DetectorStore
) -> None:
    dice = Random(1)
    shop = Installation(tmp_path, store)
    lost = REGISTRY.get_sample_value("handraiser_detector_partitions_lost_total") or 0
    shop.log.share(shop.log.members, dice)
    for n in range(STEPS):
        shop.now += dice.randint(100, 2_000)
        if dice.random() < 0.4:
            shop.send(n, dice.choice(ACCOUNTS), dice.choice((100, 405, 487, 500)))
        if dice.random() < 0.08:
            shop.log.share(dice.sample(shop.log.members, dice.randint(1, 3)), dice)
        dice.choice(shop.workers).run_once(0)
    shop.log.share(shop.log.members, dice)
    for _ in range(40):
        for worker in shop.workers:
            worker.run_once(0)
    told = shop.told()
    calm = shop.worker(shop.plain, calm_store, "calm")
    calm_store.rulebooks.add("mail", RULEBOOK, parse(RULEBOOK, bases()).resolved, NOON)
    while calm.run_once(0):
        pass
    calm.close()
    shop.close()

    assert stored(store) == stored(calm_store) != []
    assert {event.id for event in told} == {event_id for event_id, _ in stored(store)}
    assert _in_order(told)
    assert [standing.halted for standing in store.checkpoints.standings() if standing.halted] == []
    assert (REGISTRY.get_sample_value("handraiser_detector_partitions_lost_total") or 0) > lost, "no zombie had to be fenced"
    ends = {standing.partition: standing.next_offset for standing in store.checkpoints.standings()}
    assert {at: offset for member in shop.log.members for at, offset in member.shown_now().items()} == ends


def test_what_was_anothers_in_between_is_read_on_from_the_checkpoint_though_the_assignment_is_the_same(
    tmp_path: Path, calm_store: DetectorStore
) -> None:
    shop = Installation(tmp_path, calm_store)
    first, second = shop.workers[:2]
    everything = frozenset(
        TopicPartition(topic, n) for topic in (EVENTS, UNATTRIBUTED, DEAD_LETTERS) for n in range(PARTITIONS[topic])
    )
    shop.log.members[0].given = everything
    _turn(first)
    shop.log.members[1].given = everything
    shop.send(1, "acc-1", 405)
    _turn(second)
    shop.log.members[0].given = everything
    shop.send(2, "acc-1", 500)
    _turn(first)
    told = shop.told()
    shop.close()

    assert [event.data["revision"] for event in told] == [1, 2]


def test_who_was_left_behind_asks_the_group_before_taking_anything_back(
    tmp_path: Path, calm_store: DetectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Installation(tmp_path, calm_store)
    first, second = shop.workers[:2]
    left_behind, other = shop.log.members[:2]
    everything = frozenset(
        TopicPartition(topic, n) for topic in (EVENTS, UNATTRIBUTED, DEAD_LETTERS) for n in range(PARTITIONS[topic])
    )
    left_behind.given = everything
    _turn(first)
    other.given = everything
    _turn(second)
    poll, stop = left_behind.poll, threading.Event()
    waited: list[float | None] = []

    def hears_it_with_the_next(timeout_s: float, max_bytes: int) -> list[Record]:
        records = poll(timeout_s, max_bytes)
        left_behind.given = frozenset()
        stop.set()
        return records

    shop.send(1, "acc-1", 405)
    first.run_once(0)  # hands over what it may not commit any more
    monkeypatch.setattr(left_behind, "poll", hears_it_with_the_next)
    monkeypatch.setattr(stop, "wait", waited.append)
    first.run(stop)
    monkeypatch.setattr(left_behind, "poll", poll)
    _turn(first)
    owners = {standing.owner for standing in calm_store.checkpoints.standings()}
    shop.close()

    assert owners == {"worker 1"}
    assert waited == [RETRY_S], "no heartbeat could tell it"


def _turn(worker: Worker) -> None:
    for _ in range(6):
        worker.run_once(0)


def _in_order(told: Sequence[LeadEvent]) -> bool:
    """Of each lead, the first time that a revision is told comes after that of the one before."""
    revisions: dict[str, list[int]] = defaultdict(list)
    for event in told:
        if event.data["revision"] not in revisions[event.data["lead_id"]]:
            revisions[event.data["lead_id"]].append(event.data["revision"])
    return all(each == sorted(each) for each in revisions.values())
