"""A process that stands still in a transaction keeps nobody waiting, and neither does a PostgreSQL that is not there."""

import os
import socket
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from runtime import database
from runtime.database import open_database
from runtime.settings import Settings


def test_locks_of_a_transaction_that_stands_still_are_given_up(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path, database_url=postgres, kafka="unused")
    monkeypatch.setattr(database, "IDLE_IN_TRANSACTION_S", 1)
    stopped, other = open_database(settings, "detector"), open_database(settings, "detector")
    with other.begin() as tx:
        tx.execute(sa.text("CREATE TABLE owners AS SELECT 1 AS version"))
    standing_still = stopped.connect()
    standing_still.execute(sa.text("UPDATE owners SET version = 2"))
    with other.begin() as tx:  # waits for the lock
        tx.execute(sa.text("UPDATE owners SET version = 3"))
    with pytest.raises(sa.exc.DBAPIError, match="idle-in-transaction"):
        standing_still.execute(sa.text("SELECT 1"))
    standing_still.close()
    stopped.dispose()
    other.dispose()


def test_a_postgresql_that_accepts_and_says_nothing_is_told_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://handraiser@127.0.0.1:{silent.getsockname()[1]}/postgres"
        engine = open_database(Settings(data=tmp_path, database_url=url, kafka="unused"), "detector")
        began = time.monotonic()
        with pytest.raises(sa.exc.OperationalError, match="timeout"):
            engine.connect()
        assert 4 < time.monotonic() - began < 10
        engine.dispose()


def test_a_postgresql_that_is_cut_off_is_noticed_unless_the_url_says_otherwise(postgres: str, tmp_path: Path) -> None:
    def waits_for_ms(url: str) -> int:
        engine = open_database(Settings(data=tmp_path, database_url=url, kafka="unused"), "detector")
        with engine.connect() as tx, socket.socket(fileno=os.dup(tx.connection.dbapi_connection.fileno())) as ours:  # type: ignore[union-attr]
            found = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
        engine.dispose()
        return found

    assert waits_for_ms(postgres) == 20_000
    assert waits_for_ms(f"{postgres}{'&' if '?' in postgres else '?'}tcp_user_timeout=7000") == 7_000
