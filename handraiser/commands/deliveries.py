"""`handraiser deliveries list|show|replay`."""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Limit, server
from handraiser.output import print_fields, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class Status(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    WAITING = "waiting"
    DELIVERED = "delivered"
    HELD = "held"
    DEAD = "dead"
    SKIPPED = "skipped"
    CAPPED = "capped"


class Over(StrEnum):
    """How one stands that can be replayed."""

    DELIVERED = "delivered"
    DEAD = "dead"
    HELD = "held"
    SKIPPED = "skipped"


Endpoint: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint", metavar="ENDPOINT", help="Only those to it: ep_….", show_default=False)
]


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - one option each
    endpoint: Endpoint = None,
    status: Annotated[Status | None, typer.Option(help="Only these.", show_default=False)] = None,
    lead_event: Annotated[
        str | None, typer.Option(metavar="ID", help="Only of this lead event: le_….", show_default=False)
    ] = None,
    lead: Annotated[str | None, typer.Option(metavar="LEAD", help="Only of this lead: ld_….", show_default=False)] = None,
    limit: Limit = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """What was sent where, newest first."""
    with server(data) as client:
        rows = client.pages("/v1/deliveries", limit, endpoint=endpoint, status=status, lead_event=lead_event, lead=lead)
    if json:
        print_json({"data": rows})
    elif not rows:
        say("No delivery: nothing was sent yet, or nothing that fits.")
    else:
        print_table(
            ["DELIVERY", "ENDPOINT", "TYPE", "LEAD", "STATUS", "TRIES", "MADE", "NEXT", "LAST ERROR"], list(map(_row, rows))
        )


def _row(row: dict[str, Any]) -> list[str]:
    names = ("id", "endpoint", "type", "lead_id", "status", "tries", "created_at", "next_at", "last_error")
    return [str(row[name] if row[name] is not None else "") for name in names]


@app.command()
def show(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="dl_…")], data: Data = None, json: Json = False
) -> None:
    """One delivery with its attempts: what the receiver answered, and what to do about it."""
    with server(data) as client:
        found = client.get(path_of("deliveries", delivery))
    if json:
        print_json(found)
        return
    print_fields([(name, str(value)) for name, value in found.items() if value is not None and name != "attempts"])
    for attempt in found["attempts"]:
        answer = attempt["status"] or attempt["error"] or "no answer"
        phases = ", ".join(f"{name} {attempt[f'{name}_ms']}" for name in ("dns", "connect", "headers") if attempt[f"{name}_ms"])
        took = "" if attempt["ms"] is None else f" in {attempt['ms']} ms" + (f" ({phases})" if phases else "")
        where = f" from {attempt['address']}" if attempt["address"] else ""
        say(f"  {attempt['number']}. {attempt['started_at']}  {attempt['outcome']}: {answer}{where}{took}")
        for more in (attempt["remedy"], attempt["body"]):
            if more:
                say(f"     {' '.join(more.split())[:200]}")


@app.command()
def replay(  # noqa: PLR0913, PLR0917 - one option each
    deliveries: Annotated[list[str] | None, typer.Argument(metavar="[DELIVERY…]", help="These only: dl_….")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ENDPOINT", help="All to it: ep_….", show_default=False)] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="T", help="2026-05-01T08:00:00Z.", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="T", help="To before then.", show_default=False)] = None,
    status: Annotated[Over | None, typer.Option(help="Of an endpoint's, only these.", show_default=False)] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send again what was delivered or skipped, is dead or held: the same id and bytes, fresh tries. What waits is left."""
    by_endpoint = None not in {endpoint, since, until}
    if by_endpoint == bool(deliveries) or (not by_endpoint and {endpoint, since, until, status} != {None}):
        raise typer.BadParameter("name deliveries, or an endpoint with --from and --to.")
    replayed = 0
    with server(data) as client:
        for delivery in deliveries or []:
            replayed += client.post(path_of("deliveries", delivery, "replay"))["replayed"]
        asked = {"from": since, "to": until, "status": status, "cursor": None}
        while by_endpoint:
            answer = client.post(path_of("endpoints", str(endpoint), "replay"), asked)
            replayed += answer["replayed"]
            asked["cursor"] = answer["next"]
            by_endpoint = answer["next"] is not None
    if json:
        print_json({"replayed": replayed})
    else:
        say(f"{replayed:,} replayed.")
