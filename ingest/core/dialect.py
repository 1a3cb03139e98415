"""What a family of clients speaks: how its requests and events are read, and what it takes for which answer.

Each family is one constant beside its readers (segment.py, posthog.py, cloudevents.py, native.py); routes.py has them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.messages import UsageEvent
from ingest.core.envelope import Envelope
from ingest.core.event import WireEvent
from ingest.core.project import ProjectSettings
from ingest.core.rejection import Rejection


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent, its body decompressed. Names of headers have small letters."""

    kind: str
    """Of the route: "batch", or the type of its one event."""
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """Of the network, of whoever sent it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """To a request that was read, whatever became of its single events. `body` is JSON, or nothing."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Dialect:
    """`words`: what its clients call Segment's fields, for messages and the paths of fields."""

    name: str
    read: Callable[[Sent], Envelope]
    """Raises RequestError: the whole request cannot be read."""
    read_event: Callable[[bytes, ProjectSettings], WireEvent]
    """Raises EventError."""
    answer: Callable[[Sequence[UsageEvent], Sequence[Rejection]], Answer]
    too_big: int
    """Status for a request over a bound: one that makes its clients send less, or no more."""
    busy: int
    """Status for a request that comes too early, or finds no room: one after which its clients wait for Retry-After."""
    too_fast: int
    """Status for a key, or an address, that sends more than it may."""
    words: Mapping[str, str] = field(default_factory=dict)
    forms: bool = False
    """Whether its clients put the JSON into a form, or base64."""
