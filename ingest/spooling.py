"""Appends that succeed without the log: in, entries; out, durable in the log, or in the spool until the log has them.

After the first append that the log does not take in time, all go straight to the spool: nothing waits for the log, and a client
of it is not filled. A thread drains the spool in order, tries again while the log is away, and hands over when it is empty.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eventlog.port import Entry, LogError, Producer
from ingest import metrics
from ingest.spool import NOTHING, Oldest, Spool
from runtime.points import reach

DRAIN_BYTES_MAX = 4 * 1024 * 1024
DRAIN_S_MAX = 10.0
"""How long the log may take for that. In the client of a broker that is away, as long nothing piles up."""
TRY_AGAIN_S = 1.0
LEAVE_S = 12.0
_log = logging.getLogger("ingest")


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`oldest_at`: when the first of what waits was put there, epoch ms."""

    bytes: int
    bytes_max: int
    oldest_at: int | None
    failing: str | None
    """Why the log takes nothing, in its own words; None: it was not asked, or it took what it was given last."""


class SpoolingProducer:
    """A Producer. `connect` gives the log's own, and may fail as long as the log is away.

    `spools`: ours, and those that dead processes have left.
    """

    def __init__(self, connect: Callable[[], Producer], spools: Sequence[Spool]) -> None:
        self._connect = connect
        self._spools = spools
        self._own = spools[0]
        self._left = [spool for spool in spools if spool.bytes]
        """Those that are to be drained, in this order."""
        self._turn = threading.Lock()
        """Of the spools' files, and of what is known of them."""
        self._log: Producer | None = None
        self._failing: str | None = None
        self.spooling = True
        """Whether what comes goes to the spool: until that is drained, at once if nothing waits and the log is there."""
        self._work = threading.Event()
        self._closed = threading.Event()
        self._drainer = threading.Thread(target=self._keep_draining, name="ingest-drain", daemon=True)
        metrics.SPOOL_BYTES.set_function(lambda: self.state().bytes)
        while not self._left and self.drain_once():
            pass

    def start(self) -> None:
        """Drain from now on, in a thread, whenever something waits."""
        self._work.set()
        self._drainer.start()

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        """Raises LogError: neither the log nor the spool took them."""
        if not self.spooling and self._log_takes(entries, timeout_s):
            return
        with self._turn:
            self._own.put(entries)
            if self._own not in self._left:
                self._left.append(self._own)
            self.spooling = True
        metrics.SPOOLED.inc(len(entries))
        reach("spool.put.after")
        self._work.set()

    def _log_takes(self, entries: Sequence[Entry], timeout_s: float) -> bool:
        try:
            self._to_log(entries, timeout_s)
        except LogError as error:
            _log.warning("the log does not take events: they go to the spool", extra={"outcome": "spool", "detail": str(error)})
            return False
        return True

    def drain_once(self) -> bool:
        """Give the log some of what waits. True: there may be more; False: all is done, or the log is away."""
        with self._turn:
            self._left = [spool for spool in self._left if spool.bytes]
            if not self._left and self._log is not None:
                self.spooling = False  # from here on the log itself is asked
                return False
        try:
            self._drain_some()
        except LogError as error:
            _log.warning("the spool waits for the log", extra={"outcome": "log_error", "detail": str(error)})
            return False
        return True

    def state(self) -> SpoolState:
        with self._turn:
            oldest = [spool.oldest_at for spool in self._left if spool.oldest_at is not None]
            size = sum(spool.bytes for spool in self._left)
            return SpoolState(size, self._own.bytes_max, min(oldest, default=None), self._failing)

    def close(self) -> None:
        """What is spooled stays on the disk, for the next start."""
        self._closed.set()
        self._work.set()
        if self._drainer.is_alive():
            self._drainer.join(LEAVE_S)
        with self._turn:
            for spool in self._spools:
                spool.close()
        if self._log is not None:
            self._log.close()

    def _keep_draining(self) -> None:
        while not self._closed.is_set():
            self._work.wait()
            self._work.clear()
            while self.spooling and not self._closed.is_set():
                if not self.drain_once():
                    self._closed.wait(TRY_AGAIN_S)

    def _to_log(self, entries: Sequence[Entry], timeout_s: float) -> None:
        """Raises LogError, and then knows why."""
        try:
            if self._log is None:
                self._log = self._connect()
            if entries:
                self._log.append(entries, timeout_s)
        except LogError as error:
            self._failing = str(error)
            raise
        except Exception as error:  # clients raise more than they say, and the spool is there for that
            self._failing = repr(error)
            raise LogError(self._failing) from error
        self._failing = None

    def _oldest(self, spool: Spool) -> Oldest:
        """What cannot be read any more is left where it is, and those behind it come. Raises LogError."""
        try:
            return spool.oldest(DRAIN_BYTES_MAX)
        except LogError as error:
            if spool is not self._own:
                self._left.remove(spool)
            _log.error("a spool cannot be read", extra={"outcome": "disk", "folder": str(spool.folder), "detail": str(error)})
            raise

    def _drain_some(self) -> None:
        """Raises LogError."""
        started = time.perf_counter()
        with self._turn:
            spool = self._left[0] if self._left else None
            oldest = self._oldest(spool) if spool is not None else NOTHING
        self._to_log(oldest.entries, DRAIN_S_MAX)
        if spool is None:
            return
        reach("spool.drain.after")
        with self._turn:
            spool.drop(oldest)
        took_ms = round((time.perf_counter() - started) * 1000, 2)
        _log.info("drained", extra={"outcome": "ok", "entries": len(oldest.entries), "duration_ms": took_ms})
