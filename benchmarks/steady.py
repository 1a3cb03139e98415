"""A steady state of running engines: their output topic, and the CPU of their processes, in; events a second out.

How far an engine has read shows in its output, the same for every engine: a newcomer's signal says that all before it in its
partition was read, and that what comes of it is public. Measuring begins when every partition is past its warm-up, and ends when
nearly everything was read; then the rest of the output is waited for, and all of it must be what the plain loop says.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition

from benchmarks.events import NEWCOMER
from benchmarks.job import Signal
from benchmarks.measure import cpu_s, resident_mb

NEARLY = 0.97
SAMPLE_EVERY_S = 0.25
SILENT_MAX_S = 90.0
"""An engine that says nothing for so long has failed."""


class Output(Protocol):
    """What an engine has made public since it was opened."""

    def poll(self, timeout_s: float) -> list[bytes]: ...


class KafkaOutput:
    """A topic on Kafka, committed records only."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, isolation_level="read_committed", auto_offset_reset="latest"
        )
        ours = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer.assign(ours)
        for at, end in self._consumer.end_offsets(ours).items():
            self._consumer.seek(at, end)

    def poll(self, timeout_s: float) -> list[bytes]:
        polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=10_000)
        return [record.value for records in polled.values() for record in records]

    def close(self) -> None:
        self._consumer.close()


@dataclass(slots=True)
class Marks:
    """Where the newcomers are in the input: partition, and how many events of it are read with theirs."""

    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    ends: Counter[int] = field(default_factory=Counter)
    warm: dict[int, int] = field(default_factory=dict)
    """Partition -> how many events are warm-up."""

    def add(self, partition: int, account: str) -> None:
        self.ends[partition] += 1
        if account.startswith(NEWCOMER):
            self.places[account] = (partition, self.ends[partition])

    def warm_up_ends(self) -> None:
        self.warm = dict(self.ends)


@dataclass(frozen=True, slots=True)
class Steady:
    """What was measured. `memory_mb`: resident at most, of the whole run. `servers`: CPU seconds of those that were asked for."""

    events: int
    wall_s: float
    cpu_s: float
    memory_mb: float
    servers: dict[str, float] = field(default_factory=dict)

    @property
    def a_core(self) -> float:
        """Events per CPU second."""
        return self.events / self.cpu_s

    @property
    def a_second(self) -> float:
        return self.events / self.wall_s

    def __str__(self) -> str:
        return (
            f"{self.a_core:,.0f} events/s a core; {self.a_second:,.0f} events/s wall; {self.memory_mb:,.0f} MB resident at most; "
            f"{self.wall_s:.0f} s of steady state"
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    cpu: float
    read: int
    servers: dict[str, float]


def watch(
    pids: Sequence[int],
    output: Output,
    signals_of: Callable[[bytes], Iterator[Signal]],
    marks: Marks,
    expected: set[Signal],
    *,
    servers: Mapping[str, int] = MappingProxyType({}),
) -> Steady:
    """Until all of `expected` has come out of processes `pids`. Fails if anything else does, or nothing any more.

    `servers`: name -> process id of what works beside them.
    """
    last = dict.fromkeys(marks.ends, 0)
    for partition, count in marks.places.values():
        last[partition] = max(last[partition], count)
    read = dict.fromkeys(marks.ends, 0)
    found: set[Signal] = set()
    samples: list[_Sample] = []
    heard = time.monotonic()
    while len(found) < len(expected):
        values = output.poll(SAMPLE_EVERY_S)
        for value in values:
            for signal in signals_of(value):
                found.add(signal)
                if signal.account in marks.places:
                    partition, count = marks.places[signal.account]
                    read[partition] = max(read[partition], count)
        now = time.monotonic()
        heard = now if values else heard
        assert now - heard < SILENT_MAX_S, (
            f"nothing more came for {SILENT_MAX_S} s, and {len(expected - found)} signals are missing"
        )
        is_warm = all(count >= marks.warm.get(partition, 0) for partition, count in read.items())
        if is_warm and (not samples or now - samples[-1].at >= SAMPLE_EVERY_S) and not _is_over(samples, last):
            of_servers = {name: cpu_s(pid) for name, pid in servers.items()}
            samples.append(_Sample(now, sum(map(cpu_s, pids)), sum(read.values()), of_servers))
    wrong, missing = found - expected, expected - found
    assert found == expected, f"{len(wrong)} wrong signals: {_few(wrong)}; {len(missing)} missing ones: {_few(missing)}"
    assert len(samples) > 1, "it was over before it was warm: give it more events"
    first, end = samples[0], samples[-1]
    used = {name: cpu - first.servers[name] for name, cpu in end.servers.items()}
    memory_mb = sum(resident_mb(pid, peak=True) for pid in pids)
    return Steady(end.read - first.read, end.at - first.at, end.cpu - first.cpu, memory_mb, used)


def _is_over(samples: list[_Sample], last: dict[int, int]) -> bool:
    return bool(samples) and samples[-1].read >= NEARLY * sum(last.values())


def _few(signals: set[Signal]) -> list[str]:
    return sorted(map(str, signals))[:5]
