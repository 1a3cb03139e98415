"""Where a backtest reads: the retained log, or a file of frames. Each can be handed to another process."""

import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from contracts.messages import EVENTS
from eventlog import open_log
from eventlog.port import LogError, Record, TopicPartition
from runtime.clock import wall_clock
from runtime.settings import Settings

POLL_S: Final = 1.0
POLL_BYTES_MAX: Final = 32 * 1024 * 1024
"""The more at once, the more of them are of one account, and are folded together."""
SILENT_S: Final = 60.0
"""After so long without a record that must be there, the log is taken for broken."""
_HEAD: Final = struct.Struct("<qI")


class Batch(NamedTuple):
    """`done`: how far it is with these, in the unit of `total`."""

    records: list[Record]
    done: int


class Source(Protocol):
    @property
    def ticking(self) -> bool:
        """There are no ticks among the records."""
        ...

    @property
    def total(self) -> int:
        """Of some unit, for progress."""
        ...

    def shared(self, number: int, of: int) -> "tuple[Source, int, int]":
        """(what the process with this number reads; its share of the accounts there: this one, of so many)."""
        ...

    def batches(self) -> Iterator[Batch]:
        """All records, in order. Raises LogError."""
        ...


@dataclass(frozen=True, slots=True)
class FromLog:
    """The topic `events`: partition -> (first offset, the offset that is not read any more)."""

    settings: Settings
    spans: Mapping[int, tuple[int, int]]
    ticking: bool = False

    @property
    def total(self) -> int:
        return sum(end - begin for begin, end in self.spans.values())

    def shared(self, number: int, of: int) -> "tuple[Source, int, int]":
        if len(self.spans) < of:
            return self, number, of
        return replace(self, spans={at: span for at, span in self.spans.items() if at % of == number}), 0, 1

    def batches(self) -> Iterator[Batch]:
        log = open_log(self.settings, wall_clock)
        with closing(log), closing(log.consumer([EVENTS])) as consumer:
            for number, (begin, end) in self.spans.items():
                if begin < end:
                    consumer.seek(TopicPartition(EVENTS, number), begin)
            reached = {number: begin for number, (begin, _) in self.spans.items()}
            silent_since = time.monotonic()
            while any(reached[number] < end for number, (_, end) in self.spans.items()):
                records = consumer.poll(POLL_S, POLL_BYTES_MAX)
                ours = [record for record in records if record.offset < self.spans.get(record.partition, (0, 0))[1]]
                for record in records:
                    reached[record.partition] = record.next_offset
                if records:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > SILENT_S:
                    raise LogError(f"The log has given nothing for {SILENT_S:.0f} s. See that it runs, then try again.")
                done = sum(min(reached[number], end) - begin for number, (begin, end) in self.spans.items())
                yield Batch(ours, done)


@dataclass(frozen=True, slots=True)
class FromFrames:
    """A file that `write_frame` wrote, in order of time."""

    path: Path
    ticking: bool = True

    @property
    def total(self) -> int:
        return self.path.stat().st_size

    def shared(self, number: int, of: int) -> "tuple[Source, int, int]":
        return self, number, of

    def batches(self) -> Iterator[Batch]:
        offset = size = 0
        records: list[Record] = []
        with self.path.open("rb") as file:
            while head := file.read(_HEAD.size):
                timestamp, length = _HEAD.unpack(head)
                records.append(Record(EVENTS, 0, offset, timestamp, file.read(length)))
                offset, size = offset + 1, size + length
                if size >= POLL_BYTES_MAX:
                    yield Batch(records, file.tell())
                    records, size = [], 0
            yield Batch(records, file.tell())


def write_frame(file: BinaryIO, timestamp: int, value: bytes) -> None:
    """`timestamp`: partition time, epoch ms. `value`: of a record."""
    file.write(_HEAD.pack(timestamp, len(value)) + value)
