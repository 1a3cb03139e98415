"""`handraiser endpoints add|list|test|enable|rotate|remove|reseal`."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Project, server
from handraiser.output import counted, note, print_fields, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
HOUR_S = 3_600
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="ep_…")]


class Temperature(StrEnum):
    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


class Team(StrEnum):
    """Whom a lead type is for."""

    SALES = "sales"
    SUCCESS = "success"
    MARKETING = "marketing"
    PRODUCT = "product"


@app.command()
def add(  # noqa: PLR0913, PLR0917 - the options of a command
    url: Annotated[str, typer.Argument(help="https://… (http and this machine too, outside production)")],
    project: Project = None,
    name: Annotated[str | None, typer.Option(help="What to call it in messages; else its host.", show_default=False)] = None,
    format_: Annotated[
        Literal["standard", "flat", "slack"],
        typer.Option("--format", help="flat: for no-code hooks; slack: an incoming webhook."),
    ] = "standard",
    pii: Annotated[Literal["full", "minimal"], typer.Option(help="minimal: without who anybody is; ids stay.")] = "full",
    to: Annotated[
        list[Team] | None,
        typer.Option(help="Only leads for this team; else those for all people. May be repeated.", show_default=False),
    ] = None,
    temperature: Annotated[
        list[Temperature] | None,
        typer.Option(help="Only leads that are it. May be repeated.", show_default=False),
    ] = None,
    segment: Annotated[list[str] | None, typer.Option(help="Only leads in it, or in any of several.", show_default=False)] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="Only what tells of a signal with it: 100%, refused. May be repeated.", show_default=False),
    ] = None,
    caps: Annotated[
        bool, typer.Option(help="--no-caps: it hears of every lead at once, whatever the rulebook's caps on noise say.")
    ] = True,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="An extra header, for a gateway; may be repeated.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send the project's leads to URL from now on. The signing secret is shown this once."""
    headers = _headers(header or [])
    with server(data) as client:
        body: dict[str, Any] = {
            "project": client.only_project(project),
            "url": url,
            "format": format_,
            "pii": pii,
            "to": to or [],
            "temperature": temperature or [],
            "segments": segment or [],
            "steps": step or [],
            "caps": caps,
            "headers": headers,
        }
        if name:
            body["name"] = name
        endpoint = client.post("/v1/endpoints", body)
    if json:
        print_json(endpoint)
        return
    print_fields([("endpoint", endpoint["id"]), ("secret", endpoint["secret"])])
    note(f"The secret is shown once: give it to the receiver. Next: handraiser endpoints test {endpoint['id']}")


def _headers(texts: list[str]) -> dict[str, str]:
    """No message has one in it: they may be secrets."""
    headers = {name.strip(): value.strip() for name, colon, value in (text.partition(":") for text in texts) if colon}
    if len(headers) < len(texts):
        raise typer.BadParameter('a header is a name of its own, a colon and a value: --header "X-Gateway-Key: …".')
    return headers


@app.command("list")
def list_(project: Project = None, data: Data = None, json: Json = False) -> None:
    """Where leads are sent."""
    with server(data) as client:
        rows = client.get("/v1/endpoints")["data"]
    rows = [row for row in rows if project in {None, row["project"]}]
    if json:
        print_json({"data": rows})
    elif not rows:
        say("No endpoint yet: leads are kept and sent to nobody. Add one: handraiser endpoints add URL")
    else:
        cells = [[row["id"], row["project"], row["name"], row["url"], _status(row), row["last_error"] or ""] for row in rows]
        print_table(["ENDPOINT", "PROJECT", "NAME", "URL", "STATUS", "LAST ERROR"], cells)


def _status(row: dict[str, Any]) -> str:
    until = row["breaker_open_until"]
    return f"{row['status']}, waits until {until}" if until and row["status"] == "enabled" else str(row["status"])


@app.command("test")
def send_test(endpoint: EndpointId, data: Data = None, json: Json = False) -> None:
    """Send a signed `endpoint.test` and say what came back. Exit code 1 if it was not taken."""
    with server(data) as client:
        outcome = client.post(path_of("endpoints", endpoint, "test"))
    delivered = outcome["outcome"] == "delivered"
    if json:
        print_json(outcome)
    elif delivered:
        say(f"Taken: {outcome['status']} in {outcome['ms']} ms.")
    else:
        said = f"it answered {outcome['status']}" if outcome["status"] is not None else f"no answer: {outcome['error']}"
        say(f"Not taken: {said}. {outcome['remedy'] or ''}".rstrip())
    if not delivered:
        raise typer.Exit(1)


@app.command()
def enable(endpoint: EndpointId, data: Data = None, json: Json = False) -> None:
    """Switch a disabled endpoint on again; what was held for it is delivered."""
    with server(data) as client:
        enabled = client.post(path_of("endpoints", endpoint, "enable"))
    if json:
        print_json(enabled)
    else:
        say(f"Endpoint {endpoint} is enabled; what was held for it is on its way.")


@app.command()
def remove(endpoint: EndpointId, data: Data = None, json: Json = False) -> None:
    """Send nothing there any more."""
    with server(data) as client:
        answer = client.delete(path_of("endpoints", endpoint))
    if json:
        print_json(answer or {"id": endpoint, "removed": True})
    else:
        say(f"Endpoint {endpoint} is removed.")


@app.command()
def rotate(
    endpoint: EndpointId,
    overlap: Annotated[int, typer.Option(metavar="HOURS", min=0, max=720, help="So long the old secret signs too.")] = 24,
    data: Data = None,
    json: Json = False,
) -> None:
    """Give an endpoint a new signing secret. It is shown this once."""
    with server(data) as client:
        rotated = client.post(path_of("endpoints", endpoint, "rotate"), {"overlap_s": overlap * HOUR_S})
    if json:
        print_json(rotated)
        return
    print_fields([("endpoint", rotated["id"]), ("secret", rotated["secret"])])
    note(f"The secret is shown once: give it to the receiver. The old one signs too until {rotated['old_until']}.")


@app.command()
def reseal(data: Data = None, json: Json = False) -> None:
    """Encrypt again, with the server's newest master key, what an older one encrypted."""
    with server(data) as client:
        answer = client.post("/v1/reseal")
    if json:
        print_json(answer)
    else:
        say(f"{counted(answer['resealed'], 'endpoint')} resealed: nothing is encrypted with an older master key any more.")
