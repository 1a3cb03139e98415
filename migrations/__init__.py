"""The tables' history: in, an engine and a room's name; out, that room's tables at the newest revision.

One linear history for all rooms; each revision has upgrade_ingest, upgrade_detector and upgrade_notifier. Where a room stands is
kept in its own `alembic_version_<room>`, because on SQLite each room has a file of its own.
"""

from pathlib import Path

import sqlalchemy as sa

ROOMS = ("ingest", "detector", "notifier")
_LOCK = 0x48414E44
"""Of PostgreSQL's advisory lock: two processes that migrate wait for one another."""


def expected() -> str:
    """The newest revision of this program: files of `versions` are named by revision, `0005_who_imports.py`."""
    return max(file.name for file in (Path(__file__).parent / "versions").glob("[0-9]*.py")).partition("_")[0]


def current(engine: sa.Engine, room: str) -> str | None:
    """Where `room` stands; None: nothing was made yet."""
    table = sa.table(version_table(room), sa.column("version_num", sa.Text))
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


def upgrade(engine: sa.Engine, room: str) -> None:
    """Bring `room` to the newest revision, in one transaction."""
    from migrations import upgrading  # noqa: PLC0415  only where there is something to upgrade

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        upgrading.run(connection, room)


def version_table(room: str) -> str:
    return f"alembic_version_{room}"
