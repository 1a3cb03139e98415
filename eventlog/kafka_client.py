"""Opens kafka-python's clients: in bounded time, leaving nothing behind when that fails, with errors that say what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import KafkaError

from eventlog.port import LogError

REACH_WITHIN_S = 5
"""How long one request to the brokers is tried before we say that they cannot be reached."""


def open_client(kind: Any, bootstrap: str, opened: Callable[[Any], None] | None = None, **settings: Any) -> Any:
    """A KafkaProducer, KafkaConsumer or KafkaAdminClient (`kind`) that has reached a broker. Raises LogError.

    `opened` gets its network client, which knows what the brokers say of topics.
    """
    connections: list[Any] = []
    connect: Callable[..., Any] = kind.DEFAULT_CONFIG["kafka_client"]

    def remember(*arguments: Any, **config: Any) -> Any:
        connections.append(connect(*arguments, **config))
        if opened is not None:
            opened(connections[-1])
        return connections[-1]

    with errors_explained(bootstrap):
        try:
            return kind(
                bootstrap_servers=bootstrap, bootstrap_timeout_ms=REACH_WITHIN_S * 1000, kafka_client=remember, **settings
            )
        except BaseException:
            for connection in connections:  # a constructor that fails keeps its sockets and its thread
                connection.close()
            raise


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
