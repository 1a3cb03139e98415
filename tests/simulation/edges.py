"""The edges of the simulated machine: log, database, commit thread and receiver, each real or played, each with its faults."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from eventlog.port import Consumer, Entry, Log, LogError, Producer, Record, Topic, TopicPartition, TopicState
from notifier.core.answers import Answer, ErrorKind
from notifier.sender import Sender
from tests.simulation.chaos import Chaos, Crash


class FaultyLog:
    """A real log whose appends and polls go wrong now and then."""

    kind = "simulated"

    def __init__(self, log: Log, chaos: Chaos) -> None:
        self._log = log
        self._chaos = chaos
        self.late: list[Callable[[], None]] = []
        """Appends that their callers were told had failed, and that arrive all the same."""

    def ensure_topics(self, topics: Sequence[Topic]) -> Mapping[str, TopicState]:
        return self._log.ensure_topics(topics)

    def topics(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        return self._log.topics(names)

    def producer(self) -> Producer:
        return _FaultyProducer(self._log.producer(), self._chaos, self.late)

    def consumer(self, topics: Sequence[str], group: str | None = None) -> Consumer:
        return _FaultyConsumer(self._log.consumer(topics, group), self._chaos)

    def close(self) -> None:
        self._log.close()


class _FaultyProducer:
    def __init__(self, producer: Producer, chaos: Chaos, late: list[Callable[[], None]]) -> None:
        self._producer = producer
        self._chaos = chaos
        self._late = late

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        kinds = ("append lost", "append unknown", "append doubled", "append late")
        fault = self._chaos.one_of([(kind, 0.03) for kind in kinds])
        if fault is None and len(entries) > 1:
            fault = self._chaos.one_of([("append partial", 0.08)])
        written = {"append lost": 0, "append late": 0, "append partial": len(entries) // 2}.get(fault or "", len(entries))
        if written:
            self._producer.append(entries[:written], timeout_s)
        if fault == "append doubled":
            self._producer.append(entries, timeout_s)
        elif fault == "append late":
            self._late.append(lambda: self._producer.append(entries, timeout_s))
        if fault not in (None, "append doubled"):
            raise LogError(f"{fault}, says the simulation")

    def close(self) -> None:
        self._producer.close()


class _FaultyConsumer:
    def __init__(self, consumer: Consumer, chaos: Chaos) -> None:
        self._consumer = consumer
        self._chaos = chaos

    def poll(self, timeout_s: float, max_bytes: int) -> list[Record]:
        if self._chaos.happens("poll failed", 0.02):
            raise LogError("poll failed, says the simulation")
        return self._consumer.poll(timeout_s, 1 if self._chaos.happens("poll cut", 0.3) else max_bytes)

    @property
    def generation(self) -> int:
        return self._consumer.generation

    def assignment(self) -> frozenset[TopicPartition]:
        return self._consumer.assignment()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._consumer.seek(partition, offset)

    def release(self, partition: TopicPartition) -> None:
        self._consumer.release(partition)

    def beginning_offsets(self) -> Mapping[TopicPartition, int]:
        return self._consumer.beginning_offsets()

    def end_offsets(self) -> Mapping[TopicPartition, int]:
        return self._consumer.end_offsets()

    def show_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        self._consumer.show_progress(positions)

    def wake(self) -> None:
        self._consumer.wake()

    def close(self) -> None:
        self._consumer.close()


def make_faulty(engine: sa.Engine, chaos: Callable[[], Chaos]) -> None:
    """Its commits fail now and then: with nothing written, or with all of it."""

    def on_commit(connection: sa.Connection) -> None:
        fault = chaos().one_of([("commit refused", 0.02), ("commit unknown", 0.03)])
        if fault == "commit unknown":
            connection.connection.commit()
        if fault is not None:
            raise sa.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError(f"{fault}, says the simulation"))

    sa.event.listen(engine, "commit", on_commit)


class Committer(Executor):
    """The detector's second thread: runs a commit at once, or only when somebody waits for it. Nothing once it is dead."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self.dead = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future = _Commit(lambda: fn(*args, **kwargs), self)
        if not self._chaos.happens("commit slow", 0.3):
            future.run()
        return future


class _Commit(Future[Any]):
    def __init__(self, commit: Callable[[], Any], committer: Committer) -> None:
        super().__init__()
        self._commit = commit
        self._committer = committer

    def run(self) -> None:
        if self.done():
            return
        if self._committer.dead:
            self.set_exception(Crash())
            return
        try:
            self.set_result(self._commit())
        except Crash:
            raise
        except BaseException as error:
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        self.run()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.run()
        return super().exception(timeout)


class Inline(ThreadPoolExecutor):
    """The event loop's threads: what they are given is done at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Receiver:
    """What the sales team's program has got: id -> body. It must never get another body under the same id."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self.got: dict[str, bytes] = {}
        self.requests = 0

    def take(self, webhook_id: str, body: bytes) -> Answer:
        self.requests += 1
        if self._chaos.happens("receiver refuses", 0.05):
            return Answer(status=503, error=ErrorKind.HTTP_STATUS)
        assert self.got.setdefault(webhook_id, body) == body, f"{webhook_id} came with two bodies"
        if self._chaos.happens("answer lost", 0.05):
            return Answer(error=ErrorKind.HEADERS_TIMEOUT)
        return Answer(status=200)


class PlayedSender(Sender):
    """The notifier's HTTP client with its wire cut off: what it would send goes straight to the receiver."""

    receiver: Receiver

    async def send(self, endpoint_id: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002
        return self.receiver.take(headers["webhook-id"], body)
