"""Events without a message id in, the id that they have in every run out: so that an import can be run again."""

import hashlib
import sqlite3

from handraiser.importing.rows import Event, encoded

_COUNT = "INSERT INTO seen VALUES (?, 0) ON CONFLICT (digest) DO UPDATE SET times = times + 1 RETURNING times"


class Identities:
    """Of one file. An id is a hash of the event and of how many equal ones came before it in the file.

    Neither the file's name nor its compression counts. What was seen is counted in a temporary file, not in memory.
    """

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None)  # "": a file of its own, gone when it is closed
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")
        self._seen.execute("BEGIN")

    def id_of(self, event: Event) -> str:
        """For an event that has none, each time that it occurs."""
        digest = hashlib.sha256(encoded(event)).digest()[:16]
        (times,) = self._seen.execute(_COUNT, (digest,)).fetchone()
        return "import-" + hashlib.sha256(digest + b"%d" % times).hexdigest()[:32]

    def close(self) -> None:
        self._seen.close()
