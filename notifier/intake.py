"""Lead events from the log come in; one delivery per matching endpoint, its body frozen, is opened.

The checkpoint moves in the same transaction. Without one, reading begins at the earliest record: an endpoint still hears only
of lead events made since it was (`matching.CLOCK_SKEW_MS_MAX` before that, for the log's clock may be another machine's).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from itertools import groupby

import sqlalchemy as sa

from contracts.codec import UndecodableError, decode
from contracts.messages import LEAD_EVENTS, LeadEvent
from eventlog.port import Consumer, LogError, OffsetOutOfRangeError, Record, TopicPartition
from notifier.core.matching import Subscription, matching
from notifier.core.payload import FORMATS
from notifier.metrics import OPENED
from notifier.store import Checkpoint, CheckpointMovedError, NewDelivery, NotifierStore
from runtime.clock import Clock
from runtime.points import reach

POLL_BYTES_MAX = 1024 * 1024
POLL_S = 5.0
RETRY_S = 1.0

logger = logging.getLogger("notifier")


class IntakeHaltedError(Exception):
    """Lead events cannot be read on without losing some; the message says what to do."""


class Intake:
    """Reads on from the stored checkpoints. One thread at a time, except `stop`."""

    def __init__(self, consumer: Consumer, store: NotifierStore, clock: Clock, base_url: str | None = None) -> None:
        self._consumer = consumer
        self._store = store
        self._clock = clock
        self._base_url = base_url
        self._at: dict[TopicPartition, Checkpoint] = {}
        self._stopping = threading.Event()
        self.halted: str | None = None
        """Why nothing more is taken in, for health; None while all is well."""

    def run_once(self, timeout_s: float) -> int:
        """Take in what the log has, waiting up to `timeout_s` for the first record; how many deliveries were opened.

        Raises IntakeHaltedError, and what log or database raise when they are not there: then call it again.
        """
        self._seek_new_partitions()
        opened = 0
        records = self._consumer.poll(timeout_s, POLL_BYTES_MAX)
        try:
            for at, group in groupby(records, key=lambda record: TopicPartition(record.topic, record.partition)):
                opened += self._take_in(at, list(group))
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
                self.halted = None
            except IntakeHaltedError as error:
                self.halted = str(error)
                logger.error("lead events are not taken in: %s", error)  # noqa: TRY400 - the message says it all
                return
            except (LogError, sa.exc.DBAPIError) as error:
                logger.warning("lead events could not be taken in, trying again", extra={"error": str(error)[:500]})
                self._stopping.wait(RETRY_S)
            except Exception as error:
                self.halted = f"Taking in lead events broke off ({type(error).__name__}, see the log): restart; nothing is lost."
                logger.exception("lead events are not taken in")
                return

    def stop(self) -> None:
        """End `run` soon. From any thread."""
        self._stopping.set()
        self._consumer.wake()

    def _seek_new_partitions(self) -> None:
        new = [at for at in self._consumer.assignment() if at not in self._at]
        if not new:
            return
        stored = self._store.checkpoints(LEAD_EVENTS)
        earliest = self._consumer.beginning_offsets()
        for at in new:
            checkpoint = stored.get(at.partition) or Checkpoint(earliest[at], 0)
            try:
                self._consumer.seek(at, checkpoint.next_offset)
            except OffsetOutOfRangeError as error:
                raise IntakeHaltedError(_outside(at, checkpoint, str(error))) from error
            self._at[at] = checkpoint

    def _take_in(self, at: TopicPartition, records: Sequence[Record]) -> int:
        events = [_lead_event(record) for record in records]

        def plan(subscriptions: Sequence[Subscription]) -> list[NewDelivery]:
            return [
                NewDelivery(subscription.endpoint_id, event, FORMATS[subscription.format](event, self._base_url))
                for subscription, event in matching(subscriptions, events)
            ]

        checkpoint = self._at[at]
        next_offset = records[-1].next_offset
        reach("notifier.intake.before")
        opened = self._store.take_in(at, checkpoint, next_offset, plan, self._clock())
        reach("notifier.intake.after")
        self._at[at] = Checkpoint(next_offset, checkpoint.version + 1)
        OPENED.inc(opened)
        logger.info(
            "lead events taken in",
            extra={"partition": at.partition, "offset": next_offset, "lead_events": len(events), "opened": opened},
        )
        return opened


def _lead_event(record: Record) -> LeadEvent:
    where = f"{record.topic}[{record.partition}] offset {record.offset}"
    try:
        message = decode(record.value)
    except UndecodableError as error:
        raise IntakeHaltedError(
            f"The lead event at {where} cannot be read ({error}). Nothing is skipped: "
            "run the version that wrote it, or a newer one."
        ) from error
    if not isinstance(message, LeadEvent):
        raise IntakeHaltedError(
            f"The record at {where} is a {type(message).__name__}, not a lead event: another program wrote it."
        )
    return message


def _outside(at: TopicPartition, checkpoint: Checkpoint, error: str) -> str:
    return (
        f"The notifier's checkpoint for {at.topic}[{at.partition}] is offset {checkpoint.next_offset}, which the log does not "
        f"hold ({error}). Log and database do not belong together, or retention was shorter than the notifier's downtime. "
        "Restore the log that belongs to this database; or, to go on at the earliest record, delete that row of "
        "notifier_checkpoints."
    )
