"""A process that stands still in a transaction does not keep the others waiting."""

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
