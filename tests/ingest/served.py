"""Ingest as it is served, for its tests: the real application, log and store; only the network is left out."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from contracts.codec import decode
from contracts.messages import DEAD_LETTERS, EVENTS, UNATTRIBUTED, DeadLetter, Trust, UsageEvent
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, Producer, Topic
from ingest.app import add_event_routes, create_admin_router
from ingest.arrivals import Arrivals
from ingest.batcher import Batcher
from ingest.core.credential import make_key
from ingest.cors import CorsAnswers
from ingest.keys import KeyRing
from ingest.store import IngestStore, StoredWriteKey
from ingest.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from runtime.web import install_error_answers

NOW = 1_790_000_000_000
"""2026-09-21T14:13:20Z."""
TOPICS = (EVENTS, UNATTRIBUTED, DEAD_LETTERS)


class Reader:
    """Reads what was appended since it last read."""

    def __init__(self, log: EmbeddedLog, topics: Sequence[str] = TOPICS) -> None:
        self._consumer = log.consumer(topics)
        for partition in sorted(self._consumer.assignment()):
            self._consumer.seek(partition, 0)

    def read(self) -> list[Any]:
        """Usage events and dead letters, and what stands alone in its record."""
        messages: list[Any] = []
        while records := self._consumer.poll(0, 64 * 1024 * 1024):
            for record in records:
                decoded = decode(record.value)
                messages += decoded if isinstance(decoded, list) else [decoded]
        return messages

    def close(self) -> None:
        self._consumer.close()


class CountingProducer:
    """A real producer whose appends are counted, and made to wait or fail on demand."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.appends: list[Sequence[Entry]] = []
        self.error: Exception | None = None

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        if self.error is not None:
            raise self.error
        self._producer.append(entries, timeout_s)
        self.appends.append(entries)

    def close(self) -> None:
        self._producer.close()


@dataclass
class Served:
    """Ingest over the embedded log in `folder`, with project `acme`, a key of each trust and one that may import."""

    folder: Path
    log: EmbeddedLog = field(init=False)
    producer: CountingProducer = field(init=False)
    now: int = NOW

    def __post_init__(self) -> None:
        self.log = EmbeddedLog(self.folder / "log.sqlite", lambda: self.now)
        states = self.log.ensure_topics([Topic(name, 4, 86_400) for name in TOPICS])
        self.producer = CountingProducer(self.log.producer())
        self.engine = open_database(Settings(data=self.folder), "ingest")
        metadata.create_all(self.engine)
        self.store = IngestStore(self.engine)
        self.keys = KeyRing(self.store, lambda: self.now)
        self.batcher = Batcher(self.producer, {name: state.partitions for name, state in states.items()}, durable_s=30)
        self.arrivals = Arrivals(self.store, lambda: self.now)
        self.store.create_project("acme", NOW)
        self.key = self._add_key("server")
        self.other_key = self._add_key("server")
        self.browser_key = self._add_key("browser")
        self.import_key = self._add_key("server", may_import=True)
        self.api_key = make_key("ak", _choose_first)
        self.store.create_api_key("tests", self.api_key, NOW)
        self.keys.refresh()
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(CorsAnswers(self._app()), raise_app_exceptions=False), base_url="http://ingest"
        )

    def _add_key(self, trust: Trust, *, may_import: bool = False) -> str:
        key = make_key("wk", secrets.choice)
        self.store.create_write_key(StoredWriteKey(key.id, "acme", key.sha256, trust, "", NOW, None, may_import))
        return key.text

    def _app(self) -> FastAPI:
        app = FastAPI(redirect_slashes=False)
        install_error_answers(app)
        add_event_routes(app, self.keys, self.batcher, self.arrivals, lambda: self.now)
        app.include_router(create_admin_router(self.store, self.keys, self.keys.api_key, lambda: self.now))
        self.app = app
        return app

    async def close(self) -> None:
        await self.client.aclose()
        await self.batcher.close()
        self.producer.close()
        self.engine.dispose()

    async def post(self, route: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        """POST /v1/`route` with the server key unless told otherwise; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        auth = httpx.BasicAuth(key or self.key, "")
        return await self.client.post(f"/v1/{route}", content=content, auth=auth, headers=headers)

    def read(self, topic: str) -> list[Any]:
        """All messages of `topic`, partition by partition."""
        reader = Reader(self.log, [topic])
        try:
            return reader.read()
        finally:
            reader.close()

    def usage_events(self) -> list[UsageEvent]:
        """Each usage event once, in whichever of the two topics it stands."""
        unattributed = [event for event in self.read(UNATTRIBUTED) if event.link is None]  # else it is told in another one
        found = {event.id: event for event in (*unattributed, *self.read(EVENTS))}
        return list(found.values())

    def dead_letters(self) -> list[DeadLetter]:
        return self.read(DEAD_LETTERS)


def _choose_first(options: Sequence[str]) -> str:
    return options[0]
