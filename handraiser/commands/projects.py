"""`handraiser projects create|list`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from handraiser.errors import CommandError
from handraiser.options import Data, Json, server
from handraiser.output import note, print_json, print_table, say
from handraiser.templates import write_template

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Template = Annotated[
    Literal["acme-mail", "clipcast", "huddle"] | None,
    typer.Option("--template", help="Write this example, a rulebook and its scenarios, into a folder NAME.", show_default=False),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens: acme-mail.")],
    template: Template = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a project. With --template, also a rulebook to begin with."""
    if template is not None and Path(name).exists():
        raise CommandError("folder_exists", f"There is a {name} here already. Go to another folder, or choose another name.")
    with server(data) as client:
        project = client.post("/v1/projects", {"name": name})
    files = [] if template is None else _written(template, name)
    if json:
        print_json(project | ({} if template is None else {"files": files}))
        return
    say(f"Project {name} made.")
    if template is None:
        note(f"Next: handraiser keys create --project {name}; handraiser rules apply FILE --project {name}")
        return
    for file in files:
        say(f"{file} written.")
    note(
        f"Next: handraiser rules test {name}; handraiser rules apply {name}/rulebook.yaml; "
        f"handraiser keys create --project {name}"
    )


def _written(template: str, name: str) -> list[str]:
    try:
        return [str(file) for file in write_template(template, Path(name), name)]
    except OSError as error:
        message = f"The project is made, but {error.filename} cannot be written: {error.strerror}."
        raise CommandError("not_written", message) from error


@app.command("list")
def list_(data: Data = None, json: Json = False) -> None:
    """The projects there are."""
    with server(data) as client:
        answer = client.get("/v1/projects")
    if json:
        print_json(answer)
    elif not answer["data"]:
        say("No project yet. Make one: handraiser projects create NAME")
    else:
        print_table(["PROJECT", "MADE"], [[row["name"], str(row.get("created_at", ""))] for row in answer["data"]])
