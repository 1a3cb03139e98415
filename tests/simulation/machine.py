"""One simulated installation: real log, databases and processes in a folder, on one clock; no thread, no socket."""

import asyncio
import shutil
import sqlite3
import ssl
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

import detector.tables
import notifier.health
import notifier.tables
from contracts.codec import encode
from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED, ImportEnd, LeadEvent, RulebookSwitch
from detector.changes import CommandRow
from detector.commander import Commander
from detector.core.account import Account
from detector.core.instants import NEVER
from detector.core.rulebook.definitions import RULE
from detector.core.rulebook.parse import parse
from detector.metrics import LOST
from detector.rulebook_routes import adopt
from detector.rulebooks import bases
from detector.store import DetectorStore
from detector.store.audit import Scope
from detector.verify import Report, verify
from detector.worker import Worker
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, LogError, Record, Topic
from ingest.batcher import Batcher, BusyError
from ingest.importing import append_end
from ingest.spool import Spool, open_spools
from ingest.spooling import SpoolingProducer
from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.intake import Intake
from notifier.store import NotifierStore
from notifier.vault import Vault, new_master_key
from notifier.worker import Notifier
from runtime.database import open_database
from runtime.settings import Settings
from runtime.web import ApiError
from tests.detector.shell.samples import NOON
from tests.simulation.chaos import Chaos
from tests.simulation.edges import Committer, FaultyLog, Inline, PlayedSender, Receiver, make_faulty
from tests.simulation.rulebook import ANOTHER, RULEBOOK
from tests.simulation.story import ACCOUNTS

TOPICS = [Topic(EVENTS, 2, 90 * 86_400), *(Topic(name, 1, 90 * 86_400) for name in (UNATTRIBUTED, DEAD_LETTERS, LEAD_EVENTS))]
_lead_events = msgspec.json.Decoder(LeadEvent)
URL = "http://127.0.0.1:9/hook"

T = TypeVar("T")


