"""`handraiser rules check|apply|schema`; the others of `rules` register themselves here."""

import typer

from detector.core.rulebook.schema import schema
from detector.rulebooks import bases
from handraiser.commands import scenarios, versions
from handraiser.options import Data, Json, Project, server
from handraiser.output import print_json, say
from handraiser.rulebook_file import File, checked, rows, text_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def check(file: File, json: Json = False) -> None:
    """Read a rulebook and say every mistake with its line and what to do. Needs no server."""
    parsed = checked(file, json)
    book = parsed.rulebook
    if json:
        names = [rule.name for rule in book.rules]
        print_json({"ok": True, "project": book.project, "rules": names, "asleep": rows(parsed.asleep), "problems": []})
        return
    for problem in parsed.asleep:
        say(f"{'asleep' if problem.code == 'asleep' else 'warning'}: {problem.located(file.name)}")
    size = f"{len(book.rules)} rules, {len(book.limits)} limits, {len(book.plans)} plans"
    say(f"{file.name} is good: project {book.project}, {size}.")


@app.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a rulebook: an editor that is given it completes keys and underlines mistakes. Needs no server."""
    print_json(schema(bases()))


@app.command()
def apply(file: File, project: Project = None, data: Data = None, json: Json = False) -> None:
    """Check a rulebook, store it as the project's next version and switch to it."""
    parsed = checked(file, json)
    with server(data) as client:
        answer = client.post("/v1/rulebooks", {"project": project or parsed.rulebook.project, "body": text_of(file)})
    if json:
        print_json(answer)
    else:
        say(f"Version {answer['version']} of {answer['project']}'s rulebook is applied.")


scenarios.register(app)
versions.register(app)
