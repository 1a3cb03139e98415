"""A detector's store over a real SQLite file, and over a real PostgreSQL; topics as small as a test can follow."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

import detector.programs
from detector.core.rulebook.parse import parse
from detector.store import DetectorStore
from detector.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from tests.detector.shell.api import Api
from tests.detector.shell.samples import contacts
from tests.detector.shell.world import World


@pytest.fixture(autouse=True, scope="session")
def _read_once() -> Iterator[None]:
    """Each worker here reads the same few rulebooks; it takes as long as all else that it does."""
    read = cache(lambda text: parse(text, {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector.programs, "parse", lambda text, _bases: read(text))
        yield


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with the detector's tables."""
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    engine = open_database(Settings(data=tmp_path, database_url=postgres, kafka=postgres), "detector")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> DetectorStore:
    return DetectorStore(engine)


@pytest.fixture
def calm_store(tmp_path: Path) -> Iterator[DetectorStore]:
    """Another store, to compare with."""
    (tmp_path / "calm-database").mkdir()
    engine = open_database(Settings(data=tmp_path / "calm-database"), "detector")
    metadata.create_all(engine)
    yield DetectorStore(engine)
    engine.dispose()


@pytest.fixture
def world(tmp_path: Path, store: DetectorStore) -> Iterator[World]:
    """With the trial's rulebook applied to project `mail`."""
    world = World(tmp_path, store)
    world.apply()
    yield world
    world.close()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)


@pytest.fixture
def lead(world: World) -> str:
    """The id of the one lead there is: of account acme, at 480 of 500 contacts."""
    world.send(contacts("m1", 480))
    world.drain()
    [event] = world.sent()
    found: str = event.data["lead_id"]
    return found
