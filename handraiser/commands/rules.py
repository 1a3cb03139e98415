"""`handraiser rules check|apply`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from detector.core.rulebook.parse import Parsed, RulebookError, parse
from detector.core.rulebook.problems import Problem
from detector.rulebooks import bases
from handraiser.errors import CommandError
from handraiser.options import Data, Json, Project, server
from handraiser.output import note, print_json, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The rulebook, a YAML file.")]


@app.command()
def check(file: File, json: Json = False) -> None:
    """Read a rulebook and say every mistake with its line and what to do. Needs no server."""
    parsed = _checked(file, json)
    book = parsed.rulebook
    if json:
        names = [rule.name for rule in book.rules]
        print_json({"ok": True, "project": book.project, "rules": names, "asleep": _rows(parsed.asleep), "problems": []})
        return
    for problem in parsed.asleep:
        say(f"{'asleep' if problem.code == 'asleep' else 'warning'}: {problem.located(file.name)}")
    size = f"{len(book.rules)} rules, {len(book.limits)} limits, {len(book.plans)} plans"
    say(f"{file.name} is good: project {book.project}, {size}.")


@app.command()
def apply(file: File, project: Project = None, data: Data = None, json: Json = False) -> None:
    """Check a rulebook, store it as the project's next version and switch to it."""
    parsed = _checked(file, json)
    text = file.read_text()
    with server(data) as client:
        answer = client.post("/v1/rulebooks", {"project": project or parsed.rulebook.project, "body": text})
    if json:
        print_json(answer)
    else:
        say(f"Version {answer['version']} of {answer['project']}'s rulebook is applied.")


def _checked(file: Path, json: bool) -> Parsed:
    """The rulebook in `file`; every problem with it is printed before exit code 1."""
    try:
        return parse(file.read_text(), bases())
    except OSError as error:
        raise CommandError("no_file", f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError("not_utf8", f"{file} is not UTF-8 text: save it as UTF-8.") from error
    except RulebookError as error:
        problems = error.problems
    for problem in problems:
        note(problem.located(file.name))
    if json:
        print_json({"ok": False, "problems": _rows(problems)})
    raise typer.Exit(1)


def _rows(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [{"line": p.line, "column": p.column, "code": p.code, "message": p.message, "do": p.remedy} for p in problems]
