"""`handraiser deadletters list|show`."""

from typing import Annotated

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Limit, Project, server
from handraiser.output import print_fields, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(project: Project = None, limit: Limit = 100, data: Data = None, json: Json = False) -> None:
    """Events that could not be used, newest first."""
    with server(data) as client:
        rows = client.pages("/v1/deadletters", limit, project=project)
    if json:
        print_json({"data": rows})
    elif not rows:
        say("No dead letter: every event could be used.")
    else:
        cells = [[row["id"], row["code"], row.get("field") or "", row["message"], str(row["received_at"])] for row in rows]
        print_table(["DEAD LETTER", "CODE", "FIELD", "REASON", "RECEIVED"], cells)


@app.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="DEAD_LETTER", help="dead_…")], data: Data = None, json: Json = False
) -> None:
    """One of them, whole."""
    with server(data) as client:
        found = client.get(path_of("deadletters", dead_letter))
    if json:
        print_json(found)
    else:
        print_fields([(name, str(value)) for name, value in found.items() if value is not None])
