"""Lead events from the log come in; one delivery per matching endpoint, its body frozen, is opened.

All that one poll brought is one transaction, in which the checkpoints move too. Without a checkpoint, reading begins at the
earliest record: an endpoint still hears only of lead events made since it was (`matching.CLOCK_SKEW_MS_MAX` before that, for
the log's clock may be another machine's).
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from contracts.codec import UndecodableError, decode
from contracts.messages import LEAD_EVENTS, LeadEvent
from eventlog.port import Consumer, Log, LogError, OffsetOutOfRangeError, Record, TopicPartition, TopicState
from notifier.core.formats import FORMATS, lead_body
from notifier.core.links import Links
from notifier.core.matching import Subscription, matching
from notifier.core.noise import is_bounded
from notifier.metrics import OPENED
from notifier.store import Checkpoint, CheckpointMovedError, Move, NewDelivery, NotifierStore
from runtime.clock import Clock
from runtime.points import reach

POLL_BYTES_MAX = 1024 * 1024
POLL_S = 5.0
RETRY_S = 1.0

logger = logging.getLogger("notifier")


class Intake:
    """Reads on from the stored checkpoints what its group leaves to it. One thread at a time, except `stop`."""

    def __init__(  # noqa: PLR0913 - here log and database meet
        self, log: Log, consumer: Consumer, topic: TopicState, store: NotifierStore, clock: Clock, *, links: Links | None = None
    ) -> None:
        """`topic`: `lead-events` as the database knows it."""
        self._log = log
        self._consumer = consumer
        self._topic = topic
        self._store = store
        self._clock = clock
        self._links = links
        self._at: dict[TopicPartition, Checkpoint] = {}
        self._generation: int | None = None
        self._stopped: dict[TopicPartition, str] = {}
        self._stopping = threading.Event()
        self._broken: str | None = None

    @property
    def halted(self) -> str | None:
        """Why some or all lead events are not taken in, for health; None while all is well."""
        stopped = list(self._stopped.values())
        if self._broken or not stopped:
            return self._broken
        reasons = " ".join(dict.fromkeys(stopped))
        return f"Lead events of {len(stopped)} of {len(stopped) + len(self._at)} partitions are not taken in. {reasons}"

    def run_once(self, timeout_s: float) -> int:
        """Take in what the log has, waiting up to `timeout_s` for the first record; how many deliveries were opened.

        A partition that cannot be read on without losing something stands still and says why (`halted`), until the group is
        shared out anew. Raises what log or database raise when they are not there: then call it again.
        """
        self._seek_new_partitions()
        opened = 0
        try:
            opened = self._take_in(self._consumer.poll(timeout_s, POLL_BYTES_MAX))
        except CheckpointMovedError:
            logger.warning("another process took in these lead events; reading its checkpoint")
            self._at.clear()
        except BaseException:
            self._at.clear()  # the consumer is ahead of what is stored: seek back before the next poll
            raise
        return opened

    def run(self, opened: Callable[[], None]) -> None:
        """Until `stop`: take in, calling `opened` after each delivery-making step. Trouble is logged and tried again."""
        while not self._stopping.is_set():
            try:
                if self.run_once(POLL_S):
                    opened()
            except (LogError, SQLAlchemyError) as error:
                logger.warning("lead events could not be taken in, trying again", extra={"error": str(error)[:500]})
                self._stopping.wait(RETRY_S)
            except Exception as error:
                self._broken = f"Taking in lead events broke off ({type(error).__name__}, see the log): restart; nothing is lost."
                logger.exception("lead events are not taken in")
                return

    def stop(self) -> None:
        """End `run` soon. From any thread."""
        self._stopping.set()
        self._consumer.wake()

    def _seek_new_partitions(self) -> None:
        generation = self._consumer.generation
        if self._generation != generation:
            now = self._log.topics([LEAD_EVENTS])[LEAD_EVENTS]
            self._at, self._stopped = {}, {}
            if now.id != self._topic.id:
                for at in self._consumer.assignment():
                    self._stop(at, _another(now, self._topic))
            self._generation = generation
        new = [at for at in self._consumer.assignment() if at not in self._at and at not in self._stopped]
        if not new:
            return
        stored = self._store.checkpoints(LEAD_EVENTS)
        earliest = self._consumer.beginning_offsets()
        for at in new:
            checkpoint = stored.get(at.partition) or Checkpoint(earliest[at], 0)
            try:
                self._consumer.seek(at, checkpoint.next_offset)
            except OffsetOutOfRangeError as error:
                self._stop(at, _outside(at, checkpoint, str(error)))
            else:
                self._at[at] = checkpoint
        self._consumer.show_progress({at: self._at[at].next_offset for at in new if at in self._at})

    def _stop(self, at: TopicPartition, reason: str) -> None:
        self._stopped[at] = reason
        self._at.pop(at, None)
        logger.error("lead events of a partition are not taken in", extra={"partition": at.partition, "reason": reason})

    def _take_in(self, records: Sequence[Record]) -> int:
        """Of each partition what comes before a record that is no lead event."""
        events: list[LeadEvent] = []
        ends: dict[TopicPartition, int] = {}
        reasons: dict[TopicPartition, str] = {}
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            if at not in self._at or at in reasons:
                continue
            event = _lead_event(record)
            if isinstance(event, str):
                reasons[at] = event
            else:
                events.append(event)
                ends[at] = record.next_offset
        opened = self._open(events, ends) if events else 0
        for at, reason in reasons.items():
            self._stop(at, reason)
        return opened

    def _open(self, events: Sequence[LeadEvent], ends: Mapping[TopicPartition, int]) -> int:
        def plan(subscriptions: Sequence[Subscription]) -> list[NewDelivery]:
            return [
                NewDelivery(
                    each.endpoint_id,
                    event,
                    lead_body(event, each.format, each.pii, self._links),
                    latest_only=FORMATS[each.format].paced,
                    bounded=each.caps and is_bounded(event),
                )
                for each, event in matching(subscriptions, events)
            ]

        reach("notifier.intake.before")
        moves = [Move(at, self._at[at], end) for at, end in sorted(ends.items())]
        opened = self._store.take_in(moves, plan, self._clock())
        reach("notifier.intake.after")
        self._at.update({move.at: Checkpoint(move.next_offset, move.checkpoint.version + 1) for move in moves})
        self._consumer.show_progress(ends)
        OPENED.inc(opened)
        offsets = {str(at.partition): end for at, end in sorted(ends.items())}
        logger.info("lead events taken in", extra={"offsets": offsets, "lead_events": len(events), "opened": opened})
        return opened


def _lead_event(record: Record) -> LeadEvent | str:
    """The lead event, or why nothing may be taken in from here on."""
    where = f"{record.topic}[{record.partition}] offset {record.offset}"
    try:
        message = decode(record.value)
    except UndecodableError as error:
        remedy = "Nothing is skipped: run the version that wrote it, or a newer one."
        return f"The lead event at {where} cannot be read ({error}). {remedy}"
    if not isinstance(message, LeadEvent):
        return f"The record at {where} is a {type(message).__name__}, not a lead event: another program wrote it."
    return message


def _another(now: TopicState, known: TopicState) -> str:
    return (
        f"Topic {now.name} was deleted and created again (its id is {now.id}, the database knows {known.id}): the notifier's "
        "checkpoints mean nothing in it. Restore the topic with the database of the same time, or begin with an empty database "
        "and empty topics."
    )


def _outside(at: TopicPartition, checkpoint: Checkpoint, error: str) -> str:
    return (
        f"The notifier's checkpoint for {at.topic}[{at.partition}] is offset {checkpoint.next_offset}, which the log does not "
        f"hold ({error}). Log and database do not belong together, or retention was shorter than the notifier's downtime. "
        "Restore the log that belongs to this database; or, to go on at the earliest record, delete that row of "
        "notifier_checkpoints."
    )
