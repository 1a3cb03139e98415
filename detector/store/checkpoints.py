"""Checkpoints: who owns a partition, where it stands, and what stopped it; and the topics that they belong to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from detector import tables
from detector.changes import Checkpoint, Move
from detector.store.bulk import insert
from eventlog.port import TopicPartition, TopicState


class TopicMismatchError(Exception):
    """The log is not the one that the stored facts were made from; the message says what to do."""


class PartitionLostError(Exception):
    """A checkpoint's version moved: somebody else owns the partition now. Nothing was written."""

    def __init__(self, partition: TopicPartition) -> None:
        super().__init__(f"{partition.topic}/{partition.partition} was acquired by another worker")
        self.partition = partition


@dataclass(frozen=True, slots=True)
class Standing:
    """A stored checkpoint as health reads it."""

    partition: TopicPartition
    next_offset: int
    owner: str
    time: int
    halted: str | None
    committed_at: int


def _is(partition: TopicPartition) -> sa.ColumnElement[bool]:
    c = tables.checkpoints.c
    return (c.topic == partition.topic) & (c.partition == partition.partition)


class Checkpoints:
    """Every worker acquires a partition before it loads any of its facts, and swaps the version in every transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def acquire(self, partition: TopicPartition, owner: str, earliest: int, now: int) -> Checkpoint:
        """Take the partition: whoever had it fails at its next swap. No checkpoint yet: it begins at `earliest`."""
        return self.acquire_all({partition: earliest}, owner, now)[partition]

    def acquire_all(self, earliest: Mapping[TopicPartition, int], owner: str, now: int) -> dict[TopicPartition, Checkpoint]:
        """Take these partitions, all or none of them."""
        with self._engine.begin() as tx:  # in the order of `swap`
            return {at: _acquire(tx, at, owner, earliest[at], now) for at in sorted(earliest)}

    def halt(self, partition: TopicPartition, version: int, reason: str) -> None:
        """Say why a partition stands still; where it stands does not change. `acquire` clears it.

        Nothing is said of a partition whose version is another one: it is somebody else's by now.
        """
        is_ours = _is(partition) & (tables.checkpoints.c.version == version)
        with self._engine.begin() as tx:
            tx.execute(sa.update(tables.checkpoints).where(is_ours).values(halted=reason))

    def standings(self) -> list[Standing]:
        """Every partition that was ever acquired, in order."""
        c = tables.checkpoints.c
        query = sa.select(c.topic, c.partition, c.next_offset, c.owner, c.partition_time, c.halted, c.committed_at)
        with self._engine.connect() as tx:
            rows = tx.execute(query.order_by(c.topic, c.partition)).all()
        return [Standing(TopicPartition(r[0], r[1]), *r[2:]) for r in rows]

    def check_topics(self, states: Iterable[TopicState]) -> dict[str, TopicState]:
        """The topics as this database knows them, by name; each is remembered as it is at first sight.

        Where an account's events lie follows from the number of partitions of then: what was added later is nobody's. Raises
        TopicMismatchError if all of them are others. One that is another among them is for its readers to stop at: the rest may
        go on.
        """
        states = list(states)
        with self._engine.begin() as tx:
            rows = [(state.name, state.partitions, state.id) for state in states]
            insert(tx, tables.topics, ("name", "partitions", "topic_id"), rows, "ON CONFLICT (name) DO NOTHING")
        known = self.topics()
        if all(state.id != known[state.name].id for state in states):
            refuse_another(states[0], known[states[0].name])
        return {state.name: known[state.name] for state in states}

    def topics(self) -> dict[str, TopicState]:
        """Every topic as it was at first sight, by name."""
        t = tables.topics.c
        with self._engine.connect() as tx:
            return {row[0]: TopicState(*row) for row in tx.execute(sa.select(t.name, t.partitions, t.topic_id))}


_c = tables.checkpoints.c
_TAKE = (
    sa.update(tables.checkpoints)
    .where(_c.topic == sa.bindparam("t"), _c.partition == sa.bindparam("p"))
    .values(version=_c.version + 1, owner=sa.bindparam("me"), halted=None)
    .returning(_c.next_offset, _c.version, _c.partition_time)
)
_SWAP = (
    sa.update(tables.checkpoints)
    .where(_c.topic == sa.bindparam("t"), _c.partition == sa.bindparam("p"), _c.version == sa.bindparam("v"))
    .values(
        next_offset=sa.bindparam("next"),
        version=_c.version + 1,
        partition_time=sa.bindparam("time"),
        halted=sa.bindparam("why"),
        committed_at=sa.bindparam("now"),
    )
)


def _acquire(tx: sa.Connection, partition: TopicPartition, owner: str, earliest: int, now: int) -> Checkpoint:
    row = tx.execute(_TAKE, {"t": partition.topic, "p": partition.partition, "me": owner}).one_or_none()
    if row is not None:
        return Checkpoint(next_offset=row[0], version=row[1], time=row[2])
    tx.execute(
        sa.insert(tables.checkpoints).values(
            topic=partition.topic,
            partition=partition.partition,
            next_offset=earliest,
            version=1,
            owner=owner,
            partition_time=0,
            halted=None,
            committed_at=now,
        )
    )
    return Checkpoint(next_offset=earliest, version=1, time=0)


def refuse_another(state: TopicState, known: TopicState) -> None:
    """Raises TopicMismatchError unless the topic is the one that the database knows."""
    if state.id != known.id:
        raise TopicMismatchError(
            f"Topic {state.name} was deleted and created again (its id is {state.id}, the database knows {known.id}): the stored "
            "checkpoints mean nothing in it. Point Handraiser at the log that this database belongs to, or start with an empty "
            "database."
        )


def swap(tx: sa.Connection, moves: Sequence[Move], now: int) -> None:
    """Advance each checkpoint if its version is still ours. Raises PartitionLostError; the caller's transaction rolls back."""
    # One order for all workers: two that fight over the same partitions must not wait for each other in a circle.
    for move in sorted(moves, key=lambda m: m.partition):
        values = {"t": move.partition.topic, "p": move.partition.partition, "v": move.version}
        values |= {"next": move.next_offset, "time": move.time, "why": move.halted, "now": now}
        if tx.execute(_SWAP, values).rowcount != 1:
            raise PartitionLostError(move.partition)
