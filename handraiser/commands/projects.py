"""`handraiser projects create|list`."""

from typing import Annotated

import typer

from handraiser.options import Data, Json, server
from handraiser.output import note, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens: acme-mail.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a project."""
    with server(data) as client:
        project = client.post("/v1/projects", {"name": name})
    if json:
        print_json(project)
    else:
        say(f"Project {name} made.")
        note(f"Next: handraiser keys create --project {name}; handraiser rules apply FILE --project {name}")


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
