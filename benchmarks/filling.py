"""Fills a log before a detector reads it: events in; frames as ingest makes them under load, and what must come of them, out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.events import PROJECT, Shape, usage_events
from benchmarks.job import PlainLoop, Signal
from benchmarks.steady import Marks
from contracts.codec import encode, encode_events
from contracts.messages import EVENTS, RulebookSwitch, UsageEvent
from contracts.partition import partition_of
from eventlog.port import Entry, Producer, TopicState
from handraiser.ground import Ground
from runtime.clock import wall_clock

FRAME_EVENTS = 128
APPEND_ENTRIES = 256
APPEND_TIMEOUT_S = 60


@dataclass(slots=True)
class Filled:
    """What lies in the log. `bytes_each`: of a line, on average. `signals`: what must come of it."""

    events: int = 0
    bytes_each: int = 0
    marks: Marks = field(default_factory=Marks)
    signals: set[Signal] = field(default_factory=set)

    def told_by_us(self) -> set[Signal]:
        """We do not say how many events of the day there were."""
        return {signal._replace(events=None) for signal in self.signals}


class Frames:
    """Events in, records of `frame_events` events out, in one topic."""

    def __init__(self, producer: Producer, topic: TopicState, frame_events: int = FRAME_EVENTS) -> None:
        self._producer = producer
        self._topic = topic
        self._frame_events = frame_events
        self.bytes = 0
        self._events: dict[int, list[UsageEvent]] = {}
        self._entries: list[Entry] = []

    def add(self, key: str, event: UsageEvent) -> int:
        """The partition that it goes to."""
        partition = partition_of(PROJECT, key, self._topic.partitions)
        events = self._events.setdefault(partition, [])
        events.append(event)
        if len(events) == self._frame_events:
            self._close(partition)
        if len(self._entries) >= APPEND_ENTRIES:
            self._append()
        return partition

    def flush(self) -> None:
        for partition in list(self._events):
            self._close(partition)
        self._append()

    def _close(self, partition: int) -> None:
        values = encode_events(self._events.pop(partition))
        self.bytes += sum(map(len, values))
        self._entries += [Entry(self._topic.name, partition, value) for value in values]

    def _append(self) -> None:
        self._producer.append(self._entries, APPEND_TIMEOUT_S)
        self._entries = []


def switch_rulebook(ground: Ground, topic: str) -> None:
    """From here on the topic is read by the first version of the rulebook."""
    producer, switch = ground.log.producer(), encode(RulebookSwitch(project=PROJECT, version=1))
    producer.append([Entry(topic, number, switch) for number in range(ground.topics[topic].partitions)], APPEND_TIMEOUT_S)
    producer.close()


def with_account(event: UsageEvent) -> Iterator[tuple[str, UsageEvent]]:
    """How it is sent: (key, event)."""
    yield str(event.account), event


def fill(
    ground: Ground,
    shape: Shape,
    count: int,
    *,
    topic: str = EVENTS,
    sent_as: Callable[[UsageEvent], Iterator[tuple[str, UsageEvent]]] = with_account,
    frame_events: int = FRAME_EVENTS,
    also: Sequence[Callable[[UsageEvent], None]] = (),
) -> Filled:
    """The warm-up and `count` events more into the empty `topic`. Each is given to `also` as well."""
    switch_rulebook(ground, topic)
    producer, filled, loop = ground.log.producer(), Filled(), PlainLoop()
    frames = Frames(producer, ground.topics[topic], frame_events)
    for event in usage_events(shape, shape.before + count, wall_clock()):
        loop.take(event)
        for key, sent in sent_as(event):
            partition = frames.add(key, sent)
        filled.marks.add(partition, str(event.account))
        filled.events += 1
        if filled.events == shape.before:
            filled.marks.warm_up_ends()
        for take in also:
            take(event)
    frames.flush()
    producer.close()
    filled.bytes_each = frames.bytes // filled.events
    filled.signals = loop.signals
    return filled
