"""A whole detector that a test can drive turn by turn: a real log, a real database, a clock that the test sets."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path

from contracts.codec import decode, encode, encode_events
from contracts.messages import (
    DEAD_LETTERS,
    EVENTS,
    LEAD_EVENTS,
    UNATTRIBUTED,
    LeadEvent,
    RulebookSwitch,
    Tick,
    UsageEvent,
)
from detector.core.rulebook.parse import Parsed, parse
from detector.rulebooks import bases, trial
from detector.store import DetectorStore
from detector.store.leads import LeadFilter
from detector.worker import Worker
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, Log, Record, Topic, TopicPartition
from tests.detector.shell.samples import NOON

RULEBOOK = trial().replace("project: acme-mail", "project: mail")
TOPICS = [Topic(name, 1, 90 * 86_400) for name in (EVENTS, UNATTRIBUTED, DEAD_LETTERS, LEAD_EVENTS)]


@cache
def _read(text: str) -> Parsed:
    return parse(text, bases())


class World:
    """`now` is everybody's clock (but not that of a `log` given from outside)."""

    def __init__(self, folder: Path, store: DetectorStore, log: Log | None = None) -> None:
        self.now = NOON
        self._folder = folder
        self.store = store
        self.log = log or EmbeddedLog(folder / "log.sqlite", lambda: self.now)
        self.topics = self.log.ensure_topics(TOPICS)
        self.producer = self.log.producer()
        self._starts = count(1)
        self.worker = self.new_worker()

    def new_worker(self) -> Worker:
        return Worker(
            self.log,
            self.store,
            self.producer,
            topics=self.topics,
            clock=lambda: self.now,
            owner=f"worker {next(self._starts)}",
            random_bytes=lambda n: b"r" * n,
        )

    def restart(self) -> None:
        """The old worker is gone, with whatever it had in memory."""
        self.worker.close()
        self.worker = self.new_worker()

    def close(self) -> None:
        self.worker.close()
        self.producer.close()
        self.log.close()

    def apply(self, text: str = RULEBOOK) -> int:
        """Store a rulebook and switch to it in both topics."""
        parsed = _read(text)
        stored = self.store.rulebooks.add(parsed.rulebook.project, text, parsed.resolved, self.now)
        self.switch(stored.project, stored.version)
        return stored.version

    def switch(self, project: str, version: int) -> None:
        value = encode(RulebookSwitch(project=project, version=version))
        self.append(*(Entry(topic, 0, value) for topic in (EVENTS, UNATTRIBUTED)))

    def append(self, *entries: Entry) -> None:
        self.producer.append(entries, 5)

    def send(self, *events: UsageEvent, topic: str = EVENTS) -> None:
        """All of them in one frame."""
        for value in encode_events(events):
            self.append(Entry(topic, 0, value))

    def forget_log(self) -> None:
        """Its retention takes all that is in it, and was read."""
        self.drain()
        with closing(sqlite3.connect(self._folder / "log.sqlite")) as log, log:
            log.execute("DELETE FROM records")
            log.execute("UPDATE partitions SET first = next")

    def arrive(self, *events: UsageEvent) -> None:
        """As ingest places them: by what they name."""
        anyway = ("group", "identify", "alias")
        self.send(*[event for event in events if event.account], topic=EVENTS)
        self.send(*[event for event in events if not event.account or event.type in anyway], topic=UNATTRIBUTED)

    def drain(self) -> None:
        """Turn until there is nothing left to do."""
        while self.worker.run_once(0):
            pass

    def records(self, topic: str) -> list[Record]:
        at = TopicPartition(topic, 0)
        consumer = self.log.consumer([topic])
        consumer.seek(at, 0)
        end = consumer.end_offsets()[at]
        found: list[Record] = []
        while end and (not found or found[-1].next_offset < end):
            found += consumer.poll(5, 1 << 24)
        consumer.close()
        return found

    def sent(self) -> list[LeadEvent]:
        """What the notifier would read, repeats included."""
        messages = [decode(record.value) for record in self.records(LEAD_EVENTS)]
        return [message for message in messages if isinstance(message, LeadEvent)]

    def ticks(self, topic: str) -> int:
        return sum(isinstance(decode(record.value), Tick) for record in self.records(topic))

    def leads(self) -> list[tuple[str, str, str]]:
        """(account, lead type, status) of every lead in the table."""
        return sorted((lead.account, lead.lead_type, lead.status) for lead in self.store.leads.page(LeadFilter(), 1000))

    def codes(self) -> list[str]:
        return [stored.letter.code for stored in self.store.dead_letters_since(0)]

    def halted(self) -> Sequence[str]:
        return [standing.halted for standing in self.store.checkpoints.standings() if standing.halted]
