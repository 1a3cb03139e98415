"""Database engines. One SQLite file per room, or one PostgreSQL database for all; SQLAlchemy Core on both."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from runtime.settings import Settings

BUSY_TIMEOUT_S = 15
IDLE_IN_TRANSACTION_S = 10
"""A process that stands still in the middle of a transaction (stopped, swapped out, cut off) gives up its locks."""

ANSWERS_WITHIN = {
    "connect_timeout": 5,  # s
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms
}
"""Who takes no connection, or nothing more of what we send (cut off), is an error within 25 s. For an answer we wait."""


def database_url(settings: Settings, room: str) -> sa.URL:
    """Where `room` keeps its tables."""
    if settings.database_url is None:
        return sa.URL.create("sqlite", database=str(settings.data / f"{room}.sqlite"))
    return sa.make_url(settings.database_url).set(drivername="postgresql+psycopg")


def open_database(settings: Settings, room: str) -> sa.Engine:
    """An engine with durable defaults. SQLite: WAL, synchronous=FULL, writers wait up to BUSY_TIMEOUT_S for one another.

    PostgreSQL: whoever does nothing for IDLE_IN_TRANSACTION_S in a transaction loses it, so that others need not wait for ever.
    ANSWERS_WITHIN holds where the URL says nothing else.
    """
    url = database_url(settings, room)
    if url.get_backend_name() != "sqlite":
        within = {name: value for name, value in ANSWERS_WITHIN.items() if name not in url.query}
        engine = sa.create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True, connect_args=within)
        sa.event.listen(engine, "connect", _configure_postgresql)
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _configure_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    raw: Any = connection
    raw.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'")
    raw.commit()


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    raw: Any = connection
    raw.isolation_level = None  # the driver must not open transactions of its own: `_begin` does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
