"""What every room of a process stands on: in, settings; out, the log with its topics, and databases that were migrated."""

import gc
import hashlib
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import sqlalchemy as sa

from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED
from detector.core.seen import KEY_BYTES
from detector.store import DetectorStore, TopicMismatchError
from eventlog import EMBEDDED_FILE, open_log
from eventlog.port import Log, LogError, Topic, TopicState
from handraiser.data_folder import write_private
from handraiser.errors import CommandError
from handraiser.migrate import require_migrated
from runtime.clock import Clock, wall_clock
from runtime.database import open_database
from runtime.points import kill_at
from runtime.settings import Settings

KNOWN_TOPICS_FILE = "known-topics.json"
RETENTION_S = 90 * 86_400
"""`history`: how far back `verify`, `backtest` and a replay can go."""
PARTITIONS_KAFKA = 32
PARTITIONS_EMBEDDED = 1


logger = logging.getLogger("handraiser")


@dataclass(frozen=True, slots=True)
class Ground:
    settings: Settings
    log: Log
    topics: Mapping[str, TopicState]
    installation: str = ""
    """Says which database this is, so that another one on the same topics is no member of our groups and takes nothing away."""
    clock: Clock = wall_clock

    def group(self, name: str) -> str:
        """The consumer group in which the processes of this installation share what `name` reads."""
        return f"{name}-{self.installation}"

    def database(self, room: str) -> sa.Engine:
        """Raises CommandError for tables that another version made, or a database that is not there."""
        engine = open_database(self.settings, room)
        require_migrated(engine, self.settings, room)
        return engine


def open_ground(settings: Settings) -> Ground:
    """Raises CommandError if Kafka is not there, or if the log is not the one that the database was filled from."""
    # What was imported stays for good. Not counted among what lives, it does not put off the collection of what is garbage:
    # kafka-python leaves cycles behind when brokers are away.
    gc.freeze()
    gc.enable()
    if settings.kill_at is not None:
        kill_at(settings.kill_at)
    ground = open_topics(settings)
    engine = ground.database("detector")
    try:
        store = DetectorStore(engine)
        # Who writes into a topic, and who reads it, goes by the number of partitions that it had at first.
        topics = store.checkpoints.check_topics(ground.topics.values())
        key = store.seen.key(secrets.token_bytes(KEY_BYTES))
    except TopicMismatchError as error:
        raise CommandError("another_log", str(error)) from error
    finally:
        engine.dispose()
    return replace(ground, topics=topics, installation=hashlib.sha256(key).hexdigest()[:8])


def open_to_take(settings: Settings) -> Ground:
    """As `open_ground`, for an ingest by itself: it takes events while Kafka, or the database, is away.

    Then by the topics as they were when an ingest last started in this data folder. Raises CommandError: none ever did.
    """
    known = settings.data / KNOWN_TOPICS_FILE
    try:
        ground = open_ground(settings)
    except CommandError as error:
        if error.code not in ("log_unreachable", "database_unreachable"):
            raise
        try:
            topics = msgspec.json.decode(known.read_bytes(), type=dict[str, TopicState])
        except (OSError, msgspec.MsgspecError):
            raise error from None
        logger.warning("started without all of its servers", extra={"outcome": error.code, "detail": error.message})
        with _explained(settings):
            return Ground(settings, open_log(settings, wall_clock), topics)
    write_private(known, msgspec.json.encode(dict(ground.topics)).decode())
    return ground


def open_topics(settings: Settings) -> Ground:
    """The log, its topics made, and no database asked. Raises CommandError if Kafka is not there."""
    with _explained(settings):
        log = open_log(settings, wall_clock)
        return Ground(settings, log, log.ensure_topics(_topics(settings)))


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except LogError as error:
        raise CommandError(
            "log_unreachable",
            f"Kafka at {settings.kafka} cannot be used: {error}. Check that it runs and that HANDRAISER_KAFKA is right."
            if settings.kafka
            else f"The log in {settings.data} cannot be used: {error}",
        ) from error


def open_to_read(settings: Settings) -> Ground:
    """Beside whoever works there: nothing is made or changed. Raises CommandError where there is no installation."""
    if settings.kafka is None and not log_path(settings).exists():
        raise CommandError(
            "no_installation",
            f"There is no log in the folder {settings.data}. Name an installation's data folder with --data or "
            "HANDRAISER_DATA; on Kafka and PostgreSQL set HANDRAISER_KAFKA and HANDRAISER_DATABASE_URL as for its services.",
        )
    with _explained(settings):
        log = open_log(settings, wall_clock)
        return Ground(settings, log, log.topics([topic.name for topic in _topics(settings)]))


def log_path(settings: Settings) -> Path:
    return settings.data / EMBEDDED_FILE


def _topics(settings: Settings) -> list[Topic]:
    partitions = PARTITIONS_KAFKA if settings.kafka else PARTITIONS_EMBEDDED
    return [Topic(name, partitions, RETENTION_S) for name in (EVENTS, UNATTRIBUTED, DEAD_LETTERS, LEAD_EVENTS)]
