"""What a file is read into: events with the place that they stand at, and problems that name theirs. Pure."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

Event: TypeAlias = dict[str, Any]
"""An event in Segment's words; parts that nobody looks at are undecoded JSON."""

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Row:
    """One event, ready to be sent: `body` is its JSON."""

    file: str
    line: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that could not be used. `column` is a csv's column or an event's field."""

    file: str
    line: int
    column: str | None
    code: str
    message: str

    def __str__(self) -> str:
        column = f', column "{self.column}"' if self.column else ""
        return f"{self.file}, line {self.line:,}{column}: {self.message}"


class RowError(Exception):
    """Why one row cannot be used."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.column = column


def encoded(event: Event) -> bytes:
    """Equal events have equal bytes."""
    return _encoder.encode(event)
