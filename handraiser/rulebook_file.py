"""A rulebook's file in, what the checker made of it out; or every problem on standard error and exit code 1."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from detector.core.rulebook.loading import BYTES_MAX
from detector.core.rulebook.parse import Parsed, RulebookError, parse
from detector.core.rulebook.problems import Problem
from detector.rulebooks import bases
from handraiser.errors import CommandError
from handraiser.output import note, print_json

File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="The rulebook, a YAML file.")]


def checked(file: Path, json: bool) -> Parsed:
    """The rulebook in `file`; every problem with it is printed before exit code 1."""
    try:
        return parse(text_of(file), bases())
    except RulebookError as error:
        problems = error.problems
    for problem in problems:
        note(problem.located(file.name))
    if json:
        print_json({"ok": False, "problems": rows(problems)})
    raise typer.Exit(1)


def text_of(file: Path) -> str:
    """Of a file that is far too large only as much as shows it: `parse` says so."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(BYTES_MAX + 1)
        return raw.decode(errors="replace" if len(raw) > BYTES_MAX else "strict")  # what is cut may be cut within a character
    except OSError as error:
        raise CommandError("no_file", f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError("not_utf8", f"{file} is not UTF-8 text: save it as UTF-8.") from error


def rows(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [{"line": p.line, "column": p.column, "code": p.code, "message": p.message, "do": p.remedy} for p in problems]
