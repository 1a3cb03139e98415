"""The log on Apache Kafka: appends entries with acks=all, makes topics, and gives consumers."""

import importlib.util
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from eventlog.kafka_client import REACH_WITHIN_S, errors_explained, open_client
from eventlog.kafka_consumer import KafkaLogConsumer
from eventlog.kafka_group import KafkaGroupConsumer
from eventlog.port import Entry, LogError, Topic, TopicState

RECORD_BYTES_MAX = 2 * 1024 * 1024
"""A record may be this long on our topics: a frame of 512 KiB, or one event with room to spare."""
UNDELIVERED_BYTES_MAX = 128 * 1024 * 1024
"""Appends are refused while the client holds this much that the broker has not acknowledged."""
DELIVERY_TIMEOUT_S = 15
STALLED_MAX = 3
"""So many clients that were replaced may still be ending; until fewer are, no other is replaced."""
METADATA_WITHIN_S = 2
REPLICAS_MAX = 3
SETTINGS = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "max.message.bytes": str(RECORD_BYTES_MAX + 64 * 1024),
}
"""Set whenever we start, for nothing works without them. Retention is set when a topic is made, and is the operator's then."""

_log = logging.getLogger("eventlog")


class KafkaLog:
    """The log on the brokers `bootstrap` (`host:port`, comma-separated); `prefix` comes before every topic's name there."""

    kind = "kafka"

    def __init__(self, bootstrap: str, prefix: str) -> None:
        if importlib.util.find_spec("crc32c") is None:
            raise LogError("The package crc32c is not installed, and without it Kafka is five times slower: pip install crc32c.")
        self._bootstrap = bootstrap
        self._prefix = prefix

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        with errors_explained(self._bootstrap), self._admin() as admin:
            missing = [topic for topic in topics if self._describe(admin, topic.name) is None]
            brokers = len(admin.describe_cluster()["brokers"])
            for topic in missing:
                _create(admin, self._prefix + topic.name, topic, min(REPLICAS_MAX, brokers))
            names = [self._prefix + topic.name for topic in topics]
            admin.wait_for_topics(names, timeout_ms=REACH_WITHIN_S * 1000)
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=SETTINGS) for name in names])
            return {topic.name: self._state(admin, topic.name) for topic in topics}

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        with errors_explained(self._bootstrap), self._admin() as admin:
            for name in names:
                if self._describe(admin, name) is None:
                    raise self._no_topic(name)
            return {name: self._state(admin, name) for name in names}

    def _no_topic(self, name: str) -> LogError:
        return LogError(f"Kafka at {self._bootstrap} has no topic '{self._prefix}{name}'. Start Handraiser, which makes it.")

    def _describe(self, admin: Any, name: str) -> Any:
        (found,) = admin.describe_topics([self._prefix + name])
        return None if found["error_code"] == UnknownTopicOrPartitionError.errno else found

    def _state(self, admin: Any, name: str) -> TopicState:
        found = self._describe(admin, name)
        return TopicState(name, len(found["partitions"]), str(found["topic_id"]))

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        admin = open_client(KafkaAdminClient, self._bootstrap)
        try:
            yield admin
        finally:
            admin.close()

    def producer(self) -> "KafkaLogProducer":
        return KafkaLogProducer(self._bootstrap, self._prefix)

    def consumer(self, topics: Sequence[str], group: str | None = None) -> KafkaLogConsumer:
        states = self.topics(topics)
        if group is not None:
            return KafkaGroupConsumer(self._bootstrap, self._prefix, states, group)
        return KafkaLogConsumer(self._bootstrap, self._prefix, states)

    def close(self) -> None:
        """Nothing is held between calls."""


def _create(admin: Any, name: str, topic: Topic, replicas: int) -> None:
    wanted = {"num_partitions": topic.partitions, "replication_factor": replicas}
    # one replica may be away, if there is another
    configs = {
        **SETTINGS,
        "retention.ms": str(topic.retention_s * 1000),
        "retention.bytes": "-1",
        "min.insync.replicas": str(max(1, replicas - 1)),
    }
    with suppress(TopicAlreadyExistsError):  # another process was faster
        admin.create_topics({name: {**wanted, "configs": configs}})


class KafkaLogProducer:
    """Appends; idempotent, so that a retry within the client doubles nothing and keeps the order of a partition.

    The client is replaced when no append has succeeded for DELIVERY_TIMEOUT_S: kafka-python 3.0.12 was seen to deliver nothing
    more after its broker was killed, however long the broker was back (tests/journey/test_servers_die.py).
    """

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._undelivered = 0
        self._counting = threading.Lock()
        self._replacing = threading.Lock()
        self._failing_since: float | None = None
        """time.monotonic() of the first append that failed since one succeeded."""
        self._stalled: list[Any] = []
        """Clients that were replaced and have not ended yet."""
        self._producer = self._connect()

    def _connect(self) -> Any:
        return open_client(
            KafkaProducer,
            self._bootstrap,
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            linger_ms=0,
            batch_size=512 * 1024,
            max_request_size=RECORD_BYTES_MAX,
            max_block_ms=METADATA_WITHIN_S * 1000,
            request_timeout_ms=REACH_WITHIN_S * 1000,
            delivery_timeout_ms=DELIVERY_TIMEOUT_S * 1000,
            reconnect_backoff_max_ms=1000,
        )

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._counting:
            if self._undelivered > UNDELIVERED_BYTES_MAX:
                raise LogError(f"Kafka at {self._bootstrap} does not keep up: {self._undelivered} bytes wait. Send again later.")
        producer = self._client()
        try:
            with errors_explained(self._bootstrap):
                futures = [self._send(producer, entry) for entry in entries]
                for future in futures:
                    future.get(timeout=max(0.0, deadline - time.monotonic()))
        except LogError:
            self._failing_since = self._failing_since or time.monotonic()
            raise
        self._failing_since = None

    def _client(self) -> Any:
        """The client, or a new one in place of one that delivers nothing. Raises LogError if no broker can be reached."""
        with self._replacing:
            self._stalled = [each for each in self._stalled if each._sender.is_alive()]
            is_failing = self._failing_since is not None and time.monotonic() - self._failing_since >= DELIVERY_TIMEOUT_S
            if not is_failing or len(self._stalled) >= STALLED_MAX:
                return self._producer
            fresh, stalled = self._connect(), self._producer
            self._producer, self._failing_since = fresh, None
            self._stalled.append(stalled)
        _log.warning("the Kafka producer delivered nothing and is replaced", extra={"undelivered_bytes": self._undelivered})
        _end(stalled, 0)
        return fresh

    def _send(self, producer: Any, entry: Entry) -> Any:
        topic = self._prefix + entry.topic
        try:
            future = producer.send(topic, entry.value, partition=entry.partition)
        except (ValueError, KafkaTimeoutError) as error:  # ValueError: the topic has no such partition
            raise LogError(
                f"Kafka at {self._bootstrap} took no entry for '{topic}': {error}. Check that the brokers run and that the "
                "topic is there (Handraiser makes it when it starts). Sending again is safe."
            ) from error
        self._count(len(entry.value))
        future.add_both(lambda _: self._count(-len(entry.value)))
        return future

    def _count(self, size: int) -> None:
        with self._counting:
            self._undelivered += size

    def close(self) -> None:
        _end(self._producer, REACH_WITHIN_S)


def _end(producer: Any, timeout_s: float) -> None:
    """Close it; what it still holds after `timeout_s` fails. `close` alone gives up then: thread and bytes stay for ever."""
    try:
        producer.close(timeout=timeout_s)
    except KafkaError:
        producer._sender.force_close()
