"""The migrations make exactly the tables that the rooms work with, on SQLite and on PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import detector.tables
import ingest.tables
import migrations
import notifier.tables
from handraiser.errors import CommandError
from handraiser.migrate import migrate, require_migrated
from runtime.database import open_database
from runtime.settings import Settings

METADATA = {"ingest": ingest.tables.metadata, "detector": detector.tables.metadata, "notifier": notifier.tables.metadata}


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(data=tmp_path)
    return Settings(data=tmp_path, kafka="unused:9092", database_url=request.getfixturevalue("postgres"))


def differences(settings: Settings, room: str) -> list[object]:
    engine = open_database(settings, room)
    names = set(METADATA[room].tables)
    try:
        with engine.connect() as connection:
            options = {
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _parents: kind != "table" or name in names,
            }
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA[room]))
    finally:
        engine.dispose()


def test_models_and_migrations_agree(settings: Settings) -> None:
    migrate(settings)
    for room in migrations.ROOMS:
        assert differences(settings, room) == [], room


def test_a_table_that_the_migrations_lack_is_noticed(settings: Settings) -> None:
    migrate(settings)
    engine = open_database(settings, "notifier")
    with engine.begin() as tx:
        tx.execute(sa.text("DROP TABLE attempts"))
    engine.dispose()
    assert differences(settings, "notifier")


def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    first = migrate(settings)
    assert migrate(settings) == first == dict.fromkeys(migrations.ROOMS, migrations.expected())


def test_deliveries_from_before_know_their_lead(settings: Settings) -> None:
    migrate(settings)
    engine = open_database(settings, "notifier")
    endpoint: dict[str, Any] = {
        "id": "ep_1",
        "project": "p",
        "name": "n",
        "site": "s",
        "url": b"",
        "secrets": b"",
        "format": "standard",
    }
    endpoint |= {"filters": "{}", "status": "enabled", "created_at": 0, "paused_until": 0, "failures": 0}
    row = {"endpoint_id": "ep_1", "type": "lead.created", "status": "delivered", "tries": 1, "fence": 1, "created_at": 0}
    bodies = [b'{"data":{"lead_id":"ld_1","summary":"\xc3\xa9\\u0000"}}', b'{"data":{}}', b'{"lead_id":"ld_2"}', b'{"blocks":[]}']
    script = ScriptDirectory(str(Path(migrations.__file__).parent)).get_revision("0016").module
    with engine.begin() as tx:
        tx.execute(notifier.tables.endpoints.insert().values(endpoint))
        rows = [
            row | {"id": f"dl_{n}", "lead_event_id": f"le_{n}", "body": body, "lead_id": "ld_3" if n == 3 else None}
            for n, body in enumerate(bodies)
        ]
        tx.execute(notifier.tables.deliveries.insert(), rows)
        script.know_their_lead(tx)
    with engine.connect() as tx:
        assert list(tx.scalars(sa.text("SELECT lead_id FROM deliveries ORDER BY id"))) == ["ld_1", None, "ld_2", "ld_3"]
    engine.dispose()


def test_no_table_of_two_rooms_has_the_same_name() -> None:
    names = [name for metadata in METADATA.values() for name in metadata.tables]
    assert len(names) == len(set(names))


def test_the_history_is_one_line() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [migrations.expected()], "files are named by revision"
    assert all(not revision.is_merge_point for revision in script.walk_revisions())


def test_a_service_refuses_a_database_behind_in_migrations(settings: Settings) -> None:
    engine = open_database(settings, "detector")
    with pytest.raises(CommandError, match="handraiser migrate"):
        require_migrated(engine, settings, "detector")
    migrate(settings)
    require_migrated(engine, settings, "detector")
    engine.dispose()


def test_a_database_made_by_a_newer_version_is_left_alone(settings: Settings) -> None:
    migrate(settings)
    engine = open_database(settings, "ingest")
    with engine.begin() as tx:
        tx.execute(sa.text("UPDATE alembic_version_ingest SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(CommandError, match="newer version"):
        migrate(settings)


def test_a_postgresql_that_is_not_there_is_a_paragraph_without_the_password() -> None:
    settings = Settings(kafka="unused:9092", database_url="postgresql://me:s3cret@127.0.0.1:1/none")
    with pytest.raises(CommandError) as error:
        migrate(settings)
    assert "HANDRAISER_DATABASE_URL" in error.value.message
    assert "s3cret" not in error.value.message


def test_an_upgrade_knows_who_was_told_of_what_and_when_leads_were_stored(
    settings: Settings,
) -> None:
    """From the version before caps on noise, with rows."""
    for room in ("notifier", "detector"):
        engine = open_database(settings, room)
        with engine.begin() as tx:
            config = Config()
            config.set_main_option("script_location", str(Path(migrations.__file__).parent))
            config.attributes.update(connection=tx, room=room)
            command.upgrade(config, "0017")
            for table, row in OF_BEFORE[room]:
                tx.execute(sa.table(table, *map(sa.column, row)).insert().values(row))
        engine.dispose()
    migrate(settings)
    assert differences(settings, "notifier") == differences(settings, "detector") == []
    notifier_, detector_ = (open_database(settings, room) for room in ("notifier", "detector"))
    with notifier_.connect() as tx:
        told = tx.execute(sa.select(notifier.tables.noise_told)).all()
        assert [tuple(row) for row in told] == [("p", "endpoint", "ep_1", "ld_1", 5, False)]
        (endpoint,) = tx.execute(sa.select(notifier.tables.endpoints)).all()
        assert (endpoint.caps, endpoint.breaker_opened, endpoint.breaker_until, endpoint.recent) == (True, 0, 0, None)
    with detector_.connect() as tx:
        assert tx.execute(sa.select(detector.tables.leads.c.stored_at)).scalar_one() == 7
    notifier_.dispose()
    detector_.dispose()


DELIVERED = {"endpoint_id": "ep_1", "type": "lead.created", "body": b"", "status": "delivered", "tries": 1, "fence": 1}
OF_BEFORE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "notifier": [
        (
            "endpoints",
            {"id": "ep_1", "project": "p", "name": "n", "site": "s", "url": b"", "secrets": b"", "format": "standard"}
            | {"filters": "{}", "status": "enabled", "created_at": 0, "paused_until": 0, "failures": 0},
        ),
        ("deliveries", DELIVERED | {"id": "dl_1", "lead_event_id": "le_1", "lead_id": "ld_1", "created_at": 6}),
        ("deliveries", DELIVERED | {"id": "dl_2", "lead_event_id": "le_2", "lead_id": "ld_1", "created_at": 5}),
        ("deliveries", DELIVERED | {"id": "dl_3", "lead_event_id": "ed_1", "created_at": 4}),
    ],
    "detector": [
        (
            "leads",
            {"lead_id": "ld_1", "project": "p", "account": "a", "lead_type": "pql", "status": "open", "revision": 1}
            | {"rulebook_version": 1, "qualified_at": 5, "opened_at": 5, "updated_at": 7, "data": "{}"},
        )
    ],
}
"""What the version of migration 0017 had written."""
