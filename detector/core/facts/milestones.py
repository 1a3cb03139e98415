"""First sights: (key, timestamp, id) in, the earliest (timestamp, id) per key out."""

from collections.abc import Mapping
from typing import Any


class Milestones:
    __slots__ = ("dirty", "firsts")

    def __init__(self) -> None:
        self.firsts: dict[str, tuple[int, str]] = {}
        self.dirty = False

    def add(self, key: str, timestamp: int, message_id: str) -> None:
        known = self.firsts.get(key)
        if known is None or (timestamp, message_id) < known:
            self.firsts[key] = (timestamp, message_id)
            self.dirty = True

    def chunks(self, *, everything: bool) -> dict[int, Any]:  # noqa: ARG002  there is one chunk
        self.dirty = False
        return {0: self.firsts}

    def load(self, chunks: Mapping[int, Any]) -> None:
        self.firsts = {key: (timestamp, message_id) for key, (timestamp, message_id) in chunks[0].items()}
