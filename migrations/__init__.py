"""The tables' history: in, an engine and a room's name; out, that room's tables at the newest revision.

One linear history for all rooms; each revision has upgrade_ingest, upgrade_detector and upgrade_notifier. Where a room stands is
kept in its own `alembic_version_<room>`, because on SQLite each room has a file of its own.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

ROOMS = ("ingest", "detector", "notifier")
_LOCK = 0x48414E44
"""Of PostgreSQL's advisory lock: two processes that migrate wait for one another."""


def expected() -> str:
    """The newest revision of this program."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the history is part of the package
    return head


def current(engine: sa.Engine, room: str) -> str | None:
    """Where `room` stands; None: nothing was made yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection, opts={"version_table": version_table(room)}).get_current_revision()


def upgrade(engine: sa.Engine, room: str) -> None:
    """Bring `room` to the newest revision, in one transaction."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes.update(connection=connection, room=room)
        command.upgrade(config, "head")


def version_table(room: str) -> str:
    return f"alembic_version_{room}"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
