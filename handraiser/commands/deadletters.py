"""`handraiser deadletters list|show|replay`."""

from typing import Annotated, TypeAlias

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Limit, Project, server
from handraiser.output import note, print_fields, print_json, print_table, say

Code: TypeAlias = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only those with this code, unattributed say.", show_default=False)
]
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(project: Project = None, code: Code = None, limit: Limit = 100, data: Data = None, json: Json = False) -> None:
    """Events that could not be used, newest first."""
    with server(data) as client:
        rows = client.pages("/v1/deadletters", limit, project=project, code=code)
    if json:
        print_json({"data": rows})
    elif not rows:
        say("No dead letter: every event could be used.")
    else:
        cells = [
            [row["id"], row["code"], row.get("field") or "", row["message"], row["received_at"], row["replayed_at"] or ""]
            for row in rows
        ]
        print_table(["DEAD LETTER", "CODE", "FIELD", "REASON", "RECEIVED", "REPLAYED"], cells)


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


@app.command()
def replay(
    dead_letters: Annotated[list[str] | None, typer.Argument(metavar="[DEAD_LETTER…]", help="These only.")] = None,
    project: Project = None,
    code: Code = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send those through once more that were not yet, after something was mended; each with its own id and time."""
    total = {"replayed": 0, "refused": 0, "cut": 0}
    with server(data) as client:
        asked = {"project": client.only_project(project), "code": code, "ids": dead_letters or None}
        cursor: int | None = 0
        while cursor is not None:
            answer = client.post("/v1/deadletters/replay", asked | {"cursor": cursor})
            cursor = answer["next"]
            total = {name: count + answer[name] for name, count in total.items()}
    if json:
        print_json(total)
        return
    say(f"{total['replayed']:,} replayed, {total['refused']:,} refused again, {total['cut']:,} not kept whole.")
    if total["refused"]:
        note("`handraiser deadletters list` says why now.")
