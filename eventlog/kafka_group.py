"""A member of a consumer group: reads the partitions that Kafka's group protocol gives it, from positions of its caller.

Committed offsets are written for tools that show a group's lag, and never read: what was committed to the database decides.
"""

import logging
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import kafka
from kafka import ConsumerRebalanceListener, OffsetAndMetadata
from kafka.errors import KafkaError

from eventlog.kafka_client import REACH_WITHIN_S, errors_explained
from eventlog.kafka_consumer import LOOK_AFTER_S, KafkaLogConsumer
from eventlog.kafka_dealing import DealingAssignor
from eventlog.port import LogError, TopicPartition, TopicState

SESSION_TIMEOUT_S = 6
"""The least that brokers accept by default: a member that says nothing for so long has lost its partitions."""
HEARTBEAT_S = 1
"""A member hears of a change within this time."""
POLL_WITHIN_S = 60
"""A member that does not poll for so long (a hanging database) leaves the group, and others wait no longer for it."""
JOIN_POLL_S = 1.0
JOIN_WITHIN_S = POLL_WITHIN_S + 15
"""A client that was not given an assignment for so long has stalled."""
SHOW_EVERY_S = 1.0

_log = logging.getLogger("eventlog")


class KafkaGroupConsumer(KafkaLogConsumer):
    """Partitions are shared out by topic, as evenly as they go (`DealingAssignor`): each has its part of every topic's load.

    A poll that finds the group being shared out lasts until that is done. kafka-python 3.0.12 throws away an assignment that
    comes while nobody waits for it, and joins again, which makes all others join again: with short polls a group of three was
    seen to do nothing else for as long as we looked.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        topics: Mapping[str, TopicState],
        group: str,
        look_after_s: float = LOOK_AFTER_S,
    ) -> None:
        self._group = group
        self._joined = False
        self._left_at = time.monotonic()
        """When it was that we last had no part in a generation."""
        self._joined_in = -1
        """The group's own count of how often it was shared out."""
        self._progress: dict[kafka.TopicPartition, OffsetAndMetadata] = {}
        self._show_at = 0.0
        super().__init__(bootstrap, prefix, topics, look_after_s)
        self._assignment = frozenset()

    def _connect(self, **group: Any) -> Any:
        client = super()._connect(
            client_id=f"handraiser-{self._group}",
            group_id=self._prefix + self._group,
            partition_assignment_strategy=[DealingAssignor],
            session_timeout_ms=SESSION_TIMEOUT_S * 1000,
            heartbeat_interval_ms=HEARTBEAT_S * 1000,
            max_poll_interval_ms=POLL_WITHIN_S * 1000,
            **group,
        )
        topics = [self._prefix + topic for topic in self._topic_ids]
        client.subscribe(topics=topics, listener=_Listener(self))
        try:
            # A leader that does not know the topics yet gives nothing to anybody, and all have to join again.
            with errors_explained(self._bootstrap):
                client.end_offsets([kafka.TopicPartition(topic, 0) for topic in topics], timeout_ms=REACH_WITHIN_S * 1000)
        except LogError:
            client.close(timeout_ms=0)
            raise
        return client

    def assignment(self) -> frozenset[TopicPartition]:
        """None while the group is being shared out."""
        return self._assignment if self._joined else frozenset()

    def _there(self) -> frozenset[TopicPartition]:
        return self._assignment

    def _place(self, partition: TopicPartition, offset: int, is_new: bool) -> None:
        theirs = self._theirs(partition)
        self._consumer.seek(theirs, offset)
        if is_new:
            self._consumer.resume(theirs)

    def _displace(self, partition: TopicPartition) -> None:
        self._consumer.pause(self._theirs(partition))

    def _is_reading(self) -> bool:
        return True

    def _forget(self) -> None:
        super()._forget()
        for at in self._assignment:
            self._consumer.pause(self._theirs(at))

    def _fetch(self, timeout_s: float) -> None:
        if self._progress and time.monotonic() >= self._show_at:
            self._show_at = time.monotonic() + SHOW_EVERY_S
            self._consumer.commit_async(self._progress, callback=partial(self._shown, self._generation))
            self._progress = {}
        super()._fetch(timeout_s)
        while not self._joined and not self._woken.is_set():
            super()._fetch(JOIN_POLL_S)

    def _shown(self, generation: int, offsets: dict[kafka.TopicPartition, OffsetAndMetadata], answer: object) -> None:
        """What the brokers did not take is shown again, unless the group was shared out anew: then others may know better."""
        if isinstance(answer, Exception) and self._joined and generation == self._generation:
            self._progress = offsets | self._progress

    def _drop_another(self, topic: str) -> None:
        """A generation of its own, so that our caller compares what it knows of the topics."""
        _log.warning("a topic was deleted and created again", extra={"topic": topic})
        if self._joined:  # else the generation that comes will do
            self.assigned([self._theirs(at) for at in self._assignment])

    def _stall(self) -> str | None:
        if self._joined:
            return super()._stall()
        # kafka-python 3.0.12 was seen to forget that it was joining, when what made it join was a change of the topics
        generation = self._consumer.group_metadata().generation_id
        if generation > self._joined_in:
            return f"nothing is heard of the group's generation {generation}"
        return "the group is not joined" if time.monotonic() - self._left_at > JOIN_WITHIN_S else None

    def _rebuild(self) -> None:
        """As a new member: what it gets, and from where it reads, is settled anew."""
        fresh = self._connect()
        self._consumer.close(timeout_ms=REACH_WITHIN_S * 1000)
        self._consumer = fresh
        self.lost()

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        self._progress |= {
            self._theirs(at): OffsetAndMetadata(offset) for at, offset in positions.items() if at in self._assignment
        }

    def close(self) -> None:
        progress, self._progress = self._progress, {}
        if progress:
            with suppress(KafkaError):
                self._consumer.commit(progress, timeout_ms=REACH_WITHIN_S * 1000)
        self._consumer.close(timeout_ms=REACH_WITHIN_S * 1000)

    # what the group says

    def revoked(self) -> None:
        """The group is being shared out anew: nothing more is given, and what was given may still be worked off."""
        self._joined, self._left_at = False, time.monotonic()
        self._quiet_s, self._suspicion = 0.0, None
        super()._forget()
        self._progress = {}

    def lost(self) -> None:
        """The group has gone on without us."""
        self.revoked()
        self._assignment = frozenset()
        self._generation += 1

    def assigned(self, partitions: Collection[kafka.TopicPartition]) -> None:
        """What the group gives us, all of it: also of what we had, nothing is read before it is sought anew."""
        self.revoked()  # kafka-python does not say so every time
        for theirs in partitions:
            self._consumer.pause(theirs)
            self._consumer.seek(theirs, 0)  # any offset: without one the client would ask for what was committed
        self._assignment = frozenset(map(self._ours, partitions))
        self._generation += 1
        self._joined, self._joined_in = True, self._consumer.group_metadata().generation_id
        _log.info("partitions assigned", extra={"group": self._group, "partitions": _counts(self._assignment)})


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Called on kafka-python's thread, while a poll or a close of ours waits for it: nothing here may block."""

    def __init__(self, consumer: KafkaGroupConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Collection[kafka.TopicPartition]) -> None:  # noqa: ARG002
        self._consumer.revoked()

    def on_partitions_lost(self, lost: Collection[kafka.TopicPartition]) -> None:  # noqa: ARG002
        self._consumer.lost()

    def on_partitions_assigned(self, assigned: Collection[kafka.TopicPartition]) -> None:
        self._consumer.assigned(assigned)


def _counts(partitions: Collection[TopicPartition]) -> dict[str, int]:
    topics = sorted({at.topic for at in partitions})
    return {topic: sum(at.topic == topic for at in partitions) for topic in topics}
