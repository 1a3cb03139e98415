"""Each peer: how it is started, what its own documents promise of its state and output, and what it does not do of our job."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.install import HERE, PEERS, STREAMS

Command = list[str | Path]
NOBODY_DOES = (
    "no peer recognises an event sent twice, takes back what a late event disproves, wakes for an account by time alone, keeps "
    "the evidence of a signal, or lets the rules be changed while it runs: that would have to be written"
)


@dataclass(frozen=True, slots=True)
class Start:
    """What a peer is started with: brokers, topics, a name that nobody used yet, and an empty folder."""

    brokers: str
    topic_in: str
    topic_out: str
    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Peer:
    title: str
    command: Callable[[Start], Command]
    promises: str
    lacks: str


def _streams(guarantee: str) -> Callable[[Start], Command]:
    classes = f"{STREAMS}/classes:{STREAMS}/dependency/*"

    def command(start: Start) -> Command:
        java = ["java", "-cp", classes, "Peer"]
        return [*java, start.brokers, start.name, start.topic_in, start.topic_out, start.folder, guarantee]

    return command


def _quix(start: Start) -> Command:
    program = [PEERS / "quix" / "bin" / "python", HERE / "quix_job.py"]
    return [*program, start.brokers, start.name, start.topic_in, start.topic_out, start.folder]


def _bytewax(start: Start) -> Command:
    program = [PEERS / "bytewax" / "bin" / "python", HERE / "bytewax_job.py"]
    return [*program, start.brokers, start.topic_in, start.topic_out, start.folder]


KEPT_IN_ROCKSDB = "state in RocksDB and in a changelog topic"
ENGINES = {
    "kafka-streams": Peer(
        "Kafka Streams 4.1.0, exactly_once_v2",
        _streams("exactly_once_v2"),
        f"{KEPT_IN_ROCKSDB}; state, output and position in one Kafka transaction every 100 ms",
        "its results lie in Kafka alone: a database that they are to be read from needs a connector, outside of the transaction",
    ),
    "kafka-streams-alo": Peer(
        "Kafka Streams 4.1.0, at_least_once",
        _streams("at_least_once"),
        f"{KEPT_IN_ROCKSDB}; committed every 30 s",
        "what came since the last commit is read again after a crash, counted twice and said twice",
    ),
    "quix": Peer(
        "Quix Streams 3.28.1, at-least-once",
        _quix,
        f"{KEPT_IN_ROCKSDB}; flushed and committed every 5 s",
        "what came since the last commit is read again after a crash, and said twice",
    ),
    "bytewax": Peer(
        "Bytewax 0.21.1",
        _bytewax,
        "state in memory, snapshotted into SQLite on the same machine every 10 s",
        "what came since the last snapshot is read again after a crash, and said twice; with its disk all state is lost",
    ),
}
