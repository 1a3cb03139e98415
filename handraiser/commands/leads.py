"""`handraiser leads list|show|report|outcome|snooze|owner`."""

import csv
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from handraiser.client import path_of
from handraiser.commands.telling import tell
from handraiser.options import Data, Json, Limit, Project, server
from handraiser.output import check_folder, note, print_fields, print_json, print_table, say, write_page

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


AMOUNT_MAX = 1e15
"""As the API takes it."""


class Status(StrEnum):
    """What sales may report of a lead."""

    ACCEPTED = "accepted"
    OPPORTUNITY = "opportunity"
    WON = "won"
    LOST = "lost"
    REJECTED = "rejected"
    RECYCLED = "recycled"


Lead: TypeAlias = Annotated[str, typer.Argument(metavar="LEAD", help="ld_…")]


@app.command("list")
def list_(
    project: Project = None,
    updated_since: Annotated[
        str | None, typer.Option(help="Only those that changed since: 2026-05-01T00:00:00Z.", show_default=False)
    ] = None,
    limit: Limit = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """The leads by time of their last change, oldest first; read on with --updated-since."""
    with server(data) as client:
        rows = client.pages("/v1/leads", limit, project=project, updated_since=updated_since)
    if json:
        print_json({"data": rows})
    elif not rows:
        say("No lead yet. Show the pretend customer: handraiser try. Or post an event: the curl that `up` prints makes one.")
    else:
        print_table(["LEAD", "TYPE", "STATUS", "ACCOUNT", "WHY", "UPDATED"], [_row(row) for row in rows])


def _row(lead: dict[str, Any]) -> list[str]:
    account = lead.get("account") or {}
    named = account.get("name") or account.get("external_id") if isinstance(account, dict) else account
    status = " ".join(str(lead[key]) for key in ("status", "temperature") if lead.get(key))
    return [lead["lead_id"], lead["lead_type"], status, str(named), str(lead.get("summary", "")), str(lead.get("updated_at", ""))]


class By(StrEnum):
    """What a report groups by."""

    TYPE = "type"
    RULE = "rule"
    OWNER = "owner"
    SOURCE = "source"
    WEEK = "week"


@app.command()
def report(  # noqa: PLR0913, PLR0917 - what can be asked
    project: Project = None,
    by: Annotated[
        By, typer.Option(help="What to group by: a rule is the one that opened the lead, a week that in which it was.")
    ] = By.TYPE,
    since: Annotated[str | None, typer.Option("--from", help="Leads opened since: 2026-05-01.", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--to", help="Leads opened before.", show_default=False)] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, for a spreadsheet.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page with pictures.", show_default=False)
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """What became of the leads: how many were taken and won, how soon, and for how much."""
    from handraiser.lead_report import cells, figures, heads, page  # noqa: PLC0415 - other commands need none of it

    if html is not None:
        check_folder(html)
    with server(data) as client:
        asked = {"project": client.only_project(project), "by": by.value, "from": since, "to": until}
        found = client.get("/v1/leads/report", **asked)
    if html is not None:
        write_page(html, page(found, str(asked["project"]), since, until))
    rows = [*found["data"], found["total"]]
    if json:
        print_json(found)
    elif as_csv:
        names = list(found["total"])
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(cells, rows))
    elif not found["data"]:
        say("No lead was told to anybody in that time.")
    else:
        print_table(heads(by.value), [figures(row) for row in rows])
    if html is not None:
        note(f"The report is in {html}: open it in a browser.")


@app.command()
def show(lead: Lead, data: Data = None, json: Json = False) -> None:
    """One lead with the evidence for it."""
    with server(data) as client:
        found = client.get(path_of("leads", lead))
    if json:
        print_json(found)
        return
    people = [
        f"{p.get('first_name') or ''} {p.get('last_name') or ''} {p.get('email') or ''}".strip() for p in found.get("people", [])
    ]
    print_fields(
        [
            ("lead", found["lead_id"]),
            ("type", found["lead_type"]),
            ("status", found["status"]),
            ("account", str((found.get("account") or {}).get("name"))),
            ("person", ", ".join(people)),
            ("summary", str(found.get("summary"))),
            *([("do", str(found["recommended_action"]))] if found.get("recommended_action") else []),
            ("qualified", str(found.get("qualified_at"))),
            *_carried(found),
            *_score(found),
        ]
    )
    for each in (found.get("score") or {}).get("contributions", []):
        since = f" since {each['since']}" if each["since"] is not None else ""
        say(f"  {each['points']:+} of {each['of']:+}  {each['part']}: {each['text']}{since}")
    for line in found.get("evidence", []):
        threshold = "" if line["threshold"] is None else f" (threshold {line['threshold']})"
        say(f"  {line['rule']}: {line['condition']}  is {line['value']}{threshold}")


def _carried(lead: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing of what nobody said."""
    owner = (lead.get("owner") or {}).get("email")
    fields = [("owner", str(owner))] if owner else []
    for title, part in (("told us", "told_us"), ("source", "source"), ("crm", "crm")):
        if said := lead.get(part):
            fields.append((title, "; ".join(f"{name}: {value}" for name, value in said.items())))
    return fields


def _score(lead: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing of what the rulebook does not say."""
    score = lead.get("score") or {}
    fields = [("temperature", str(lead["temperature"]))] if lead.get("temperature") else []
    if score.get("total") is not None:
        fields.append(("score", f"{score['total']} = fit {score['fit']} + behaviour {score['behaviour']}"))
    return [*fields, *([("segments", ", ".join(lead["segments"]))] if lead.get("segments") else [])]


@app.command()
def outcome(  # noqa: PLR0913, PLR0917 - one option each
    lead: Lead,
    status: Annotated[Status, typer.Argument(help="Forward only; nothing more of a finished one.", show_default=False)],
    reason: Annotated[str | None, typer.Option(help="Why; best said of a lost or rejected one.", show_default=False)] = None,
    amount: Annotated[
        float | None,
        typer.Option(min=0, max=AMOUNT_MAX, help="What it is worth, in the rulebook's currency.", show_default=False),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Report what became of a lead."""
    said = {"status": status.value, "reason": reason, "amount": amount}
    body = {name: value for name, value in said.items() if value is not None}
    tell(path_of("leads", lead, "outcome"), body, f"{lead} is {status}.", data, as_json=json)


@app.command()
def snooze(
    lead: Lead,
    until: Annotated[str, typer.Argument(help="2026-06-01T09:00:00Z, or: off.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Hear nothing of a lead's further signals until then; they are kept with it."""
    ends = until == "off"
    if not (ends or _is_time(until)):
        raise typer.BadParameter(f"{until!r} is no time with a zone: write it like 2026-06-01T09:00:00Z, or: off.")
    done = f"{lead} is not snoozed any more." if ends else f"{lead} is snoozed until {until}."
    tell(path_of("leads", lead, "snooze"), {"until": None if ends else until}, done, data, as_json=json)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@app.command()
def owner(
    lead: Lead, email: Annotated[str, typer.Argument(help="Who works on it.")], data: Data = None, json: Json = False
) -> None:
    """Say who works on a lead."""
    if "@" not in email:
        raise typer.BadParameter(f"{email!r} is no e-mail address.")
    tell(path_of("leads", lead, "owner"), {"email": email}, f"{email} owns {lead}.", data, as_json=json)
