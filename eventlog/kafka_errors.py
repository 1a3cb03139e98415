"""What kafka-python's errors mean to an operator, and how long we try."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError

from eventlog.port import LogError

REACH_WITHIN_S = 5
"""How long one request to the brokers is tried before we say that they cannot be reached."""


@contextmanager
def errors_explained(bootstrap: str) -> Iterator[None]:
    """kafka-python's errors as LogErrors that say what to do."""
    try:
        yield
    except KafkaError as error:
        raise LogError(
            f"Kafka at {bootstrap} did not do it: {error}. Check that HANDRAISER_KAFKA names the brokers, that they run, "
            "and that this machine reaches every listener that they advertise. Sending again is safe."
        ) from error
