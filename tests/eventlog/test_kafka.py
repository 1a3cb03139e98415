"""What only Kafka does: topics with our settings, brokers that are away or silent, a client that stalls."""

import gc
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition as TheirPartition
from kafka.admin import ConfigResource, ConfigResourceType

from eventlog import log_kafka, open_log
from eventlog.kafka_consumer import KafkaLogConsumer
from eventlog.log_kafka import DELIVERY_TIMEOUT_S, KafkaLog, KafkaLogProducer
from eventlog.port import Entry, LogError, OffsetOutOfRangeError, Producer, Topic, TopicPartition
from runtime.clock import wall_clock
from runtime.settings import Settings
from tests.journey.product import wait_until

A0, A1 = TopicPartition("a", 0), TopicPartition("a", 1)
DAY_S = 24 * 3600

left_to_the_collector = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""kafka-python leaves the socket of a connection that failed to the garbage collector; its test ends with a collection."""


@pytest.fixture
def log(kafka: str, prefix: str) -> KafkaLog:
    made = KafkaLog(kafka, prefix)
    made.ensure_topics([Topic("a", 2, DAY_S)])
    return made


def settings_of(admin: Any, topic: str) -> dict[str, str]:
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: config["value"] for name, config in described["topic"][topic].items()}


@pytest.mark.usefixtures("log")
def test_topics_are_made_with_append_time_and_explicit_retention(admin: Any, prefix: str) -> None:
    settings = settings_of(admin, f"{prefix}a")
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["cleanup.policy"] == "delete"
    assert settings["retention.ms"] == str(DAY_S * 1000)
    assert int(settings["max.message.bytes"]) >= 2 * 1024 * 1024
    assert settings["min.insync.replicas"] == "1"


def test_a_topic_that_was_there_gets_our_settings_and_keeps_partitions_and_retention(kafka: str, admin: Any, prefix: str) -> None:
    configs = {"message.timestamp.type": "CreateTime", "cleanup.policy": "compact", "retention.ms": "1000"}
    admin.create_topics(
        {f"{prefix}old": {"num_partitions": 3, "replication_factor": 1, "configs": configs}}, wait_for_metadata=True
    )
    state = KafkaLog(kafka, prefix).ensure_topics([Topic("old", 8, DAY_S)])["old"]
    assert state.partitions == 3

    def ours() -> bool:  # a broker describes what it has read of the controller's log, which may be a moment behind
        settings = settings_of(admin, f"{prefix}old")
        assert settings["retention.ms"] == "1000"
        return (settings["message.timestamp.type"], settings["cleanup.policy"]) == ("LogAppendTime", "delete")

    wait_until("the broker describes our settings", ours, 10)


def test_a_topic_made_anew_has_another_id(log: KafkaLog, admin: Any, prefix: str) -> None:
    first = log.ensure_topics([Topic("a", 2, DAY_S)])["a"]
    admin.delete_topics([f"{prefix}a"])
    assert log.ensure_topics([Topic("a", 2, DAY_S)])["a"].id != first.id


def test_a_seek_to_what_retention_took_is_refused(log: KafkaLog, producer: Producer, admin: Any, prefix: str) -> None:
    consumer = log.consumer(["a"])
    producer.append([Entry("a", 0, b"%d" % number) for number in range(5)], 10)
    admin.delete_records({TheirPartition(f"{prefix}a", 0): 3})
    with pytest.raises(OffsetOutOfRangeError, match="holds 3 to 5"):
        consumer.seek(A0, 2)
    assert consumer.beginning_offsets()[A0] == 3
    consumer.seek(A0, 3)
    assert consumer.poll(10, 1)[0].value == b"3"
    consumer.close()


def test_a_reader_that_retention_overtook_is_told(log: KafkaLog, producer: Producer, admin: Any, prefix: str) -> None:
    consumer = log.consumer(["a"])
    producer.append([Entry("a", 0, b"%d" % number) for number in range(5)], 10)
    consumer.seek(A0, 1)
    admin.delete_records({TheirPartition(f"{prefix}a", 0): 3})
    with pytest.raises(OffsetOutOfRangeError, match="retention passed it"):
        consumer.poll(10, 100)
    consumer.close()


@pytest.mark.parametrize("group", [None, "readers"])
def test_a_reader_is_told_once_of_what_retention_overtook_and_reads_on_where_it_seeks(
    log: KafkaLog, producer: Producer, admin: Any, prefix: str, group: str | None
) -> None:
    consumer = log.consumer(["a"], group)
    while consumer.assignment() != {A0, A1}:
        consumer.poll(0.1, 100)
    producer.append([Entry("a", n, b"%d" % number) for number in range(5) for n in (0, 1)], 10)
    consumer.seek(A0, 1)
    consumer.seek(A1, 1)
    admin.delete_records({TheirPartition(f"{prefix}a", n): 3 for n in (0, 1)})
    with pytest.raises(OffsetOutOfRangeError, match="retention passed it"):
        consumer.poll(10, 100)
    assert consumer.poll(1, 100) == []
    consumer.seek(A1, 4)
    assert consumer.poll(10, 100)[0].value == b"4"
    assert consumer.poll(1, 100) == []
    consumer.seek(A0, 3)
    assert consumer.poll(10, 100)[0].value == b"3"
    consumer.close()


def test_a_client_that_stalls_is_built_anew(
    kafka: str, log: KafkaLog, producer: Producer, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = KafkaLogConsumer(kafka, prefix, log.topics(["a"]), look_after_s=0.3)
    producer.append([Entry("a", 0, b"1"), Entry("a", 0, b"2")], 10)
    consumer.seek(A0, 0)
    consumer.seek(A1, 0)
    assert consumer.poll(10, 1)[0].value == b"1"
    consumer.seek(A0, 1)
    client = consumer._consumer
    client.pause(*client.assignment())  # kafka-python's stall, from outside: polls stay empty while the lag is there
    producer.append([Entry("a", 0, b"3")], 10)
    assert [record.value for _ in range(2) for record in consumer.poll(10, 1)] == [b"2", b"3"]
    assert "stalled and is built anew" in caplog.text
    consumer.close()


def test_a_record_that_had_just_come_when_we_looked_is_no_stall(
    kafka: str, log: KafkaLog, producer: Producer, prefix: str
) -> None:
    consumer = KafkaLogConsumer(kafka, prefix, log.topics(["a"]), look_after_s=1.0)
    consumer.seek(A0, 0)
    client = consumer._consumer
    client.pause(*client.assignment())  # so that it is still on its way when we look
    producer.append([Entry("a", 0, b"1")], 10)
    assert consumer.poll(1.5, 1) == []
    client.resume(*client.assignment())
    assert consumer.poll(10, 1)[0].value == b"1"
    assert consumer._consumer is client
    consumer.close()


def test_an_idle_client_is_not_built_anew(kafka: str, log: KafkaLog, prefix: str) -> None:
    consumer = KafkaLogConsumer(kafka, prefix, log.topics(["a"]), look_after_s=0.1)
    consumer.seek(A0, 0)
    client = consumer._consumer
    assert consumer.poll(0.5, 1) == []
    assert consumer._consumer is client
    consumer.close()


def test_resending_after_an_unknown_outcome_is_all_that_a_caller_must_do(log: KafkaLog, producer: Producer) -> None:
    """An append that ran out of time may be in the log; the next ones work, and order is kept."""
    producer.append([Entry("a", 0, b"1")], 10)
    with pytest.raises(LogError):
        producer.append([Entry("a", 0, b"2"), Entry("a", 1, b"2")], 0)
    producer.append([Entry("a", 0, b"2"), Entry("a", 1, b"2")], 10)
    consumer = log.consumer(["a"])
    consumer.seek(A0, 0)
    values: list[bytes] = []
    while len(values) < consumer.end_offsets()[A0]:
        values += [record.value for record in consumer.poll(10, 1000)]
    assert values == sorted(values)
    assert set(values) == {b"1", b"2"}
    consumer.close()


def stalled(log: KafkaLog) -> tuple[KafkaLogProducer, Any]:
    """A producer whose client has delivered nothing for as long as is waited for, and that client: it holds one byte."""
    producer = log.producer()
    client = producer._producer
    producer.append([Entry("a", 0, b"0")], 10)
    client._sender.run_once = lambda: time.sleep(0.05)  # kafka-python's stall, from outside: it lives and sends nothing
    with pytest.raises(LogError):
        producer.append([Entry("a", 0, b"1")], 0.1)
    assert producer._failing_since is not None
    producer._failing_since -= DELIVERY_TIMEOUT_S
    return producer, client


def test_a_producer_that_stalls_is_replaced_and_ended_and_what_it_held_counts_until_then(log: KafkaLog) -> None:
    producer, client = stalled(log)
    assert producer._undelivered == 1
    producer.append([Entry("a", 0, b"2")], 10)
    client._sender.join(5)
    assert not client._sender.is_alive()
    assert producer._undelivered == 0
    producer.close()


def test_while_too_many_stalled_producers_are_ending_none_is_replaced(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_kafka, "STALLED_MAX", 0)
    producer, client = stalled(log)
    with pytest.raises(LogError):
        producer.append([Entry("a", 0, b"2")], 0.1)
    assert producer._producer is client
    producer.close()
    client._sender.join(5)


def test_one_entry_that_cannot_be_taken_fails_the_whole_append(producer: Producer) -> None:
    with pytest.raises(LogError, match="partition 9"):
        producer.append([Entry("a", 0, b"1"), Entry("a", 9, b"2")], 10)


@left_to_the_collector
def test_a_broker_that_falls_silent_fails_appends_in_time_and_serves_again(
    own_broker: tuple[str, int], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pid = own_broker
    log = KafkaLog(address, prefix)
    log.ensure_topics([Topic("a", 1, DAY_S)])
    producer = log.producer()
    producer.append([Entry("a", 0, b"1")], 10)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(LogError, match=rf"{address}.*Sending again is safe"):
        producer.append([Entry("a", 0, b"2")], 0.5)
    assert time.monotonic() - began < 2
    with monkeypatch.context() as patch:
        patch.setattr(log_kafka, "UNDELIVERED_BYTES_MAX", 0)
        with pytest.raises(LogError, match="does not keep up: 1 bytes wait"):
            producer.append([Entry("a", 0, b"3")], 10)
    os.kill(pid, signal.SIGCONT)
    producer.append([Entry("a", 0, b"2"), Entry("a", 0, b"3")], 20)
    consumer = log.consumer(["a"])
    consumer.seek(A0, 0)
    values: list[bytes] = []
    while len(values) < consumer.end_offsets()[A0]:
        values += [record.value for record in consumer.poll(10, 1000)]
    assert values in ([b"1", b"2", b"2", b"3"], [b"1", b"2", b"3"])
    consumer.close()
    producer.close()
    gc.collect()


@left_to_the_collector
def test_a_broker_that_is_not_there_is_named_in_time(prefix: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(LogError, match=rf"{address}.*HANDRAISER_KAFKA"):
        KafkaLog(address, prefix).ensure_topics([Topic("a", 1, DAY_S)])
    assert time.monotonic() - began < 10
    gc.collect()


@left_to_the_collector
def test_a_broker_that_accepts_and_says_nothing_is_named_in_time(prefix: str) -> None:
    threads = threading.enumerate()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(LogError, match=address):
            KafkaLog(address, prefix).ensure_topics([Topic("a", 1, DAY_S)])
        assert time.monotonic() - began < 10
    assert not [thread for thread in threading.enumerate() if thread not in threads], "a client that failed goes on"
    gc.collect()


def test_a_kafka_without_crc32c_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crc32c", None)
    with pytest.raises(LogError, match="pip install crc32c"):
        KafkaLog("127.0.0.1:1", "")


def test_open_log_with_kafka_is_kafka(kafka: str, prefix: str, tmp_path: Path) -> None:
    log = open_log(Settings(data=tmp_path, kafka=kafka, topic_prefix=prefix), wall_clock)
    assert log.kind == "kafka"
    assert log.ensure_topics([Topic("a", 1, DAY_S)])["a"].partitions == 1
    assert list(tmp_path.iterdir()) == []
