"""What came of an import: in, counts and problems as they come; out, a report for people or one document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from handraiser.importing.posting import Posted
from handraiser.importing.rows import Problem

PROBLEMS_SHOWN_MAX = 10


@dataclass(slots=True)
class Result:
    """`ended`: the mark that ends the import is in the log, so that its accounts are judged."""

    import_id: str | None
    project: str | None
    files: Sequence[str]
    accepted: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""
    took_s: float = 0.0
    examples: Mapping[str, str] = field(default_factory=dict)
    """Of a dry run: the first event of each file, as it would be sent."""
    ended: bool = False
    held: int = 0
    """Events that wait for a `group` of their person."""

    def add(self, posted: Posted) -> None:
        self.accepted += posted.accepted
        for problem in posted.problems:
            self.refuse(problem)

    def refuse(self, problem: Problem) -> None:
        self.rejected += 1
        if len(self.problems) < PROBLEMS_SHOWN_MAX:
            self.problems.append(problem)

    @property
    def rate(self) -> float:
        """Events a second."""
        return (self.accepted + self.rejected) / max(0.001, self.took_s)

    def problem_lines(self) -> list[str]:
        lines = [f"  {problem}" for problem in self._sorted()]
        more = self.rejected - len(lines)
        return [*lines, f"  and {more:,} more"] if more else lines

    def _sorted(self) -> list[Problem]:
        return sorted(self.problems, key=lambda problem: (problem.file, problem.line))

    def as_json(self) -> dict[str, Any]:
        columns = ("file", "line", "column", "code", "message")
        return {
            "import_id": self.import_id,
            "project": self.project,
            "files": list(self.files),
            "accepted": self.accepted,
            "rejected": self.rejected,
            "problems": [{name: getattr(problem, name) for name in columns} for problem in self._sorted()],
            "took_s": round(self.took_s, 3),
            "events_per_s": round(self.rate, 1),
            "examples": {file: msgspec.json.decode(event) for file, event in self.examples.items()},
            "ended": self.ended,
        }
