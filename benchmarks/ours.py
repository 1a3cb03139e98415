"""Our engine as the benchmarks run it: a detector on one core, just started over an empty database and a log that is full."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType

import sqlalchemy as sa

from benchmarks.filling import Filled
from benchmarks.job import OurSignals
from benchmarks.measure import MEASURED
from benchmarks.servers import new_database
from benchmarks.service import service
from benchmarks.steady import KafkaOutput, Steady, watch
from contracts.messages import LEAD_EVENTS
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial
from detector.store import DetectorStore
from eventlog import EMBEDDED_FILE
from eventlog.port import Consumer
from handraiser.errors import CommandError
from handraiser.ground import Ground, open_topics
from handraiser.migrate import migrate
from runtime.clock import wall_clock
from runtime.database import open_database
from runtime.settings import Settings
from tests.journey.product import free_port

OPEN_TRIES = 5
SQLITE_FULL = 2


def patient_ground(settings: Settings) -> Ground:
    """A broker that was just started may take longer to make 128 partitions than we wait for it."""
    for left in reversed(range(OPEN_TRIES)):
        try:
            return open_topics(settings)
        except CommandError:
            if left == 0:
                raise
    raise AssertionError("not reached")


class LogOutput:
    """Our lead events in the embedded log."""

    def __init__(self, ground: Ground) -> None:
        self._consumer: Consumer = ground.log.consumer([LEAD_EVENTS])
        for at, end in self._consumer.end_offsets().items():
            self._consumer.seek(at, end)

    def poll(self, timeout_s: float) -> list[bytes]:
        return [record.value for record in self._consumer.poll(timeout_s, 1 << 24)]

    def close(self) -> None:
        self._consumer.close()


def run_detector(ground: Ground, filled: Filled) -> Steady:
    """One run, from a database that is made for it to the last signal."""
    with fresh_database(ground.settings) as settings:
        return run_detectors([MEASURED], ground, settings, filled)


def run_detectors(
    cores: Sequence[set[int]],
    ground: Ground,
    settings: Settings,
    filled: Filled,
    servers: Mapping[str, int] = MappingProxyType({}),
) -> Steady:
    """One on each of `cores`, just started over an empty database, to the last signal."""
    output = _lead_events(ground)
    with ExitStack() as running:
        running.callback(output.close)
        pids = []
        for number, of_this in enumerate(cores):
            command = [sys.executable, "-m", "handraiser", "detector", "--data", str(settings.data), "--port", str(free_port())]
            printed = settings.data / f"detector-{number}.out"
            pids.append(running.enter_context(service(command, printed, environment_of(settings), of_this)))
        return watch(pids, output, OurSignals(), filled.marks, filled.told_by_us(), servers=servers)


def _lead_events(ground: Ground) -> KafkaOutput | LogOutput:
    kafka, topic = ground.settings.kafka, ground.settings.topic_prefix + LEAD_EVENTS
    return LogOutput(ground) if kafka is None else KafkaOutput(kafka, topic, ground.topics[LEAD_EVENTS].partitions)


@contextmanager
def fresh_database(settings: Settings) -> Iterator[Settings]:
    """The settings with tables that hold nothing but the shipped rulebook."""
    if settings.kafka is None:
        for file in settings.data.glob("*.sqlite*"):
            if not file.name.startswith(EMBEDDED_FILE):
                file.unlink()
        _make_tables(settings)
        yield settings
        return
    with new_database() as url:
        fresh = replace(settings, database_url=url)
        _make_tables(fresh)
        yield fresh


def _make_tables(settings: Settings) -> None:
    migrate(settings)
    engine = open_database(settings, "detector")
    _assert_durable(engine)
    parsed = parse(trial(), bases())
    DetectorStore(engine).rulebooks.add(parsed.rulebook.project, trial(), parsed.resolved, wall_clock())
    engine.dispose()


def _assert_durable(engine: sa.Engine) -> None:
    """By the connections that the product makes for itself."""
    with engine.connect() as tx:
        if engine.dialect.name == "sqlite":
            assert tx.exec_driver_sql("PRAGMA synchronous").scalar_one() == SQLITE_FULL
        else:
            assert tx.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


def environment_of(settings: Settings) -> dict[str, str]:
    """For a process of ours; nothing of ours is inherited."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAISER_")}
    environment["HANDRAISER_DATA"] = str(settings.data)
    if settings.kafka is not None and settings.database_url is not None:
        environment["HANDRAISER_KAFKA"] = settings.kafka
        environment["HANDRAISER_TOPIC_PREFIX"] = settings.topic_prefix
        environment["HANDRAISER_DATABASE_URL"] = settings.database_url
    return environment
