"""Everything that exists in a running process: in, the ground; out, rooms with their routes, their loops and their checks.

The only place where rooms are put together (docs/decisions/0001-composition-in-the-front-door.md).
"""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

import detector.app
import detector.rulebook_routes
import ingest.app
import ingest.health
import notifier.app
import notifier.delivery_routes
import notifier.health
import notifier.replay_routes
import notifier.secret_routes
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED
from detector.commander import Commander
from detector.health import HealthReporter
from detector.shapes import iso
from detector.store import DetectorStore
from detector.store.event_names import EventName
from detector.why_shapes import WhyHeldBack
from eventlog.port import Producer
from handraiser.backtest.jobs import Backtests
from handraiser.backtest.routes import create_router as create_backtest_router
from handraiser.errors import CommandError
from handraiser.event_path import EventPaths
from handraiser.event_path import create_router as create_path_router
from handraiser.ground import Ground
from handraiser.leadpages.routes import create_router as create_lead_pages
from handraiser.locks import only_one
from handraiser.replaying import Replayer
from handraiser.replaying import create_router as create_replay_router
from ingest.arrivals import Arrivals
from ingest.batcher import Batcher
from ingest.keys import KeyRing
from ingest.spool import open_spools
from ingest.spooling import SpoolingProducer
from ingest.store import IngestStore
from notifier.core.addresses import policy_for
from notifier.core.links import Links
from notifier.core.noise import Scope
from notifier.intake import Intake
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.store_history import History
from notifier.vault import MasterKeyError, Vault
from notifier.worker import Notifier, OnSettled
from runtime.database import open_database
from runtime.web import Authenticate

SPOOL_FOLDER = "spool"
KNOWN_KEYS_FILE = "known-keys.json"
DETECTOR_TOPICS = (EVENTS, UNATTRIBUTED, DEAD_LETTERS)


class Keys:
    """The keys in memory, for every room's API."""

    def __init__(self, ground: Ground) -> None:
        """Raises CommandError if the database is not there, and no keys are known from before."""
        self.database_is_there = True
        try:
            engine = ground.database("ingest")
        except CommandError as error:
            if error.code != "database_unreachable":
                raise
            self.database_is_there, why = False, error
            engine = open_database(ground.settings, "ingest")
        self.store = IngestStore(engine)
        self.ring = KeyRing(self.store, ground.clock, ground.settings.data / KNOWN_KEYS_FILE)
        if self.database_is_there:
            self.ring.refresh()
        elif not self.ring.remember():
            raise why

    @property
    def authenticate(self) -> Authenticate:
        return self.ring.api_key

    def project_exists(self, name: str) -> bool:
        return any(project.name == name for project in self.store.projects())


class IngestRoom:
    """HTTP in, durable in the log."""

    def __init__(self, ground: Ground, keys: Keys) -> None:
        partitions = {name: state.partitions for name, state in ground.topics.items()}
        self._keys = keys
        self._clock = ground.clock
        self._producer = SpoolingProducer(ground.log.producer, open_spools(ground.settings.data / SPOOL_FOLDER, ground.clock))
        self._producer.start()
        self.batcher = Batcher(self._producer, partitions)
        self.arrivals = Arrivals(keys.store, ground.clock)

    def add_routes(self, app: FastAPI) -> None:
        ingest.app.add_event_routes(app, self._keys.ring, self.batcher, self.arrivals, self._clock)
        app.include_router(ingest.app.create_admin_router(self._keys.store, self._keys.ring, self._keys.authenticate))

    def check(self) -> dict[str, Any]:
        return ingest.health.report(self.batcher, self._producer.state(), self._clock())

    async def close(self) -> None:
        await self.batcher.close()
        await asyncio.to_thread(self._producer.close)
        with suppress(sa.exc.SQLAlchemyError):
            await asyncio.to_thread(self.arrivals.flush)