class Site:
    """Where one machine after another stands. Each begins as a copy of `template`: tables, topics, a rulebook, one endpoint."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template"
        self.folder = folder / "machine"
        self.chaos = Chaos(0)
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Inline())
        self.vault = Vault(new_master_key())
        self.tls = ssl.create_default_context()  # reading the certificates takes longer than a scenario's whole log
        self.policy = policy_for(production=False)
        self.parsed = parse(RULEBOOK, bases())
        self.another = parse(ANOTHER, bases())
        self.template.mkdir()
        self._set_up(self.template)
        # Engines outlive the machines: each would compile every statement anew, which takes longer than to run it.
        self.engines = {room: open_database(Settings(data=self.folder), room) for room in ("detector", "notifier")}
        for engine in self.engines.values():
            sa.event.listen(engine, "connect", _careless)
            make_faulty(engine, lambda: self.chaos)

    def close(self) -> None:
        self.loop.close()

    def _set_up(self, folder: Path) -> None:
        for room, metadata in (("detector", detector.tables.metadata), ("notifier", notifier.tables.metadata)):
            engine = open_database(Settings(data=folder), room)
            metadata.create_all(engine)
            if room == "notifier":
                NotifierStore(engine, self.vault).add_endpoint(
                    "mail", "crm", parse_url(URL, self.policy), Filters(), NOON, caps=False
                )
            else:
                DetectorStore(engine).rulebooks.add("mail", RULEBOOK, self.parsed.resolved, NOON)
            engine.dispose()
        log = EmbeddedLog(folder / "log.sqlite", lambda: NOON)
        log.ensure_topics(TOPICS)
        producer = log.producer()
        value = encode(RulebookSwitch(project="mail", version=1))
        producer.append([Entry(EVENTS, 0, value), Entry(EVENTS, 1, value), Entry(UNATTRIBUTED, 0, value)], 5)
        producer.close()


@dataclass
class Detector:
    """A simulated detector process. `holding`: it acquired its partitions, and knows of nobody who has them now."""

    worker: Worker
    committer: Committer
    holding: bool = False


class Machine:
    def __init__(self, site: Site, chaos: Chaos) -> None:
        shutil.copytree(site.template, site.folder)
        site.chaos = chaos
        self.now = NOON
        self.chaos = chaos
        self._site = site
        self._starts = count(1)
        self.log = FaultyLog(EmbeddedLog(site.folder / "log.sqlite", self.clock), chaos)
        self.topics = self.log.ensure_topics(TOPICS)
        self.store = DetectorStore(site.engines["detector"])
        self.deliveries = NotifierStore(site.engines["notifier"], site.vault)
        self.receiver = Receiver(chaos)
        self.spooling: SpoolingProducer | None = None
        self.spools: list[Spool] = []
        self._producer = self.log.producer()
        self._consumer = self.log.consumer([LEAD_EVENTS], "notifier")
        self.commander = Commander(self.store, self._producer, self.topics)

    def clock(self) -> int:
        return self.now

    def new_ingest(self) -> Batcher:
        """In place of the one before, which is dead: its spool is adopted."""
        for spool in self.spools:
            spool.close()
        room = self.chaos.dice.choice((1_000, 1_000_000))  # some are full soon
        self.spools = open_spools(self._site.folder / "spool", self.clock, room)
        self.spooling = SpoolingProducer(lambda: self._producer, self.spools)
        batcher = Batcher(self.spooling, {name: state.partitions for name, state in self.topics.items()})
        batcher._thread = Inline()
        return batcher

    def new_detector(self) -> Detector:
        committer = Committer(self.chaos)
        worker = Worker(
            self.log,
            self.store,
            self._producer,
            topics=self.topics,
            clock=self.clock,
            owner=f"worker {next(self._starts)}",
            random_bytes=lambda n: b"r" * n,
            committer=committer,
        )
        return Detector(worker, committer)

    def new_notifier(self) -> Notifier:
        sender = PlayedSender(self._site.policy, tls=self._site.tls)
        sender.receiver = self.receiver
        intake = Intake(self.log, self._consumer, self.topics[LEAD_EVENTS], self.deliveries, self.clock)
        return Notifier(self.deliveries, sender, self.clock, intake=intake, jitter=lambda: 0.0)

    def notify(self, notifier: Notifier) -> int:
        """One pass of the notifier."""
        return self.run(notifier.run_once())

    def apply_rulebook(self, *, another: bool) -> None:
        """The one that is in force once more: it changes nothing, and every partition hears of it. Else the other one."""
        text, parsed = (ANOTHER, self._site.another) if another else (RULEBOOK, self._site.parsed)
        adopt(self.store, self._producer, self.topics, text, parsed, self.now)

    def rulebooks(self) -> list[str]:
        """The bodies of all versions, oldest first."""
        versions = range(1, len(self.store.rulebooks.all("mail")) + 1)
        return [found.body for version in versions if (found := self.store.rulebooks.get("mail", version)) is not None]

    def verified(self) -> Report:
        """As `handraiser verify` finds it, with nothing going wrong."""
        on, self.chaos.on = self.chaos.on, False
        try:
            return verify(self.log, self.store, Scope(), lambda _progress: None)
        finally:
            self.chaos.on = on

    def end_import(self, batcher: Batcher, end: ImportEnd) -> None:
        self.run(append_end(batcher, end))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What it leaves undone because it dies here is gone."""
        try:
            return self._site.loop.run_until_complete(work)
        finally:
            for task in asyncio.all_tasks(self._site.loop):
                task.cancel()
                with suppress(BaseException):
                    self._site.loop.run_until_complete(task)

    def is_quiet(self, *, told: bool) -> bool:
        """Nobody waits for an account, the outbox is empty, facts are whole.

        If `told`, lead events are taken in, and no delivery is open.
        """
        with self._looking() as database:
            left = database.execute(_LEFT).fetchone()[0]
        if not told:
            return not left
        health = notifier.health.report(self.deliveries, self._consumer.end_offsets(), self.now)
        return not (left or health["lag_events"] or health["pending"])

    def stored(self) -> dict[str, list[Any]]:
        """Every row of the detector's but the outbox's: a zombie may still send what is committed."""
        tables = [name for name in detector.tables.metadata.tables if name != "outbox"]
        with self._looking() as database:
            return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._site.folder / "detector.sqlite")) as database:
            yield database

    def accounts(self) -> list[Account]:
        stored = self.store.accounts.load(("mail", account) for account in ACCOUNTS)
        return [Account.load(*key, *stored[key]) for key in sorted(stored)]

    def commands(self, ids: Iterable[str]) -> dict[str, CommandRow | None]:
        """What became of them."""
        return {id_: self.store.commands.get(id_) for id_ in ids}

    def lead_events(self) -> dict[str, LeadEvent]:
        """By id, as they are stored."""
        with self._looking() as database:
            bodies = [body for (body,) in database.execute("SELECT body FROM lead_events")]
        return {event.id: event for event in map(_lead_events.decode, bodies)}

    def deciding_records(self) -> list[Record]:
        """All of `events`, in order within each partition: who belongs where is decided in it already."""
        consumer = self.log.consumer([EVENTS])
        for at, offset in consumer.beginning_offsets().items():
            consumer.seek(at, offset)
        found: list[Record] = []
        while records := consumer.poll(0, 1 << 24):
            found += records
        consumer.close()
        return found

    def replay(self, records: Iterable[Record], rulebooks: Iterable[str] = ()) -> None:
        """Append what another machine's log holds, each at its own time. `rulebooks`: its versions."""
        for body in rulebooks:
            self.store.rulebooks.add("mail", body, parse(body, bases()).resolved, self.now)
        for record in records:
            if record.offset == 0:
                continue  # the template has it: the switch to the rulebook
            self.now = record.timestamp
            self._producer.append([Entry(record.topic, record.partition, record.value)], 5)

    def close(self) -> None:
        self._consumer.close()
        self._producer.close()
        for spool in self.spools:
            spool.close()
        for engine in self._site.engines.values():
            engine.dispose()
        shutil.rmtree(self._site.folder)


_LEFT = f"""
SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM outbox) + (
    SELECT count(*) FROM adopted_since WHERE version > 0 AND filled = 0 AND gone = {NEVER} AND key NOT LIKE '{RULE}%'
)
"""
"""Who waits for an account, lead events to be sent, and facts for which the log is still to be read again."""


def losses() -> float:
    """How often workers of this process have found a partition in other hands."""
    return next(iter(LOST.collect())).samples[0].value


TROUBLE = (SQLAlchemyError, LogError)
"""What a process waits out."""
NO_ANSWER = (BusyError, ApiError)
"""What a client answers by sending the same again."""


def _careless(connection: Any, _entry: object) -> None:
    """Power is never lost here, processes are: no fsync."""
    connection.execute("PRAGMA synchronous=OFF").close()
