"""The notifier's fixtures: a store on SQLite or PostgreSQL, a clock that stands, a sender with short deadlines."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.messages import LeadEvent, Place
from notifier.core.addresses import policy_for
from notifier.sender import Deadlines, Sender
from notifier.store import NotifierStore
from notifier.tables import metadata
from notifier.vault import Vault, new_master_key
from runtime.clock import wall_clock
from runtime.database import open_database
from runtime.settings import Settings
from tests.notifier.bench import Bench
from tests.notifier.receiver import receiving

LeadEvents = Callable[..., LeadEvent]
SHORT = Deadlines(dns_s=2, connect_s=2, headers_s=2, whole_s=3, body_s=0.5)
"""Nobody waits long for a receiver that hangs, and a busy machine has its time."""


class StandingClock:
    """Epoch milliseconds that move only when told. Begins now, for receivers check the time of a signature."""

    def __init__(self) -> None:
        self.now = wall_clock()

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def master_key() -> str:
    return new_master_key()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    engine = open_database(Settings(data=tmp_path, database_url=url), "notifier")
    metadata.drop_all(engine)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine, master_key: str) -> NotifierStore:
    return NotifierStore(engine, Vault(master_key))


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender(policy_for(production=False), SHORT)
    yield sender
    await sender.aclose()


@pytest.fixture
def lead_event(clock: StandingClock) -> LeadEvents:
    """Makes lead events: number, and fields that differ."""

    def make(number: int = 1, **changes: object) -> LeadEvent:
        fields: dict[str, object] = {
            "id": f"le_{number:020x}",
            "project": "acme-mail",
            "account": "acc_9",
            "type": "lead.created",
            "timestamp": clock.now,
            "rulebook_version": 4,
            "place": Place(topic="events", partition=0, offset=number, time=clock.now),
            "data": {"lead_id": f"ld_{number:020x}", "revision": 1, "lead_type": "pql", "summary": "487 of 500 contacts"},
        }
        return LeadEvent(**fields | changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
async def bench(store: NotifierStore, engine: sa.Engine, clock: StandingClock, sender: Sender) -> AsyncIterator[Bench]:
    async with receiving() as receiver:
        yield Bench(store, engine, clock, sender, receiver)
