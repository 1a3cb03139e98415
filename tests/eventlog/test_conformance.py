"""What every log must do: one suite, both adapters. What only one can promise is in test_embedded.py and test_kafka.py."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.log_embedded import EmbeddedLog
from eventlog.log_kafka import KafkaLog
from eventlog.port import Consumer, Entry, Log, LogError, OffsetOutOfRangeError, Producer, Record, Topic, TopicPartition
from runtime.clock import wall_clock

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)
WEEK_S = 7 * 24 * 3600
IN_TIME_S = 10.0
"""Long enough for a busy machine; nothing here waits so long when all is well."""


@pytest.fixture(params=["embedded", "kafka"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    made: Log
    if request.param == "kafka":
        made = KafkaLog(request.getfixturevalue("kafka"), f"test-{uuid.uuid4().hex[:12]}.")
    else:
        made = EmbeddedLog(tmp_path / "log.sqlite", wall_clock)
    made.ensure_topics([Topic("a", 2, WEEK_S), Topic("b", 1, WEEK_S)])
    yield made
    made.close()


@pytest.fixture
def producer(log: Log) -> Iterator[Producer]:
    made = log.producer()
    yield made
    made.close()


@pytest.fixture
def consumer(log: Log) -> Iterator[Consumer]:
    made = log.consumer(["a", "b"])
    yield made
    made.close()


def entries(where: TopicPartition, *values: bytes) -> list[Entry]:
    return [Entry(where.topic, where.partition, value) for value in values]


def from_the_beginning(consumer: Consumer) -> Consumer:
    for partition, offset in consumer.beginning_offsets().items():
        consumer.seek(partition, offset)
    return consumer


def read(consumer: Consumer, count: int, max_bytes: int = 1 << 20) -> list[Record]:
    """`count` records, by as many polls as it takes; fails when they do not come."""
    records: list[Record] = []
    deadline = time.monotonic() + IN_TIME_S
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        records += consumer.poll(1, max_bytes)
    assert len(records) == count
    return records


def values(records: list[Record], of: TopicPartition) -> list[bytes]:
    return [record.value for record in records if (record.topic, record.partition) == of]


def test_what_was_appended_is_read_in_order_from_each_partition(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1", b"2") + entries(B0, b"x") + entries(A1, b"one") + entries(A0, b"3"), IN_TIME_S)
    producer.append(entries(A0, b"4"), IN_TIME_S)
    records = read(from_the_beginning(consumer), 6)
    assert values(records, A0) == [b"1", b"2", b"3", b"4"]
    assert values(records, A1) == [b"one"]
    assert values(records, B0) == [b"x"]


def test_offsets_have_no_gaps(producer: Producer, consumer: Consumer) -> None:
    for _ in range(5):
        producer.append(entries(A0, b"1", b"2", b"3"), IN_TIME_S)
    records = read(from_the_beginning(consumer), 15)
    assert [record.offset for record in records] == list(range(15))
    assert records[-1].next_offset == consumer.end_offsets()[A0] == 15


def test_an_append_to_several_partitions_is_there_when_it_returns(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1") + entries(A1, b"2") + entries(B0, b"3"), IN_TIME_S)
    assert consumer.end_offsets() == {A0: 1, A1: 1, B0: 1}


def test_timestamps_are_the_logs_own_and_never_decrease(producer: Producer, consumer: Consumer) -> None:
    before = wall_clock()
    for number in range(5):
        producer.append(entries(A0, b"%d" % number), IN_TIME_S)
    times = [record.timestamp for record in read(from_the_beginning(consumer), 5)]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= wall_clock()


def test_bytes_come_back_as_they_were(producer: Producer, consumer: Consumer) -> None:
    odd = [b"", bytes(range(256)), "žluťoučký 🐎".encode(), b"\0" * 100]
    producer.append(entries(A0, *odd), IN_TIME_S)
    assert values(read(from_the_beginning(consumer), 4), A0) == odd


def test_one_event_of_a_megabyte_passes(producer: Producer, consumer: Consumer) -> None:
    big = b"x" * (1024 * 1024 + 1000)
    producer.append(entries(A0, big), IN_TIME_S)
    assert read(from_the_beginning(consumer), 1)[0].value == big


def test_a_partition_yields_nothing_before_its_first_seek(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1") + entries(A1, b"2"), IN_TIME_S)
    assert consumer.poll(0.2, 1000) == []
    consumer.seek(A1, 0)
    assert values(read(consumer, 1), A1) == [b"2"]
    assert consumer.poll(0.2, 1000) == []
    consumer.seek(A0, 0)
    assert values(read(consumer, 1), A0) == [b"1"]


def test_a_partition_that_is_released_yields_nothing_before_it_is_sought_again(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1", b"2") + entries(A1, b"one"), IN_TIME_S)
    read(from_the_beginning(consumer), 3)
    consumer.seek(A0, 0)
    consumer.release(A0)
    producer.append(entries(A0, b"3") + entries(A1, b"two"), IN_TIME_S)
    assert values(read(consumer, 1), A1) == [b"two"]
    for partition in (A1, B0):
        consumer.release(partition)
    assert consumer.poll(0.2, 1000) == []
    consumer.seek(A0, 1)
    assert values(read(consumer, 2), A0) == [b"2", b"3"]


def test_the_assignment_is_all_partitions_of_its_topics(log: Log, consumer: Consumer) -> None:
    assert consumer.assignment() == {A0, A1, B0}
    only_b = log.consumer(["b"])
    assert only_b.assignment() == {B0}
    only_b.close()


def test_the_only_member_of_a_group_reads_everything(log: Log, producer: Producer) -> None:
    producer.append(entries(A0, b"1") + entries(A1, b"2") + entries(B0, b"3"), IN_TIME_S)
    member = log.consumer(["a", "b"], "readers")
    first = member.generation
    deadline = time.monotonic() + IN_TIME_S
    while member.assignment() != {A0, A1, B0}:
        assert time.monotonic() < deadline
        assert member.poll(0.1, 1000) == []
    assert member.generation >= first
    assert sorted(record.value for record in read(from_the_beginning(member), 3)) == [b"1", b"2", b"3"]
    member.show_progress({A0: 1})
    member.close()


def test_a_poll_stays_within_its_bytes_and_loses_nothing(producer: Producer, consumer: Consumer) -> None:
    producer.append([Entry("a", number % 2, b"%03d" % number * 10) for number in range(60)], IN_TIME_S)
    from_the_beginning(consumer)
    records: list[Record] = []
    while len(records) < 60:
        polled = consumer.poll(IN_TIME_S, 100)
        assert 1 <= len(polled) <= 3
        records += polled
    assert values(records, A0) == [b"%03d" % number * 10 for number in range(0, 60, 2)]
    assert values(records, A1) == [b"%03d" % number * 10 for number in range(1, 60, 2)]


def test_a_record_larger_than_the_bound_comes_alone(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"s", b"x" * 5000, b"t"), IN_TIME_S)
    from_the_beginning(consumer)
    assert [len(consumer.poll(IN_TIME_S, 100)[0].value) for _ in range(3)] == [1, 5000, 1]


def test_a_seek_back_reads_again_what_was_rolled_back(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, *(b"%d" % number for number in range(10))) + entries(B0, b"x"), IN_TIME_S)
    from_the_beginning(consumer)
    first = read(consumer, 11)
    consumer.seek(A0, 4)
    assert read(consumer, 6) == [record for record in first if record.topic == "a" and record.offset >= 4]


def test_a_seek_back_in_the_middle_of_a_poll_drops_what_was_read_ahead(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, *(b"%d" % number for number in range(10))), IN_TIME_S)
    from_the_beginning(consumer)
    assert [record.offset for record in consumer.poll(IN_TIME_S, 3)] == [0, 1, 2]
    consumer.seek(A0, 1)
    assert [record.offset for record in read(consumer, 9)] == list(range(1, 10))


def test_a_seek_outside_the_log_is_refused_and_says_so(producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1", b"2"), IN_TIME_S)
    consumer.seek(A0, 2)
    with pytest.raises(OffsetOutOfRangeError, match="holds 0 to 2"):
        consumer.seek(A0, 3)


def test_a_waiting_poll_gets_what_is_appended_meanwhile(producer: Producer, consumer: Consumer) -> None:
    from_the_beginning(consumer)
    assert consumer.poll(0.1, 1000) == []
    got: list[Record] = []
    reader = threading.Thread(target=lambda: got.extend(consumer.poll(IN_TIME_S, 1000)))
    reader.start()
    producer.append(entries(A1, b"at last"), IN_TIME_S)
    reader.join(IN_TIME_S)
    assert [record.value for record in got] == [b"at last"]


def test_wake_ends_a_running_poll(consumer: Consumer) -> None:
    from_the_beginning(consumer)
    began = time.monotonic()
    waker = threading.Timer(0.1, consumer.wake)
    waker.start()
    assert consumer.poll(IN_TIME_S, 1000) == []
    assert time.monotonic() - began < IN_TIME_S / 2
    waker.join()


def test_a_wake_before_the_poll_is_not_lost_and_is_used_up(consumer: Consumer) -> None:
    from_the_beginning(consumer)
    consumer.wake()
    began = time.monotonic()
    assert consumer.poll(IN_TIME_S, 1000) == []
    assert time.monotonic() - began < IN_TIME_S / 2
    began = time.monotonic()
    assert consumer.poll(0.3, 1000) == []
    assert time.monotonic() - began >= 0.29


def test_an_idle_poll_uses_no_cpu(consumer: Consumer) -> None:
    from_the_beginning(consumer)
    consumer.poll(0.1, 1000)
    before = time.process_time()
    assert consumer.poll(1.0, 1000) == []
    assert time.process_time() - before < 0.2


def test_consumers_read_independently_of_each_other(log: Log, producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1", b"2"), IN_TIME_S)
    other = log.consumer(["a"])
    other.seek(A0, 1)
    assert values(read(other, 1), A0) == [b"2"]
    assert values(read(from_the_beginning(consumer), 2), A0) == [b"1", b"2"]
    other.close()


def test_a_consumer_made_later_reads_on_from_a_stored_offset(log: Log, producer: Producer, consumer: Consumer) -> None:
    producer.append(entries(A0, b"1", b"2", b"3"), IN_TIME_S)
    stored = read(from_the_beginning(consumer), 3)[1].next_offset
    later = log.consumer(["a"])
    later.seek(A0, stored)
    assert values(read(later, 1), A0) == [b"3"]
    later.close()


def test_threads_may_share_a_producer(producer: Producer, consumer: Consumer) -> None:
    def append(name: int) -> None:
        for number in range(20):
            producer.append(entries(A0, b"%d %02d" % (name, number)), IN_TIME_S)

    threads = [threading.Thread(target=append, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = read(from_the_beginning(consumer), 80)
    assert [record.offset for record in records] == list(range(80))
    for name in range(4):
        mine = [record.value for record in records if record.value.startswith(b"%d " % name)]
        assert mine == [b"%d %02d" % (name, number) for number in range(20)]


def test_ensure_topics_again_keeps_partitions_and_id(log: Log, producer: Producer, consumer: Consumer) -> None:
    first = log.ensure_topics([Topic("a", 2, WEEK_S)])["a"]
    producer.append(entries(A0, b"1"), IN_TIME_S)
    again = log.ensure_topics([Topic("a", 7, 3600)])["a"]
    assert again == first
    assert (again.name, again.partitions) == ("a", 2)
    assert consumer.end_offsets()[A0] == 1


def test_topics_have_different_ids(log: Log) -> None:
    states = log.ensure_topics([Topic("a", 2, WEEK_S), Topic("b", 1, WEEK_S)])
    assert states["a"].id != states["b"].id
    assert all(states[name].id for name in states)


def test_topics_are_told_as_they_are_and_none_is_made(log: Log) -> None:
    assert log.topics(["a", "b"]) == log.ensure_topics([Topic("a", 2, WEEK_S), Topic("b", 1, WEEK_S)])
    for _ in range(2):
        with pytest.raises(LogError, match="nowhere"):
            log.topics(["a", "nowhere"])


def test_an_append_to_a_partition_that_is_not_there_fails_and_says_so(producer: Producer) -> None:
    with pytest.raises(LogError, match=r"(?s)partition.*9"):
        producer.append([Entry("a", 9, b"1")], IN_TIME_S)


def test_an_append_to_a_topic_that_is_not_there_fails_and_says_so(producer: Producer) -> None:
    with pytest.raises(LogError, match="nowhere"):
        producer.append([Entry("nowhere", 0, b"1")], IN_TIME_S)


def test_a_consumer_of_a_topic_that_is_not_there_is_refused(log: Log) -> None:
    with pytest.raises(LogError, match="nowhere"):
        log.consumer(["nowhere"])
