"""Reads partitions of Kafka topics: takes positions from its caller, gives records bounded by bytes. No group, no commits."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import kafka
import kafka.errors
from kafka import KafkaConsumer

from eventlog.kafka_client import REACH_WITHIN_S, errors_explained, open_client
from eventlog.port import LogError, OffsetOutOfRangeError, Record, TopicPartition

WAKE_WITHIN_S = 0.1
"""kafka-python cannot be woken, so a poll waits in slices of this length."""
POLL_RECORDS_MAX = 1000
FETCH_BYTES_MAX = 16 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 4 * 1024 * 1024
STALLED_AFTER_S = 10.0

_log = logging.getLogger("eventlog")


class KafkaLogConsumer:
    """Reads `partitions` (how many, by topic).

    The client is built anew when polls of `stalled_after_s` together gave nothing, though the brokers had something for us:
    releases of kafka-python 3.0 were seen to stall, and nothing else helped.
    """

    def __init__(
        self, bootstrap: str, prefix: str, partitions: Mapping[str, int], client_id: str, stalled_after_s: float = STALLED_AFTER_S
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._theirs = {
            TopicPartition(name, number): kafka.TopicPartition(prefix + name, number)
            for name, count in partitions.items()
            for number in range(count)
        }
        self._ours = {theirs: ours for ours, theirs in self._theirs.items()}
        self._positions: dict[TopicPartition, int] = {}
        """The next offset to give to our caller."""
        self._surplus: deque[Record] = deque()
        """Polled from the client and not given yet."""
        self._woken = threading.Event()
        self._stalled_after_s = stalled_after_s
        self._quiet_s = 0.0
        """How long polls have waited since the last record; the time between polls does not count."""
        self._consumer = self._connect()

    def _connect(self) -> Any:
        return open_client(
            KafkaConsumer,
            self._bootstrap,
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
            max_poll_records=POLL_RECORDS_MAX,
            reconnect_backoff_max_ms=1000,
        )

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._theirs)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        theirs = self._theirs[partition]
        with errors_explained(self._bootstrap):
            first = self._consumer.beginning_offsets([theirs], timeout_ms=REACH_WITHIN_S * 1000)[theirs]
            end = self._consumer.end_offsets([theirs], timeout_ms=REACH_WITHIN_S * 1000)[theirs]
        if not first <= offset <= end:
            raise OffsetOutOfRangeError(
                f"Offset {offset} of {theirs.topic}/{theirs.partition} is not in Kafka, which holds {first} to {end}: its "
                "retention passed it, or the topic was replaced. Restore the topic that belongs to this database."
            )
        self._surplus = deque(record for record in self._surplus if (record.topic, record.partition) != partition)
        is_new = partition not in self._positions
        self._positions[partition] = offset
        if is_new:  # the client is assigned only what has a position, or it would look for one by itself
            self._consumer.assign([self._theirs[each] for each in self._positions])
        self._consumer.seek(theirs, offset)

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:
        deadline = time.monotonic() + timeout_s
        while not self._surplus and not self._woken.is_set():
            left = deadline - time.monotonic()
            self._fetch(max(0.0, min(left, WAKE_WITHIN_S)))
            if left <= 0:
                break
        self._woken.clear()
        return self._take(max_bytes)

    def _fetch(self, timeout_s: float) -> None:
        if not self._positions:
            self._woken.wait(timeout_s)
            return
        began = time.monotonic()
        try:
            with errors_explained(self._bootstrap):
                polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        except LogError as error:
            if isinstance(error.__cause__, kafka.errors.OffsetOutOfRangeError):
                raise OffsetOutOfRangeError(
                    f"Kafka at {self._bootstrap} no longer holds what was to be read next ({error.__cause__}): retention passed "
                    "it. Give the topics a longer retention, and restore what was lost from a backup."
                ) from error
            raise
        for theirs, records in polled.items():
            topic, partition = self._ours[theirs]
            self._surplus += (Record(topic, partition, got.offset, got.timestamp, got.value) for got in records)
        self._quiet_s = 0.0 if polled else self._quiet_s + time.monotonic() - began
        if self._quiet_s > self._stalled_after_s:
            self._look_for_stall()

    def _take(self, max_bytes: int) -> list[Record]:
        taken: list[Record] = []
        while self._surplus and (not taken or len(self._surplus[0].value) <= max_bytes):
            record = self._surplus.popleft()
            max_bytes -= len(record.value)
            taken.append(record)
            self._positions[TopicPartition(record.topic, record.partition)] = record.next_offset
        return taken

    def _look_for_stall(self) -> None:
        ends = self.end_offsets()
        lag = sum(ends[partition] - position for partition, position in self._positions.items())
        if lag > 0:
            _log.warning("the Kafka client stalled and is built anew", extra={"lag": lag, "quiet_s": self._quiet_s})
            self._rebuild()
        self._quiet_s = 0.0

    def _rebuild(self) -> None:
        fresh = self._connect()
        self._consumer.close()
        self._consumer = fresh
        self._consumer.assign([self._theirs[partition] for partition in self._positions])
        for partition, position in self._positions.items():
            self._consumer.seek(self._theirs[partition], position)

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        with errors_explained(self._bootstrap):
            offsets = self._consumer.beginning_offsets(list(self._theirs.values()), timeout_ms=REACH_WITHIN_S * 1000)
        return {self._ours[theirs]: offset for theirs, offset in offsets.items()}

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        with errors_explained(self._bootstrap):
            offsets = self._consumer.end_offsets(list(self._theirs.values()), timeout_ms=REACH_WITHIN_S * 1000)
        return {self._ours[theirs]: offset for theirs, offset in offsets.items()}

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._consumer.close()
