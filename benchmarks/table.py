"""The tables in docs/performance.md: what was measured in, lines between two marks out. The rest is written by hand."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = ["figure", "ours", "spread", "bound", "peer", "÷ bound", "÷ peer", "goal"]

Write = Callable[[float], str]


def whole(value: float) -> str:
    """To three digits: more are not known."""
    digits = max(0, len(str(round(value))) - 3)
    return f"{round(value, -digits):,.0f}"


@dataclass(frozen=True, slots=True)
class Beside:
    """What ours is compared with: measured in the same runs, one value a run. `notes`: what else is to be said of it."""

    title: str
    values: Sequence[float]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, a value of ours for each run. `notes`: what else is to be said of ours."""

    figure: str
    values: Sequence[float]
    goal: str
    write: Write = whole
    bound: Beside | None = None
    peer: Beside | None = None
    notes: str = ""

    def line(self) -> str:
        ours = self.write(statistics.median(self.values)) + (f"; {self.notes}" if self.notes else "")
        spread = f"{self.write(min(self.values))} to {self.write(max(self.values))}, {len(self.values)} runs"
        compared = (self.bound, self.peer)
        return _line([self.figure, ours, spread, *map(self._cell, compared), *map(self._ratio, compared), self.goal])

    def _cell(self, beside: Beside | None) -> str:
        if beside is None:
            return "–"
        low, middle, high = min(beside.values), statistics.median(beside.values), max(beside.values)
        notes = f"; {beside.notes}" if beside.notes else ""
        return f"{beside.title}: {self.write(middle)} ({self.write(low)} to {self.write(high)}){notes}"

    def _ratio(self, beside: Beside | None) -> str:
        """The median of the runs' own ratios: what else the machine did fell on both."""
        if beside is None:
            return "–"
        pairs = zip(self.values, beside.values, strict=True)
        return f"{statistics.median(ours / theirs for ours, theirs in pairs):.2f}"


@dataclass(frozen=True, slots=True)
class Failed:
    """A figure that could not be measured."""

    figure: str
    why: str

    def line(self) -> str:
        return _line([self.figure, f"**not measured**: {self.why[:200]}", *["–"] * (len(HEAD) - 2)])


def table(rows: Sequence[Row | Failed]) -> str:
    return "\n".join([_line(HEAD), _line(["---"] * len(HEAD)), *(row.line() for row in rows)])


def put_into_page(name: str, text: str) -> None:
    """Replace what stands between the marks of `name` in the page."""
    begin, end = f"<!-- {name}: written by a program -->\n", f"<!-- {name}: end -->"
    before, found, rest = PAGE.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    assert found, f"{PAGE} has no mark {begin}"
    assert ended, f"{PAGE} has no mark {end}"
    PAGE.write_text(f"{before}{begin}{text}\n{end}{after}")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"
