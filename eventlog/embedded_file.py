"""The embedded log's file: its tables, its connections, and what its errors mean to an operator.

Records lie in one B-tree whose key packs topic, partition and offset: a partition is a range, and an append goes to its end.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventlog.port import LogError

SCHEMA = 1
PARTITION_BITS = 12
OFFSET_BITS = 40
BUSY_TIMEOUT_S = 10
WAL_BYTES_KEPT = 64 * 1024 * 1024

TABLES = (
    """CREATE TABLE IF NOT EXISTS topics (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL,
        partitions INTEGER NOT NULL, retention_ms INTEGER NOT NULL)""",
    # `first` is the oldest offset that is still there, `next` the one that the next append gets, `time` the newest append's
    """CREATE TABLE IF NOT EXISTS partitions (
        key INTEGER PRIMARY KEY, first INTEGER NOT NULL, next INTEGER NOT NULL, time INTEGER NOT NULL)""",
    # `time` stands before `value`: retention reads it without touching the value's pages
    "CREATE TABLE IF NOT EXISTS records (place INTEGER PRIMARY KEY, time INTEGER NOT NULL, value BLOB NOT NULL)",
)


def key_of(topic_number: int, partition: int) -> int:
    return topic_number << PARTITION_BITS | partition


def topic_of(key: int) -> int:
    return key >> PARTITION_BITS


def place_of(key: int, offset: int) -> int:
    return key << OFFSET_BITS | offset


def offset_of(place: int) -> int:
    return place & (1 << OFFSET_BITS) - 1


def connect(path: Path) -> sqlite3.Connection:
    """A durable connection to the log's file. Makes the file and its tables if needed. Raises LogError."""
    connection = open_durable(path)
    try:
        with errors_explained(path):
            _make_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_durable(path: Path) -> sqlite3.Connection:
    """A connection (WAL, synchronous=FULL) for one user at a time. Makes the file if needed. Raises LogError."""
    with errors_explained(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            connection.execute("PRAGMA synchronous=FULL").close()
            connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_KEPT}").close()
        except BaseException:
            connection.close()
            raise
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema > SCHEMA:
        raise LogError(f"{path} has schema {schema}; this version reads up to {SCHEMA}. Run the newer version of Handraiser.")
    if schema < SCHEMA:
        with transaction(connection, "IMMEDIATE"):
            for table in TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA user_version={SCHEMA}")


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """IMMEDIATE: the only writer, from its first statement. DEFERRED: a reader with one unmoving view."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def errors_explained(path: Path) -> Iterator[None]:
    """SQLite's errors as LogErrors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        remedy = _REMEDIES.get(code, "If it stays, restart Handraiser, and check the disk.")
        raise LogError(f"The log {path} cannot be used: {error}. {remedy}") from error
    except OSError as error:
        raise LogError(f"The log {path} cannot be used: {error}. {_WRITABLE}") from error


_WRITABLE = "Let the user that runs Handraiser write this file and its folder, or choose another folder with --data."
_REMEDIES = {
    sqlite3.SQLITE_FULL: "The disk is full: free some space there; nothing was taken, and sending again is safe.",
    sqlite3.SQLITE_BUSY: "Another process keeps it locked: see that one installation uses this folder; sending again is safe.",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_NOTADB: "It is not a log: move it away, or choose another folder with --data.",
    sqlite3.SQLITE_CORRUPT: "It is damaged: stop Handraiser and restore the folder from a backup.",
    sqlite3.SQLITE_IOERR: "The disk does not work: see the system's messages; sending again is safe.",
}
