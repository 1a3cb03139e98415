"""Which events arrive: counted when they are durable, attributed or not, whatever names a client makes up."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.arrivals import WAITING_MAX, Arrivals
from ingest.core.arrived import NAMES_MAX, OTHERS, Named, within_bounds
from ingest.store import IngestStore
from ingest.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from tests.ingest.served import NOW, Served


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IngestStore]:
    url = request.getfixturevalue("postgres") if request.param == "postgres" else None
    engine = open_database(Settings(data=tmp_path, kafka="x" if url else None, database_url=url), "ingest")
    metadata.create_all(engine)
    yield IngestStore(engine)
    engine.dispose()


async def test_what_arrived_is_counted_by_name(served: Served) -> None:
    track = {"type": "track", "userId": "ada", "event": "Sent"}
    await served.post(
        "batch", {"batch": [track, track, {**track, "event": "x" * 300 + "\0"}, {"type": "identify", "userId": "a"}, {}]}
    )
    served.arrivals.flush()
    served.now += 5_000
    await served.post("track", {**track, "groupId": "bolt"})
    served.arrivals.flush()
    served.arrivals.flush()
    rows = {(row.type, row.name): (row.number, row.first_seen, row.last_seen) for row in served.store.arrived("acme")}
    assert rows == {
        ("track", "Sent"): (3, NOW, NOW + 5_000),
        ("track", "x" * 200): (1, NOW, NOW),
        ("identify", ""): (1, NOW, NOW),
    }


async def test_a_request_that_is_not_durable_is_not_counted(served: Served) -> None:
    served.producer.error = RuntimeError("no log")
    await served.post("track", {"userId": "ada", "event": "Sent"})
    served.arrivals.flush()
    assert served.store.arrived("acme") == []


def test_names_are_bounded_whatever_clients_make_up(store: IngestStore) -> None:
    arrivals = Arrivals(store, lambda: NOW)
    arrivals.count(Counter({Named("a", "track", f"id {n}"): 1 for n in range(NAMES_MAX)}))
    arrivals.flush()
    arrivals.count(Counter({Named("a", "track", f"other {n}"): 2 for n in range(100)} | {Named("a", "track", "id 7"): 5}))
    arrivals.count(Counter({Named("b", "track", "fine"): 1}))
    arrivals.flush()
    rows = {(row.type, row.name): row.number for row in store.arrived("a")}
    assert len(rows) == NAMES_MAX + 1
    assert (rows[OTHERS], rows["track", "id 7"]) == (200, 6)
    assert [row.name for row in store.arrived("b")] == ["fine"]


def test_the_first_names_of_a_project_may_come_all_at_once() -> None:
    many = Counter({Named("a", "track", str(n)): 1 for n in range(NAMES_MAX + 7)})
    bounded = within_bounds(many, ())
    assert bounded[Named("a", *OTHERS)] == 7
    assert bounded.total() == many.total()


def test_while_the_database_is_away_counts_wait_and_are_bounded(store: IngestStore) -> None:
    arrivals = Arrivals(store, lambda: NOW)
    metadata.drop_all(store._engine)
    for n in range(WAITING_MAX + 10):
        arrivals.count(Counter({Named("a", "track", str(n)): 1}))
    with pytest.raises(sa.exc.SQLAlchemyError):
        arrivals.flush()
    assert len(arrivals._open) == WAITING_MAX
    metadata.create_all(store._engine)
    arrivals.flush()
    assert sum(row.number for row in store.arrived("a")) == WAITING_MAX
