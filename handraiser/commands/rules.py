"""`handraiser rules check|apply|schema`; the others of `rules` register themselves here."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.rulebook.schema import schema
from detector.rulebooks import bases
from handraiser.client import path_of
from handraiser.commands import backtesting, scenarios, versions
from handraiser.errors import CommandError
from handraiser.options import Data, Json, Project, server
from handraiser.output import counted, note, print_json, say
from handraiser.rulebook_file import File, checked, rows, text_of

if TYPE_CHECKING:
    from handraiser.arrivals import Arrivals

FIRST = (
    "It is the first. What the log has already is read again for it: who qualifies by now is taken for told (on_enable). "
    "Older history can be imported: handraiser import."
)
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def check(file: File, project: Project = None, data: Data = None, json: Json = False) -> None:
    """Read a rulebook and say every mistake with its line and what to do. Needs no server; where one runs, it also says which
    rules wait for an event that never arrived."""
    parsed = checked(file, json)
    book = parsed.rulebook
    came = _arrivals(book, project, data)
    if json:
        names = [rule.name for rule in book.rules]
        document = {"ok": True, "project": book.project, "rules": names, "asleep": rows(parsed.asleep), "problems": []}
        waiting = None if came is None or not came.any else [{"rule": rule, "never_arrived": who} for rule, who in came.waiting]
        print_json(document | {"waiting": waiting})
        return
    for problem in parsed.asleep:
        say(f"{'asleep' if problem.code == 'asleep' else 'warning'}: {problem.located(file.name)}")
    for line in [] if came is None else _told(came):
        say(line)
    size = f"{counted(len(book.rules), 'rule')}, {counted(len(book.limits), 'limit')}, {counted(len(book.plans), 'plan')}"
    say(f"{file.name} is good: project {book.project}, {size}.")


def _arrivals(book: Rulebook, project: str | None, data: Path | None) -> "Arrivals | None":
    """None, with a note if something is there that does not answer: the rulebook is as good as without."""
    from handraiser.arrivals import arrivals  # noqa: PLC0415 - the engine takes time to load

    try:
        return arrivals(book, project, data)
    except CommandError as error:
        note(f"What has arrived is not known: {error}")
        return None


def _told(came: "Arrivals") -> list[str]:
    if not came.any:
        return [f"No event of this project has arrived at {came.url} yet, so nobody can tell which rules wait for one."]
    lines = [f"asleep: rule '{rule}' waits for {' or '.join(events)}, which never arrived" for rule, events in came.waiting]
    return lines + [f"`{name}` x{count:,} arrives, and nothing knows it: map to `{near}`?" for name, count, near in came.unknown]


@app.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a rulebook: an editor that is given it completes keys and underlines mistakes. Needs no server."""
    print_json(schema(bases()))


@app.command()
def apply(file: File, project: Project = None, data: Data = None, json: Json = False) -> None:
    """Check a rulebook, store it as the project's next version and switch to it."""
    parsed = checked(file, json)
    with server(data) as client:
        before = client.get("/v1/rulebooks", project=project or parsed.rulebook.project)["data"]
        answer = client.post("/v1/rulebooks", {"project": project or parsed.rulebook.project, "body": text_of(file)})
    if json:
        print_json(answer)
    else:
        say(f"Version {answer['version']} of {answer['project']}'s rulebook is applied.")
        if not before:
            say(FIRST)
        elif before[0]["version"] != answer["version"]:
            with server(data) as client:
                stored = client.get(path_of("rulebooks", str(before[0]["version"])), project=answer["project"])
            for line in _beginning(stored["resolved"], parsed.rulebook):
                say(line)


def _beginning(resolved: str, new: Rulebook) -> list[str]:
    """Nothing is said of what was there before, if this release does not understand it."""
    from detector.core.rulebook.beginning import beginning  # noqa: PLC0415 - it takes time to load

    try:
        return list(beginning(parse(resolved, {}).rulebook, new))
    except RulebookError:
        return []


backtesting.register(app)
scenarios.register(app)
versions.register(app)
