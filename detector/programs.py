"""Compiled rulebooks by project and version, each read and compiled once."""

from collections.abc import Mapping

from detector.core.rulebook.adoption import kept
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Span
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.rulebook.program import Program
from detector.store.rulebooks import Rulebooks


class RulebookMissingError(Exception):
    """A partition switches to a rulebook that cannot be had; the message says what to do."""


class Programs:
    def __init__(self, store: Rulebooks) -> None:
        self._store = store
        self._programs: dict[tuple[str, int], Program] = {}
        self._warm: dict[tuple[str, int, frozenset[tuple[str, Span]]], Program] = {}

    def get(self, project: str, version: int) -> Program:
        """Raises RulebookMissingError."""
        program = self._programs.get((project, version))
        if program is None:
            program = self._programs[project, version] = self._compile(project, version)
        return program

    def knowing(self, project: str, version: int, known: Mapping[str, Span]) -> Program:
        """The same, in a partition where not everything was always there. Raises RulebookMissingError."""
        plain = self.get(project, version)
        if not known:
            return plain
        key = (project, version, frozenset(known.items()))
        program = self._warm.get(key)
        if program is None:
            former = kept(known, lambda older: self.get(project, older))
            program = self._warm[key] = compile_rulebook(plain.rulebook, version, known, former)
        return program

    def _compile(self, project: str, version: int) -> Program:
        stored = self._store.get(project, version)
        if stored is None:
            raise RulebookMissingError(
                f"version {version} of the rulebook of {project} is not in the database. "
                "Restore the table rulebooks from a backup, then start the detector again."
            )
        try:
            return compile_rulebook(parse(stored.resolved, {}).rulebook, version)
        except RulebookError as error:
            raise RulebookMissingError(
                f"version {version} of the rulebook of {project} is not understood by this release ({error}). "
                "Start the release that applied it, apply a corrected rulebook, then upgrade."
            ) from error
