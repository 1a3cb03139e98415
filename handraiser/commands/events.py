"""`handraiser events` and `handraiser event ID`."""

from typing import Annotated

import typer

from handraiser.client import path_of
from handraiser.options import Data, Json, Project, server
from handraiser.output import counted, note, print_json, print_table, say


def register(app: typer.Typer) -> None:
    app.command("events")(events)
    app.command("event")(event)


def events(project: Project = None, data: Data = None, json: Json = False) -> None:
    """Which events arrive: how often, since when, and which of them no rule knows, with what they might be."""
    with server(data) as client:
        name = client.only_project(project)
        answer = client.get("/v1/event-names", project=name)
    if json:
        print_json({"project": name, **answer})
        return
    if not answer["data"]:
        say(f"No event of {name} has arrived yet.")
        return
    print_table(
        ["EVENT", "TYPE", "COUNT", "FIRST SEEN", "LAST SEEN", "MAPPED"],
        [
            [row["name"] or "", row["type"], f"{row['count']:,}", row["first_seen"], row["last_seen"], _mapped(row)]
            for row in answer["data"]
        ],
    )
    if answer["other"]:
        say(f"and {counted(answer['other'], 'event')} of further names, counted together. Are there ids in your events' names?")
    for row in answer["data"]:
        if row["suggestion"]:
            say(f"`{row['name']}` x{row['count']:,}: map to `{row['suggestion']}`?")
    for each in answer["waiting"]:
        say(f"asleep: rule '{each['rule']}' waits for {' or '.join(each['never_arrived'])}, which never arrived")


def event(
    message_id: Annotated[str, typer.Argument(help="Its messageId (PostHog: uuid; CloudEvents: id@source).")],
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """One event's way: from its request to the webhook, or to the reason why there is none."""
    with server(data) as client:
        path = client.get(path_of("events", message_id), project=client.only_project(project))
    if json:
        print_json(path)
        return
    for step in path["steps"]:
        say(f"{step['at'] or '':<24}  {step['text']}")
    if not path["whole"]:
        note(f"Looked at {path['looked_at']:,} records, which is not all that the log holds.")


def _mapped(row: dict[str, object]) -> str:
    return "yes" if row["mapped"] else "no"
