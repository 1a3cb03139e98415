"""What is wrong with a rulebook: one Problem a place, each with its remedy; a Report collects them all."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from detector.core.rulebook.tree import At

PROBLEMS_MAX = 100
"""Beyond so many the rest is only counted: nobody reads further, and a hostile file must not cost time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Line and column count from 1. `code` is stable, for programs; `message` and `remedy` are for people."""

    line: int
    column: int
    code: str
    message: str
    remedy: str = ""

    def located(self, file: str) -> str:
        """One line of text: `rulebook.yaml:12:5: unknown name 'contcts'. Did you mean 'contacts'?`"""
        text = f"{file}:{self.line}:{self.column}: {self.message}"
        return f"{text}. {self.remedy}" if self.remedy else text

    def __str__(self) -> str:
        return self.located("rulebook.yaml")


class RulebookError(ValueError):
    """The text is not a rulebook. `problems` holds every one that was found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Refusal(ValueError):  # noqa: N818 (it never leaves the package: `Report.refuse` makes a Problem of it)
    """A condition or a text cannot be read. `offset` counts characters from its start."""

    def __init__(self, offset: int, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.offset, self.code, self.message, self.remedy = offset, code, message, remedy


START: Final = At(1, 1)


@dataclass(slots=True)
class Report:
    """Problems (they refuse the file) and warnings (parts that are asleep). `use`: where the project names its base."""

    use: At = START
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    left_out: int = 0

    def refuse(self, at: At, code: str, message: str, remedy: str = "") -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(self._problem(at, code, message, remedy))
        else:
            self.left_out += 1

    def warn(self, at: At, code: str, message: str, remedy: str = "") -> None:
        if len(self.warnings) < PROBLEMS_MAX:
            self.warnings.append(self._problem(at, code, message, remedy))

    def _problem(self, at: At, code: str, message: str, remedy: str) -> Problem:
        if at.base is not None:
            # The reader has the project's file before them, not the base's: point at the line that names the base.
            at, message = self.use, f"{message} (in {at.base}, line {at.line})"
        return Problem(at.line, at.column, code, _visible(message), _visible(remedy))

    def guess(self, word: str, known: Iterable[str]) -> str:
        """`Did you mean 'contacts'?`, else a list of what there is, else nothing."""
        if len(self.problems) >= PROBLEMS_MAX:
            return ""
        return did_you_mean(word, known)

    def raise_if_any(self) -> None:
        """Raises RulebookError if anything refused the file."""
        if not self.problems:
            return
        found = sorted(self.problems, key=lambda problem: (problem.line, problem.column))
        if self.left_out:
            last = found[-1]
            found.append(Problem(last.line, last.column, "more", f"{self.left_out} more problems", "Mend these first"))
        raise RulebookError(found)


def _visible(text: str) -> str:
    """What a file puts into a message must not steer the terminal that shows it."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that `word` most probably stands for, if any."""
    if len(word) > 80:
        return None
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy for a word that nobody knows."""
    words = list(known)
    near = closest(word, words)
    if near is not None:
        return f"Did you mean '{near}'?"
    if words and len(words) <= 12:
        return f"There is: {', '.join(words)}"
    return ""