class DetectorApi:
    """The detector's routes and its health, from what it has stored: no work of its own."""

    def __init__(self, ground: Ground, keys: Keys, producer: Producer, links: Links | None = None) -> None:
        """`links`: what those in leads' messages are signed with; None: there are none."""
        self._links = links
        self.store = DetectorStore(ground.database("detector"))
        self._ground = ground
        self._producer = producer
        self._keys = keys
        self._clock = ground.clock
        self._reporter = HealthReporter(self.store)
        self._ends = ground.log.consumer(DETECTOR_TOPICS)
        self._one_asks = threading.Lock()
        self._backtests = Backtests(ground.settings.data)
        self._deliveries = open_database(ground.settings, "notifier")
        self._history = History(self._deliveries)

    def add_routes(self, app: FastAPI) -> None:
        app.include_router(create_backtest_router(self._backtests, self._keys.authenticate))
        partitions = {name: state.partitions for name, state in self._ground.topics.items()}
        replayer = Replayer(self.store, self._producer, self._keys.ring, partitions, self._clock)
        app.include_router(create_replay_router(replayer, self._keys.authenticate))
        paths = EventPaths(self._ground.log, self.store, self._deliveries)
        app.include_router(create_path_router(paths, self._keys.authenticate))
        router = detector.app.create_router(
            self.store,
            self._producer,
            self._ground.topics,
            self._keys.authenticate,
            self._keys.project_exists,
            self._clock,
            self._arrived,
            self._held_back,
        )
        if self._links is not None:
            commander = Commander(self.store, self._producer, self._ground.topics)
            app.include_router(create_lead_pages(self._links, self.store, commander, self._clock))
        app.include_router(detector.rulebook_routes.create_schema_router())
        app.include_router(router)

    def _arrived(self, project: str) -> list[EventName]:
        return [
            EventName(each.type, each.name, each.number, each.first_seen, each.last_seen)
            for each in self._keys.store.arrived(project)
        ]

    def _held_back(self, project: str, account: str) -> dict[str, list[WhyHeldBack]]:
        """As the notifier has it."""
        found: dict[str, list[WhyHeldBack]] = {}
        for each in self._history.waiting(project, account):
            where = WhyHeldBack(
                endpoint_id=each.endpoint_id,
                endpoint=each.endpoint,
                cap=Scope(each.held_by).value,
                since=iso(each.since),
                until=iso(each.until),
            )
            found.setdefault(each.lead_id, []).append(where)
        return found

    def check(self) -> dict[str, Any]:
        with self._one_asks:
            return self._reporter.report(self._ends.end_offsets(), self._clock())

    def close(self) -> None:
        self._backtests.close()
        self._ends.close()
        self._deliveries.dispose()


class NotifierRoom:
    """Lead events in, signed webhooks out."""

    def __init__(
        self, ground: Ground, keys: Keys, vault: Vault, links: Links | None = None, on_settled: OnSettled | None = None
    ) -> None:
        self._lock = only_one(ground.settings, "notifier")
        self.store = NotifierStore(ground.database("notifier"), vault)
        try:
            self.store.secrets.check_master_key()
        except MasterKeyError as error:
            raise CommandError("master_key", str(error)) from error
        if self._lock is not None:  # whatever was being sent here was so by a process that is gone
            self.store.deliveries.end_leases(ground.clock())
        self._policy = policy_for(ground.settings.production)
        self._keys = keys
        self._clock = ground.clock
        self._consumer = ground.log.consumer([LEAD_EVENTS], ground.group("notifier"))
        self._ends = ground.log.consumer([LEAD_EVENTS])
        self._one_asks = threading.Lock()
        topic = ground.topics[LEAD_EVENTS]
        self.intake = Intake(ground.log, self._consumer, topic, self.store, ground.clock, links=links)
        self._sender = Sender(self._policy)
        self.notifier = Notifier(self.store, self._sender, ground.clock, on_settled, intake=self.intake)

    def add_routes(self, app: FastAPI) -> None:
        router = notifier.app.create_router(
            self.store, self.notifier, self._keys.authenticate, self._policy, self._keys.project_exists, self._clock
        )
        app.include_router(router)
        app.include_router(notifier.delivery_routes.create_router(self.store, self._keys.authenticate))
        app.include_router(notifier.replay_routes.create_router(self.store, self.notifier, self._keys.authenticate, self._clock))
        app.include_router(notifier.secret_routes.create_router(self.store, self._keys.authenticate, self._clock))

    def check(self) -> dict[str, Any]:
        with self._one_asks:
            return notifier.health.report(self.store, self._ends.end_offsets(), self._clock(), self.intake.halted)

    async def run(self) -> None:
        await self.notifier.run()

    async def close(self) -> None:
        """After `run` has returned."""
        await self._sender.aclose()
        await asyncio.to_thread(self._consumer.close)
        await asyncio.to_thread(self._ends.close)
