"""A scenario as it was read: what is given, line by line, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.core.rulebook.program import Program


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
    """`program`: by which it begins. `expect`: `hears`, `leads` and `signals`, as far as the scenario has them."""

    title: str
    file: Path
    number: int
    program: Program
    account: str | None
    """None: everybody is an account of their own, as a rulebook with `account: [person]` has it."""
    given: tuple[Line, ...]
    any_order: bool
    expect: Mapping[str, tuple[Line, ...]]
    rulebooks: Mapping[str, Program] = field(default_factory=dict)
    """Those that are applied on the way, by the names of their files."""

    def whose(self, line: Line) -> str:
        """The account that a line is of; empty: of none, or of all."""
        if self.account is not None:
            return self.account
        person = line.what if line.verb == "identify" else line.values.get("person")
        return str(line.values.get("account", "")) if person is None else f"person:{person}"

    def __str__(self) -> str:
        return f"{self.file.name.removesuffix('.yaml')}: {self.title}"
