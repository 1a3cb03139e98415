"""Runs peers over the events: `python -m benchmarks.peers.run [NAME …] [--events N] [--accounts N] [--access zipf] [--runs N]`.

Each on one core, warm, and measured as ours is; what it says must be what the plain loop says, event counts included.
"""

import argparse
import os
import subprocess
import uuid

from kafka import KafkaAdminClient

from benchmarks.events import ACCESS, PROJECT, Shape, usage_events
from benchmarks.job import PlainLoop, Signal, their_signals
from benchmarks.measure import report
from benchmarks.peers.engines import ENGINES, NOBODY_DOES, Start
from benchmarks.peers.install import HERE, PEERS, install
from benchmarks.servers import disk_folder, kafka
from benchmarks.service import service
from benchmarks.steady import KafkaOutput, Marks, Steady, watch
from contracts.codec import encode_event
from contracts.messages import UsageEvent
from contracts.partition import partition_of
from runtime.clock import wall_clock

EVENTS_DEFAULT = 2_500_000
PARTITIONS = 8


class Feed:
    """The first `count` events after the warm-up in; a topic with one event a record, and what must come of it, out."""

    def __init__(self, shape: Shape, count: int) -> None:
        self.topic = new_topic("events")
        self.marks = Marks()
        self._count = count
        self._left = shape.before + count
        self._loop = PlainLoop()
        python = PEERS / "quix" / "bin" / "python"
        self._feeder = subprocess.Popen([python, HERE / "feed.py", kafka(), self.topic], stdin=subprocess.PIPE)

    @property
    def signals(self) -> set[Signal]:
        return self._loop.signals

    def add(self, event: UsageEvent) -> None:
        if self._left == 0:
            return
        assert self._feeder.stdin is not None
        account = str(event.account)
        partition = partition_of(PROJECT, account, PARTITIONS)
        self._feeder.stdin.write(b"%d\t%s\t%s\n" % (partition, account.encode(), encode_event(event)))
        self._loop.take(event)
        self.marks.add(partition, account)
        self._left -= 1
        if self._left == self._count:
            self.marks.warm_up_ends()

    def close(self) -> None:
        """All of it is in the topic."""
        assert self._feeder.stdin is not None
        self._feeder.stdin.close()
        assert self._feeder.wait() == 0, "the peers' topic could not be filled"


def new_topic(name: str) -> str:
    """With durable defaults, as our own are."""
    topic = f"peer_{uuid.uuid4().hex[:8]}_{name}"
    admin = KafkaAdminClient(bootstrap_servers=kafka())
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    admin.wait_for_topics([topic])
    admin.close()
    return topic


def run_peer(name: str, feed: Feed) -> Steady:
    """One run of a peer that starts from nothing."""
    topic_out, called = new_topic("signals"), f"{name}-{uuid.uuid4().hex[:8]}"
    output = KafkaOutput(kafka(), topic_out, PARTITIONS)
    try:
        with disk_folder() as folder:
            command = ENGINES[name].command(Start(kafka(), feed.topic, topic_out, called, folder / "state"))
            with service(command, folder / "printed", os.environ) as pid:
                return watch([pid], output, their_signals, feed.marks, feed.signals)
    finally:
        output.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(ENGINES), metavar="NAME", help=", ".join(ENGINES))
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT)
    parser.add_argument("--accounts", type=int, default=Shape().accounts)
    parser.add_argument("--access", choices=ACCESS, default=Shape().access)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    shape = Shape(arguments.accounts, arguments.access)
    install()
    feed = Feed(shape, arguments.events)
    for event in usage_events(shape, shape.before + arguments.events, wall_clock()):
        feed.add(event)
    feed.close()
    rows = [(ENGINES[name].title, str(run_peer(name, feed))) for _ in range(arguments.runs) for name in arguments.names]
    notes = [(ENGINES[name].title, f"{ENGINES[name].promises}; {ENGINES[name].lacks}") for name in arguments.names]
    report(f"Peers, {shape}", [*rows, *notes, ("all of them", NOBODY_DOES)])


if __name__ == "__main__":
    main()
