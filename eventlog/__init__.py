"""The log: records appended to partitions of topics, and read back in order. Kafka's words, nothing of the product in it."""

from eventlog.port import Log
from runtime.clock import Clock
from runtime.settings import Settings

EMBEDDED_FILE = "log.sqlite"


def open_log(settings: Settings, clock: Clock) -> Log:
    """The log that `settings` name: Kafka, else the embedded one in `settings.data`, which exists. Raises LogError."""
    # Imported when chosen: kafka-python alone takes longer to import than the rest of an embedded installation's start.
    if settings.kafka is not None:
        from eventlog.log_kafka import KafkaLog  # noqa: PLC0415

        return KafkaLog(settings.kafka, settings.topic_prefix)
    from eventlog.log_embedded import EmbeddedLog  # noqa: PLC0415

    return EmbeddedLog(settings.data / EMBEDDED_FILE, clock)
