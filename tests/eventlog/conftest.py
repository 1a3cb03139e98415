"""What the tests of the log on a real Kafka share: names of their own, whoever writes, and Kafka's own administration."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from eventlog.log_kafka import KafkaLog
from eventlog.port import Producer


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def producer(log: KafkaLog) -> Iterator[Producer]:
    made = log.producer()
    yield made
    made.close()


@pytest.fixture
def admin(kafka: str) -> Iterator[Any]:
    made = KafkaAdminClient(bootstrap_servers=kafka)
    yield made
    made.close()
