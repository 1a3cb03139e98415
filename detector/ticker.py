"""Lets time pass on idle partitions: a tick record where somebody is due and nothing is left to read."""

import logging
from collections.abc import Iterable

from contracts.codec import encode
from contracts.messages import Tick
from detector.partition import Partition
from eventlog.port import Consumer, Entry, LogError, Producer
from runtime.points import reach

TICK_MS_MIN = 1_000
"""At most one look at a partition, and one tick, in this time."""
APPEND_TIMEOUT_S = 2.0

_log = logging.getLogger("detector")


def tick(partitions: Iterable[Partition], consumer: Consumer, producer: Producer, now: int) -> bool:
    """Append a tick to each partition where something is due at `now` and that we have read to the end. False: to none."""
    due = [p for p in partitions if p.ticked_at + TICK_MS_MIN <= now and (first := p.agenda.first) is not None and first <= now]
    if not due:
        return False
    for partition in due:
        partition.ticked_at = now
    ends = consumer.end_offsets()
    read_to_end = [p for p in due if p.halted is None and p.next_offset == ends.get(p.at)]
    if not read_to_end:
        return False
    try:
        producer.append([Entry(*p.at, encode(Tick(at=now))) for p in read_to_end], APPEND_TIMEOUT_S)
    except LogError as error:
        _log.warning("tick not appended; the next second tries again", extra={"error": str(error)})
        return False
    reach("ticker.append.after")
    return True
