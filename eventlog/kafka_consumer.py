"""Reads partitions of Kafka topics: takes positions from its caller, gives records bounded by bytes. No group, no commits."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import kafka
import kafka.errors
from kafka import KafkaConsumer

from eventlog.kafka_client import REACH_WITHIN_S, errors_explained, open_client
from eventlog.port import LogError, OffsetOutOfRangeError, Record, TopicPartition, TopicState

WAKE_WITHIN_S = 0.1
"""kafka-python cannot be woken, so a poll waits in slices of this length."""
POLL_RECORDS_MAX = 1000
FETCH_WAITS_MS = 50
"""What the client has read and we have not taken yet it leaves out of its next request, and sends no other while that one waits
for records. So a record may lie at the broker for so long before it is asked for; by the client's own choice, 500 ms."""
FETCH_BYTES_MAX = 16 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 8 * 1024 * 1024
"""The more of one partition, the more events of each account are in a fetch; and the longer others wait for their turn."""
LOOK_AFTER_S = 5.0
"""Polls that together gave nothing for so long: we look whether the brokers have something for us. Twice in a row is a stall."""
LOOK_AT_TOPICS_S = 10
"""A topic that is deleted and created again between two fetches is noticed within this time."""

_log = logging.getLogger("eventlog")


class KafkaLogConsumer:
    """Reads all partitions of `topics` (by name, as they are).

    The client is built anew when polls of `look_after_s` together gave nothing, though the brokers had something for us, and then
    once more, for the first may just have come: releases of kafka-python 3.0 were seen to stall, and nothing else helped.
    """

    def __init__(self, bootstrap: str, prefix: str, topics: Mapping[str, TopicState], look_after_s: float = LOOK_AFTER_S) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._topic_ids = {name: state.id for name, state in topics.items()}
        self._assignment = frozenset(TopicPartition(name, n) for name, s in topics.items() for n in range(s.partitions))
        self._generation = 1
        self._positions: dict[TopicPartition, int] = {}
        """The next offset to give to our caller."""
        self._surplus: deque[Record] = deque()
        """Polled from the client and not given yet."""
        self._woken = threading.Event()
        self._look_after_s = look_after_s
        self._quiet_s = 0.0
        """How long polls have waited since the last record, or look; the time between polls does not count."""
        self._suspicion: str | None = None
        """What looked like a stall at the last look, unless a record has come since."""
        self._consumer = self._connect()

    def _connect(self, **group: Any) -> Any:
        return open_client(
            KafkaConsumer,
            self._bootstrap,
            self._opened,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            fetch_max_wait_ms=FETCH_WAITS_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
            max_poll_records=POLL_RECORDS_MAX,
            reconnect_backoff_max_ms=1000,
            metadata_max_age_ms=LOOK_AT_TOPICS_S * 1000,
            **{"client_id": "handraiser", "group_id": None, **group},
        )

    def _opened(self, network: Any) -> None:
        self._network = network

    @property
    def generation(self) -> int:
        return self._generation

    def assignment(self) -> frozenset[TopicPartition]:
        return self._there()

    def _there(self) -> frozenset[TopicPartition]:
        """Also what was added to the topics since: the client hears of it within LOOK_AT_TOPICS_S."""
        now = {name: self._network.cluster.partitions_for_topic(self._prefix + name) or () for name in self._topic_ids}
        return self._assignment.union(TopicPartition(name, n) for name, numbers in now.items() for n in numbers)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        first = self._offsets("beginning_offsets", [partition])[partition]
        end = self._offsets("end_offsets", [partition])[partition]
        if not first <= offset <= end:
            raise OffsetOutOfRangeError(
                f"Offset {offset} of {self._prefix}{partition.topic}/{partition.partition} is not in Kafka, which holds {first} "
                f"to {end}: its retention passed it, or the topic was replaced. Restore the topic that belongs to this database."
            )
        self._drop_surplus(partition)
        is_new = partition not in self._positions
        self._positions[partition] = offset
        self._place(partition, offset, is_new)

    def release(self, partition: TopicPartition) -> None:
        self._drop_surplus(partition)
        if self._positions.pop(partition, None) is not None:
            self._displace(partition)

    def _drop_surplus(self, partition: TopicPartition) -> None:
        self._surplus = deque(record for record in self._surplus if (record.topic, record.partition) != partition)

    def _place(self, partition: TopicPartition, offset: int, is_new: bool) -> None:
        """Let the client fetch from `offset`."""
        if is_new:  # the client is assigned only what has a position, or it would look for one by itself
            self._consumer.assign([self._theirs(each) for each in self._positions])
        self._consumer.seek(self._theirs(partition), offset)

    def _displace(self, partition: TopicPartition) -> None:  # noqa: ARG002
        """Let the client fetch it no more."""
        if self._positions:  # without any it is not polled
            self._consumer.assign([self._theirs(each) for each in self._positions])

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
        if not self._is_reading():
            self._woken.wait(timeout_s)
            return
        began = time.monotonic()
        try:
            with errors_explained(self._bootstrap):
                polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        except LogError as error:
            if isinstance(error.__cause__, kafka.errors.OffsetOutOfRangeError):
                self._forget()  # or every poll would raise it again
                raise OffsetOutOfRangeError(
                    f"Kafka at {self._bootstrap} no longer holds what was to be read next ({error.__cause__}): retention passed "
                    "it. Give the topic a longer retention.ms on the brokers, and restore what was lost from a backup."
                ) from error
            raise
        if another := self._made_anew():
            self._drop_another(another)
            return
        for theirs, records in polled.items():
            topic, partition = self._ours(theirs)
            self._surplus += (Record(topic, partition, got.offset, got.timestamp, got.value) for got in records)
        if polled:
            self._quiet_s, self._suspicion = 0.0, None
            return
        self._quiet_s += time.monotonic() - began
        if self._quiet_s > self._look_after_s:
            self._look_for_stall()

    def _forget(self) -> None:
        """Nothing more is read before it is sought anew."""
        self._positions = {}
        self._surplus.clear()

    def _made_anew(self) -> str | None:
        """A topic that is another one than it was. To the client the name is enough: it reads on at the same offset."""
        for name, known in self._topic_ids.items():
            now = self._network.cluster.topic_id(self._prefix + name)
            if now is not None and str(now) != known:
                self._topic_ids[name] = str(now)
                return name
        return None

    def _drop_another(self, topic: str) -> None:
        raise LogError(f"Topic {self._prefix}{topic} was deleted and created again while it was being read. Begin again.")

    def _is_reading(self) -> bool:
        return bool(self._positions)

    def _take(self, max_bytes: int) -> list[Record]:
        taken: list[Record] = []
        while self._surplus and (not taken or len(self._surplus[0].value) <= max_bytes):
            record = self._surplus.popleft()
            max_bytes -= len(record.value)
            taken.append(record)
            self._positions[TopicPartition(record.topic, record.partition)] = record.next_offset
        return taken

    def _look_for_stall(self) -> None:
        self._quiet_s = 0.0
        before, self._suspicion = self._suspicion, self._stall()
        if self._suspicion is not None and self._suspicion == before:
            _log.warning("the Kafka client stalled and is built anew", extra={"why": before})
            self._suspicion = None
            self._rebuild()

    def _stall(self) -> str | None:
        """What looks like one, None if nothing does."""
        ends = self.end_offsets()
        lag = sum(ends[partition] - position for partition, position in self._positions.items())
        return "records wait" if lag > 0 else None

    def _rebuild(self) -> None:
        fresh = self._connect()
        self._consumer.close()
        self._consumer = fresh
        self._consumer.assign([self._theirs(partition) for partition in self._positions])
        for partition, position in self._positions.items():
            self._consumer.seek(self._theirs(partition), position)

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        return self._offsets("beginning_offsets", self._there())

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        return self._offsets("end_offsets", self._there())

    def _offsets(self, which: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        theirs = [self._theirs(partition) for partition in partitions]
        with errors_explained(self._bootstrap):
            offsets = getattr(self._consumer, which)(theirs, timeout_ms=REACH_WITHIN_S * 1000)
        return {self._ours(partition): offset for partition, offset in offsets.items()}

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """Without a group there is nobody to show it to."""

    def _theirs(self, partition: TopicPartition) -> kafka.TopicPartition:
        return kafka.TopicPartition(self._prefix + partition.topic, partition.partition)

    def _ours(self, partition: kafka.TopicPartition) -> TopicPartition:
        return TopicPartition(partition.topic.removeprefix(self._prefix), partition.partition)

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._consumer.close()
