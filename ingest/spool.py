"""Entries that the log did not take, in a file on this machine: in, durable; out, oldest first, until the log has them.

One folder per process, locked while it lives; what a process left behind is adopted by one that starts later. SQLite keeps the
file whole through crashes, full disks and cut writes.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eventlog.embedded_file import errors_explained, open_durable, transaction
from eventlog.port import Entry, LogError

SPOOL_BYTES_MAX = 1024 * 1024 * 1024
FOLDERS_MAX = 256
"""Processes on one data folder, those whose spools are still to be adopted among them."""
_FILE = "spool.sqlite"
_log = logging.getLogger("ingest")
_TABLE = """CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    value BLOB NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Oldest:
    """What is to be drained next. `last`: the seq of its last entry."""

    entries: list[Entry]
    last: int


NOTHING = Oldest([], 0)


class Spool:
    """The spool in `folder`. One user at a time. `clock` gives epoch milliseconds."""

    def __init__(self, folder: Path, clock: Callable[[], int], bytes_max: int = SPOOL_BYTES_MAX) -> None:
        """Raises LogError."""
        self.folder = folder
        self.bytes_max = bytes_max
        self._clock = clock
        self._path = folder / _FILE
        self._lock: int | None = None
        self._connection = open_durable(self._path)
        with errors_explained(self._path):
            self._connection.execute(_TABLE).close()
            found = self._connection.execute("SELECT coalesce(sum(length(value)), 0), min(at) FROM entries").fetchone()
        self.bytes: int = found[0]
        """Of the values that wait."""
        self.oldest_at: int | None = found[1]

    def put(self, entries: Sequence[Entry]) -> None:
        """Return when they are on the disk, all or none. Raises LogError: no room, or the disk does not take them."""
        size = sum(len(entry.value) for entry in entries)
        if self.bytes + size > self.bytes_max:
            raise LogError(
                f"The spool {self._path} is full ({self.bytes:,} bytes wait for the log). Sending again later is right."
            )
        now = self._clock()
        rows = [(now, entry.topic, entry.partition, entry.value) for entry in entries]
        with errors_explained(self._path), transaction(self._connection, "IMMEDIATE"):
            self._connection.executemany("INSERT INTO entries (at, topic, partition, value) VALUES (?, ?, ?, ?)", rows)
        self.bytes += size
        self.oldest_at = self.oldest_at or now

    def oldest(self, bytes_max: int) -> Oldest:
        """In the order in which they were put, `bytes_max` of them or one. Raises LogError."""
        entries: list[Entry] = []
        last = 0
        with errors_explained(self._path):
            rows = self._connection.execute("SELECT seq, topic, partition, value FROM entries ORDER BY seq")
            for seq, topic, partition, value in rows:
                bytes_max -= len(value)
                if bytes_max < 0 and entries:
                    break
                entries.append(Entry(topic, partition, value))
                last = seq
            rows.close()
        return Oldest(entries, last)

    def drop(self, drained: Oldest) -> None:
        """The log has them. Raises LogError: then they will be drained again, which doubles nothing."""
        with errors_explained(self._path):
            with transaction(self._connection, "IMMEDIATE"):
                self._connection.execute("DELETE FROM entries WHERE seq <= ?", (drained.last,))
            (self.oldest_at,) = self._connection.execute("SELECT min(at) FROM entries").fetchone()
            self.bytes -= sum(len(entry.value) for entry in drained.entries)
            if self.oldest_at is None:
                self._connection.execute("VACUUM").close()  # of nothing: gives the disk back
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)

    def hold(self, lock: int) -> "Spool":
        """Keep a lock until it is closed."""
        self._lock = lock
        return self


def open_spools(root: Path, clock: Callable[[], int], bytes_max: int = SPOOL_BYTES_MAX) -> list[Spool]:
    """This process's own spool, and after it those that nobody holds any more and where something waits. Raises LogError."""
    spools: list[Spool] = []
    with errors_explained(root):
        for number in range(FOLDERS_MAX):
            folder = root / str(number)
            if spools and not folder.is_dir():
                continue
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _locked(folder)
            if lock is None:
                continue
            try:
                spool = Spool(folder, clock, bytes_max).hold(lock)
            except LogError as error:  # damaged, say: it is left as it is, and another is taken
                _log.error("a spool cannot be opened", extra={"outcome": "disk", "folder": str(folder), "detail": str(error)})
                os.close(lock)
                continue
            if spools and not spool.bytes:
                spool.close()  # its folder stays, for another process may be about to take it
            else:
                spools.append(spool)
    if not spools:
        raise LogError(f"{root} has {FOLDERS_MAX} folders, all in use or damaged: use another data folder.")
    return spools


def _locked(folder: Path) -> int | None:
    """The descriptor that holds the folder's lock; None: another process has it."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None
