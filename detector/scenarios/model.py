"""A scenario as it was read: what is given, line by line, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.core.rulebook.compile import Program


@dataclass(frozen=True, slots=True)
class Line:
    """`{at: day 1 10:00, track: Upgrade Clicked}`: its verb is `track`; `values` has all its keys, times in epoch ms."""

    number: int
    verb: str
    values: Mapping[str, Any]

    @property
    def what(self) -> Any:
        """The value of the verb."""
        return self.values[self.verb]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`expect`: `hears`, `leads` and `signals`, as far as the scenario has them."""

    title: str
    file: Path
    number: int
    program: Program
    account: str
    given: tuple[Line, ...]
    any_order: bool
    expect: Mapping[str, tuple[Line, ...]]

    def __str__(self) -> str:
        return f"{self.file.name.removesuffix('.yaml')}: {self.title}"
