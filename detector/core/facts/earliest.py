"""The first few events: (timestamp, id) in, the n-th of all out."""

from bisect import insort
from collections.abc import Mapping
from typing import Any


class Earliest:
    """Of any number of events, in any order, the `most` earliest."""

    __slots__ = ("dirty", "events", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.events: list[tuple[int, str]] = []
        self.dirty = False

    def add(self, timestamp: int, message_id: str) -> None:
        events = self.events
        if len(events) < self.most or (timestamp, message_id) < events[-1]:
            insort(events, (timestamp, message_id))
            del events[self.most :]
            self.dirty = True

    def chunks(self, *, everything: bool) -> dict[int, Any]:  # noqa: ARG002  there is one chunk
        self.dirty = False
        return {0: self.events}

    def load(self, chunks: Mapping[int, Any]) -> None:
        self.events = [(timestamp, message_id) for timestamp, message_id in chunks[0]]
