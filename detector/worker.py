"""Poll, fold and judge, commit, publish: records of three topics in; facts, leads, dead letters and the outbox out.

Batch N+1 is computed while a second thread commits N; it closes when N's commit returns (far behind the
log: when it is full), and is never committed before N.
Whatever goes wrong, everything in memory is dropped, the partitions are acquired again, and the log is read again from
their checkpoints.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from contracts.messages import DEAD_LETTERS, EVENTS, LEAD_EVENTS, UNATTRIBUTED
from detector import metrics
from detector.attributor import Attributor
from detector.backfilling import Backfilling
from detector.compute import Batch, Compute
from detector.core.seen import KEY_BYTES
from detector.folding import Folding
from detector.inventory import Inventory
from detector.ownership import Ownership
from detector.poison import PoisonError, UnreadableError
from detector.programs import Programs
from detector.publisher import Publisher
from detector.seen import SeenIds
from detector.seen_commands import SeenCommands
from detector.store import DetectorStore, LeadEventConflictError, PartitionLostError
from detector.ticker import tick
from eventlog.port import Log, LogError, Producer, Record, TopicPartition, TopicState
from runtime.clock import Clock
from runtime.garbage import Garbage
from runtime.points import reach

TOPICS = (EVENTS, UNATTRIBUTED, DEAD_LETTERS)
POLL_BYTES_MAX = 4 * 1024 * 1024
BATCH_MS_MAX = 1_000
BEHIND_BYTES = POLL_BYTES_MAX // 2
"""A poll that gives as much means that the log is ahead of us: the batch stays open, for fewer and larger writes."""
AT_ONCE_BYTES = 16 * 1024 * 1024
"""So much is computed at once then: an account is put at hand for all of its events in there."""
AT_ONCE_WAIT_S = 0.05
"""For each further poll: what is fetched ahead may be on its way."""
BEHIND_MS_MAX = 4_000
"""How long it stays open then: an account is written once a batch, however many of its events were read."""
IDLE_POLL_S = 0.25
KEPT_MS = 90 * 86_400_000
"""How long dead letters and the results of commands are kept: as long as the log that they came from."""
SWEEP_MAX = 1_000
SWEEP_MS = 3_600_000
SWEEP_AGAIN_MS = 1_000
"""Between two sweeps of what is old: as a rule, and while there are more than one takes."""
CAREFUL_RECORDS = 1_000
"""After the database has refused what a batch holds, so many records are committed one by one, to find which it was."""
RETRY_S = 1.0
"""Between attempts while the database or the log cannot be reached."""

_log = logging.getLogger("detector")


class Worker:
    """One thread calls `run`, or `run_once` again and again; `close` when done."""

    def __init__(  # noqa: PLR0913 - here everything meets
        self,
        log: Log,
        store: DetectorStore,
        producer: Producer,
        *,
        topics: Mapping[str, TopicState],
        clock: Clock,
        owner: str,
        random_bytes: Callable[[int], bytes],
        group: str = "detector",
        committer: Executor | None = None,
    ) -> None:
        """`topics`: as they are. `owner`: who acquires, for people. `group`: with whom the partitions are shared.

        `committer`: runs the commits, one after the other.

        Raises TopicMismatchError if all of them are others than the database knows.
        """
        topics = store.checkpoints.check_topics(topics.values())
        seen = SeenIds(store.seen, store.seen.key(random_bytes(KEY_BYTES)))
        folding = Folding(
            store.accounts,
            seen,
            SeenCommands(store.commands),
            Inventory(store.event_names),
            topics[LEAD_EVENTS].partitions,
            topics[EVENTS].partitions,
        )
        attributor = Attributor(store.people, {name: topic.partitions for name, topic in topics.items()})
        self._store = store
        self._producer = producer
        self._clock = clock
        self._consumer = log.consumer(TOPICS, group)
        self._compute = Compute(Programs(store.rulebooks), folding, attributor)
        self._backfilling = Backfilling(log, self._compute, clock)
        self._publisher = Publisher(store.outbox, producer, clock)
        self._ownership = Ownership(log, self._consumer, store, self._compute, clock=clock, owner=owner)
        self._committer = committer or ThreadPoolExecutor(max_workers=1, thread_name_prefix="detector-commit")
        self._committing: Future[dict[TopicPartition, int]] | None = None
        self._left: list[Record] = []
        """Polled, and too much for the batch before."""
        self._suspect: Record | None = None
        """The only record in work, while they are committed one by one."""
        self._lost = False
        """A partition was just found in other hands."""
        self._careful = 0
        """So many records are still to be committed one by one."""
        self._sweep_at = 0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`, then wait for the commit that is under way. A database or log that is away is waited for."""
        garbage = Garbage()
        while not stop.is_set():
            if garbage.is_due():
                wait([self._committing] if self._committing is not None else [])
                garbage.put_aside()
            try:
                self.run_once(IDLE_POLL_S)
                if self._lost:
                    stop.wait(RETRY_S)  # a heartbeat long: if the group has gone on without us, the client knows it then
            except (SQLAlchemyError, LogError) as error:
                _log.warning("detector waits", extra={"error": f"{type(error).__name__}: {error}"[:500]})
                stop.wait(RETRY_S)
        self._drop()

    def run_once(self, timeout_s: float) -> bool:
        """One turn: what there is to read (waiting up to `timeout_s`) is computed and handed over to be committed.

        False: there was nothing to do, and all that was done is committed. Raises LogError or SQLAlchemyError if the log or
        the database cannot be reached; the next turn begins again from the checkpoints.
        """
        self._lost = False
        try:
            return self._turn(timeout_s)
        except PartitionLostError as lost:
            self._drop()
            self._lost = True
            metrics.LOST.inc()
            _log.warning("partition lost", extra={"topic": lost.partition.topic, "partition": lost.partition.partition})
        except LeadEventConflictError as conflict:
            self._drop()
            for at, offset in conflict.offsets.items():
                reason = f"offset {offset} could not be stored ({conflict}): a defect. The log keeps it; please report it."
                self._ownership.stop_before(at, offset, reason)
        except PoisonError as poison:
            self._drop()
            _log.exception("record not processed", extra={"topic": poison.at.topic, "offset": poison.offset})
            reason = f"{poison} ({poison.__cause__!r}): a defect. The log keeps the record; please report it."
            self._ownership.stop_before(poison.at, poison.offset, reason)
        except (DataError, IntegrityError, UnreadableError) as refused:
            suspect = self._suspect
            self._drop()
            self._narrow_down(suspect, refused)
        except BaseException:
            self._drop()
            raise
        return True

    def close(self) -> None:
        """Wait for what is being committed; leave the group."""
        self._committer.shutdown(wait=True)
        self._backfilling.drop()
        self._consumer.close()

    def wake(self) -> None:
        """End a wait for records early. May be called from any thread."""
        self._consumer.wake()

    def _narrow_down(self, suspect: Record | None, refused: Exception) -> None:
        """The database answers, and does not take or give something: trying the same again for ever would help nobody."""
        if suspect is None:
            self._careful = CAREFUL_RECORDS
            _log.warning("records are read one by one", extra={"error": f"{type(refused).__name__}: {refused}"[:500]})
            return
        what = str(getattr(refused, "orig", refused))[:300]
        reason = f"offset {suspect.offset} could not be stored ({what}): a defect. The log keeps the record; please report it."
        self._ownership.stop_before(TopicPartition(suspect.topic, suspect.partition), suspect.offset, reason)

    def _turn(self, timeout_s: float) -> bool:
        if not self._ownership.is_current():
            self._drop()
            self._consumer.poll(0, POLL_BYTES_MAX)  # the group may have gone on without us; what comes is read again
            self._ownership.acquire()
            reach("detector.acquire.after")
            self._publisher.expect()
            metrics.HALTED.set(self._ownership.halted())
        busy = self._committing is not None
        owned = self._ownership.owned
        backfills = self._backfilling.is_due(owned)
        self._fill(0 if busy or backfills else timeout_s)
        if backfills and (not self._careful or self._compute.waits_for is not None):
            self._backfilling.step(owned, wait=not self._compute.batch.partitions)
        self._backfilling.rest(owned)
        self._settle()
        handed_over = bool(self._compute.batch.partitions)
        if handed_over:
            self._hand_over(self._compute.close())
            if self._suspect is not None:
                self._settle()
        elif not busy:
            self._publisher.publish(self._ownership.sources())  # nothing is in flight: an outbox that waited may be tried again
            self._sweep()
            self._compute.rest()
        self._suspect = None
        # Every turn, for the partition next door may never be quiet.
        ticked = tick(owned.values(), self._consumer, self._producer, self._clock())
        announced = self._backfilling.announce(owned, self._producer)
        return handed_over or busy or ticked or announced or backfills or bool(self._left)

    def _fill(self, timeout_s: float) -> None:
        """Compute what can be read: until the batch is full or nothing is left, or we keep up and the running commit returns."""
        began_at = self._clock()
        records = self._left or self._polled(timeout_s)
        if self._careful and records:
            self._careful -= 1
            self._suspect = records[0]
            self._left = [*self._compute.take(self._ownership.owned, records[:1]), *records[1:]]
            return
        while records:
            self._left = self._compute.take(self._ownership.owned, records)
            is_behind = _size(records) >= BEHIND_BYTES
            full = self._compute.is_full or self._clock() - began_at >= (BEHIND_MS_MAX if is_behind else BATCH_MS_MAX)
            if full or self._left or not (is_behind or self._is_committing()):
                return
            records = self._polled(0)

    def _polled(self, timeout_s: float) -> list[Record]:
        """What there is to read; if that is much, then as much as may be computed at once."""
        records = more = self._consumer.poll(timeout_s, POLL_BYTES_MAX)
        left = AT_ONCE_BYTES
        while (size := _size(more)) >= BEHIND_BYTES and (left := left - size) > 0:
            more = self._consumer.poll(AT_ONCE_WAIT_S, POLL_BYTES_MAX)
            records += more
        return records

    def _is_committing(self) -> bool:
        return self._committing is not None and not self._committing.done()

    def _settle(self) -> None:
        """Wait for the running commit; raises what it raised."""
        if self._committing is None:
            return
        committing, self._committing = self._committing, None
        self._consumer.show_progress(committing.result())
        self._compute.settled()

    def _hand_over(self, batch: Batch) -> None:
        self._committing = self._committer.submit(self._commit, batch)
        metrics.HALTED.set(self._ownership.halted())

    def _commit(self, batch: Batch) -> dict[TopicPartition, int]:
        """In the second thread: one transaction, then what it put into the outbox. Where the partitions stand now."""
        changes = batch.changes
        with metrics.COMMIT_SECONDS.time():
            reach("detector.commit.before")
            metrics.DEAD_LETTERS_BEYOND.inc(self._store.commit(changes, self._clock()))
            reach("detector.commit.after")
            if changes.outbox:
                self._publisher.expect()
            self._publisher.publish(self._ownership.sources())
        self._sweep()
        _count(batch)
        return {move.partition: move.next_offset for move in changes.moves}

    def _sweep(self) -> None:
        """Old dead letters and commands go, so many at a time. By the thread that commits, or by the other while none does."""
        now = self._clock()
        if now >= self._sweep_at:
            kept = (self._store.dead_letters, self._store.commands)
            swept = max(each.sweep(now - KEPT_MS, SWEEP_MAX) for each in kept)
            self._sweep_at = now + (SWEEP_MS if swept < SWEEP_MAX else SWEEP_AGAIN_MS)

    def _drop(self) -> None:
        """Forget everything in memory; the next turn acquires the partitions again."""
        committing, self._committing = self._committing, None
        if committing is not None and committing.exception() is None:
            self._consumer.show_progress(committing.result())  # it has succeeded still
        self._left, self._suspect = [], None
        self._backfilling.drop()
        self._compute.clear()
        self._ownership.release()


def _size(records: Sequence[Record]) -> int:
    return sum(len(record.value) for record in records)


def _count(batch: Batch) -> None:
    changes = batch.changes
    metrics.BATCH_EVENTS.observe(batch.events)
    metrics.LEAD_EVENTS.inc(len(changes.lead_events))
    metrics.HELD.inc(len(changes.held))
    for row in changes.commands:
        metrics.COMMANDS.labels(row.status).inc()
    for buried in changes.dead_letters:
        metrics.DEAD_LETTERS.labels(buried.letter.code).inc()
    _log.info(
        "batch",
        extra={
            "places": {f"{m.partition.topic}/{m.partition.partition}": m.next_offset for m in changes.moves},
            "events": batch.events,
            "accounts": len(changes.accounts),
            "lead_ids": [event.data["lead_id"] for event in changes.lead_events[:20]],
            "lead_events": len(changes.lead_events),
            "commands": len(changes.commands),
            "dead_letters": len(changes.dead_letters),
            "held": len(changes.held),
        },
    )
