"""`handraiser keys create|list|rotate|revoke`."""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Project, server
from handraiser.output import note, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


DAY_S, HOUR_S = 86_400, 3_600
KeyId: TypeAlias = Annotated[str, typer.Argument(help="The 8 signs between wk_ and the next underscore.")]


class Trust(StrEnum):
    SERVER = "server"
    BROWSER = "browser"


@app.command()
def create(  # noqa: PLR0913, PLR0917 - one for each property of a key
    project: Project = None,
    trust: Annotated[Trust, typer.Option(help="A browser key is public: it may not set plans or group traits.")] = Trust.SERVER,
    may_import: Annotated[bool, typer.Option("--may-import", help="It may send history too; a server key only.")] = False,
    expires_in: Annotated[int | None, typer.Option(metavar="DAYS", min=1, max=3_660, help="Good for so long.")] = None,
    events_per_s: Annotated[int | None, typer.Option(metavar="N", min=1, help="So many events a second, no more.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a write key. It is shown this once."""
    with server(data) as client:
        wanted: dict[str, Any] = {"project": client.only_project(project), "trust": trust.value, "may_import": may_import}
        wanted |= {"events_per_s": events_per_s, "expires_in_s": None if expires_in is None else expires_in * DAY_S}
        key = client.post("/v1/keys", wanted)
    _show(key, as_json=json)


def _show(key: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
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
                str(row["events_per_s"] or ""),
                str(row.get("created_at", "")),
                str(row["expires_at"] or ""),
                str(row.get("revoked_at") or ""),
            ]
            for row in answer["data"]
        ]
        print_table(["KEY", "PROJECT", "TRUST", "MAY IMPORT", "EVENTS/S", "MADE", "EXPIRES", "REVOKED"], rows)


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[int, typer.Option(metavar="HOURS", min=0, max=87_840, help="So long the old key goes on working.")] = 24,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a key like this one, which expires soon. The new one is shown this once."""
    with server(data) as client:
        key = client.post(path_of("keys", key_id, "rotate"), {"overlap_s": overlap * HOUR_S})
    _show(key, as_json=json)
    if not json:
        note(f"{key_id} goes on working for {overlap} hours: change its clients until then.")


@app.command()
def revoke(
    key_id: KeyId,
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
