"""Members of a consumer group on real Kafka: partitions shared out evenly and moved in time, positions only from their caller."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventlog.kafka_group import SESSION_TIMEOUT_S, KafkaGroupConsumer
from eventlog.log_kafka import KafkaLog
from eventlog.port import Consumer, Entry, Producer, Topic, TopicPartition

BUSY, QUIET = Topic("busy", 8, 24 * 3600), Topic("quiet", 8, 24 * 3600)
BUSY_0 = TopicPartition("busy", 0)
ALL = frozenset(TopicPartition(topic.name, n) for topic in (BUSY, QUIET) for n in range(8))
IN_TIME_S = 15.0


@pytest.fixture
def log(kafka: str, prefix: str) -> KafkaLog:
    made = KafkaLog(kafka, prefix)
    made.ensure_topics([BUSY, QUIET])
    return made


@pytest.fixture
def join(log: KafkaLog) -> Iterator[Callable[[], Consumer]]:
    """A new member of the group; it leaves after the test."""
    made: list[Consumer] = []

    def join() -> Consumer:
        made.append(log.consumer(["busy", "quiet"], "readers"))
        return made[-1]

    yield join
    for member in made:
        member.close()


def until(check: Callable[[], object], *members: Consumer) -> float:
    """Each member polls, in a thread of its own, until `check`; how long that took."""
    began = time.monotonic()
    done = threading.Event()

    def poll(member: Consumer) -> None:
        while not done.is_set():
            member.poll(0.05, 1000)

    threads = [threading.Thread(target=poll, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        while not check():
            assert time.monotonic() - began < IN_TIME_S, [len(member.assignment()) for member in members]
            time.sleep(0.02)
        return time.monotonic() - began
    finally:
        done.set()
        for member in members:
            member.wake()
        for thread in threads:
            thread.join()


def share(*members: Consumer) -> None:
    """Until all partitions are theirs, each of them once, and every member has some."""

    def is_shared() -> bool:
        parts = [member.assignment() for member in members]
        return all(parts) and sorted(at for part in parts for at in part) == sorted(ALL)

    until(is_shared, *members)


def read(member: Consumer, count: int, *others: Consumer) -> list[bytes]:
    """The next `count` values; the others stay members meanwhile."""
    values: list[bytes] = []

    def is_read() -> bool:
        values.extend(record.value for record in member.poll(0.1, 1000))
        return len(values) >= count

    until(is_read, *others)
    return values


def by_topic(member: Consumer) -> Counter[str]:
    return Counter(at.topic for at in member.assignment())


def test_members_share_each_topic_evenly(join: Callable[[], Consumer]) -> None:
    members = [join()]
    share(*members)
    for of_each in ([4, 4], [2, 3, 3]):
        members.append(join())
        share(*members)
        assert sorted(by_topic(member)["busy"] for member in members) == of_each
        assert sorted(by_topic(member)["quiet"] for member in members) == of_each


def test_partitions_that_are_added_leave_the_others_shared_evenly(admin: Any, prefix: str, join: Callable[[], Consumer]) -> None:
    admin.create_partitions({f"{prefix}busy": 16})
    first, second = join(), join()
    until(lambda: sorted(len(member.assignment()) for member in (first, second)) == [12, 12], first, second)
    for member in (first, second):
        assert sum(at.topic == "busy" and at.partition < 8 for at in member.assignment()) == 4


def test_what_a_member_had_is_the_others_at_once_when_it_leaves(join: Callable[[], Consumer]) -> None:
    first, second = join(), join()
    share(first, second)
    second.close()
    assert until(lambda: first.assignment() == ALL, first) < SESSION_TIMEOUT_S / 2


def test_each_sharing_out_is_a_generation_after_which_nothing_comes_before_a_seek(
    join: Callable[[], Consumer], producer: Producer
) -> None:
    first = join()
    share(first)
    first.seek(BUSY_0, 0)
    producer.append([Entry("busy", 0, b"1"), Entry("busy", 0, b"2")], 10)
    assert read(first, 2) == [b"1", b"2"]
    generation = first.generation
    second = join()
    share(first, second)
    assert first.generation > generation
    producer.append([Entry("busy", 0, b"3")], 10)
    assert first.poll(0.5, 1000) == second.poll(0.5, 1000) == []
    reader = first if BUSY_0 in first.assignment() else second
    reader.seek(BUSY_0, 1)
    assert read(reader, 2, second if reader is first else first) == [b"2", b"3"]


def test_an_assignment_that_comes_without_a_word_before_it_is_a_generation_too(
    kafka: str, log: KafkaLog, producer: Producer, prefix: str
) -> None:
    member = KafkaGroupConsumer(kafka, prefix, log.topics(["busy", "quiet"]), "readers")
    share(member)
    member.seek(BUSY_0, 0)
    producer.append([Entry("busy", 0, b"1")], 10)
    assert read(member, 1) == [b"1"]
    generation = member.generation
    member.assigned(member._consumer.assignment())
    assert member.generation > generation
    assert member.poll(0.5, 1000) == []
    member.seek(BUSY_0, 0)
    assert read(member, 1) == [b"1"]
    member.close()


def test_a_topic_that_is_made_anew_while_the_group_is_shared_out_is_left_to_the_generation_that_comes(
    kafka: str, log: KafkaLog, prefix: str
) -> None:
    member = KafkaGroupConsumer(kafka, prefix, log.topics(["busy", "quiet"]), "readers")
    share(member)
    member.revoked()
    assert member.assignment() == frozenset()
    generation = member.generation
    member._drop_another("busy")
    assert (member.generation, member._joined) == (generation, False)
    member.close()


def test_progress_is_shown_to_tools_and_never_read(
    join: Callable[[], Consumer], producer: Producer, admin: Any, prefix: str
) -> None:
    producer.append([Entry("busy", 0, b"%d" % n) for n in range(5)], 10)
    first = join()
    share(first)

    def shown() -> dict[Any, int]:
        offsets = admin.list_group_offsets({f"{prefix}readers": None})[f"{prefix}readers"]
        return {(at.topic, at.partition): found.offset for at, found in offsets.items() if found.offset >= 0}

    first.show_progress({BUSY_0: 3})
    until(lambda: shown() == {(f"{prefix}busy", 0): 3}, first)
    first.show_progress({BUSY_0: 4})
    first.close()
    assert shown() == {(f"{prefix}busy", 0): 4}
    second = join()
    share(second)
    assert second.poll(0.5, 1000) == []
    second.seek(BUSY_0, 1)
    assert read(second, 4) == [b"1", b"2", b"3", b"4"]


def test_a_member_whose_client_stalls_joins_as_a_new_one(
    kafka: str, log: KafkaLog, producer: Producer, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    member = KafkaGroupConsumer(kafka, prefix, log.topics(["busy", "quiet"]), "readers", look_after_s=0.3)
    share(member)
    member.seek(BUSY_0, 0)
    generation, client = member.generation, member._consumer
    client.pause(*client.assignment())  # kafka-python's stall, from outside: polls stay empty while the lag is there
    producer.append([Entry("busy", 0, b"1")], 10)
    until(lambda: member.generation > generation, member)
    assert "stalled and is built anew" in caplog.text
    share(member)
    member.seek(BUSY_0, 0)
    assert member.poll(IN_TIME_S, 1000)[0].value == b"1"
    member.close()
