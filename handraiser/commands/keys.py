"""`handraiser keys create|list|revoke`."""

from enum import StrEnum
from typing import Annotated

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Project, server
from handraiser.output import note, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class Trust(StrEnum):
    SERVER = "server"
    BROWSER = "browser"


@app.command()
def create(
    project: Project = None,
    trust: Annotated[Trust, typer.Option(help="A browser key is public: it may not set plans or group traits.")] = Trust.SERVER,
    may_import: Annotated[bool, typer.Option("--may-import", help="It may send history too; a server key only.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a write key. It is shown this once."""
    with server(data) as client:
        wanted = {"project": client.only_project(project), "trust": trust.value, "may_import": may_import}
        key = client.post("/v1/keys", wanted)
    if json:
        print_json(key)
    else:
        say(key["key"])
        note("This is shown once; only its hash is kept.")


@app.command("list")
def list_(project: Project = None, data: Data = None, json: Json = False) -> None:
    """The write keys, without their secrets."""
    with server(data) as client:
        answer = client.get("/v1/keys", project=project)
    if json:
        print_json(answer)
    elif not answer["data"]:
        say("No write key yet. Make one: handraiser keys create")
    else:
        rows = [
            [
                row["id"],
                row["project"],
                row["trust"],
                "yes" if row["may_import"] else "",
                str(row.get("created_at", "")),
                str(row.get("revoked_at") or ""),
            ]
            for row in answer["data"]
        ]
        print_table(["KEY", "PROJECT", "TRUST", "MAY IMPORT", "MADE", "REVOKED"], rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The 8 signs between wk_ and the next underscore.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Take a write key back: what it sends from now on is refused."""
    with server(data) as client:
        answer = client.delete(path_of("keys", key_id))
    if json:
        print_json(answer or {"id": key_id, "revoked": True})
    else:
        say(f"Key {key_id} is revoked.")
