"""`handraiser projects create|list|set`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from handraiser.client import path_of
from handraiser.errors import CommandError
from handraiser.options import Data, Json, server
from handraiser.output import note, print_fields, print_json, print_table, say
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


@app.command("set")
def set_(  # noqa: PLR0913, PLR0917 - one for each setting
    name: Annotated[str, typer.Argument(help="The project.")],
    cloudevents_subject: Annotated[
        Literal["account", "person"] | None, typer.Option(help="What the subject of a CloudEvent is the id of.")
    ] = None,
    posthog_group: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="The PostHog group type that is the account; an empty text: the usual ones."),
    ] = None,
    keep_addresses: Annotated[
        bool | None, typer.Option("--keep-addresses/--drop-addresses", help="IP addresses and user agents.")
    ] = None,
    event_bytes_max: Annotated[
        int | None, typer.Option(metavar="BYTES", help="How large an event may be: 262144 as made, 786432 at most.")
    ] = None,
    properties: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="Keep only these properties; all: every one.", show_default=False)
    ] = None,
    traits: Annotated[str | None, typer.Option(metavar="NAME,…", help="The same of traits.", show_default=False)] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say how a project's events are read, and what of them is kept, from now on. Without options: shows it."""
    change: dict[str, Any] = {
        "cloudevents_subject": cloudevents_subject,
        "keep_addresses": keep_addresses,
        "event_bytes_max": event_bytes_max,
    }
    change = {field: value for field, value in change.items() if value is not None}
    change |= {} if posthog_group is None else {"posthog_group": posthog_group or None}
    for field, names in (("properties", properties), ("traits", traits)):
        change |= {} if names is None else {field: _names(names)}
    with server(data) as client:
        project = client.patch(path_of("projects", name), change)
    if json:
        print_json(project)
    else:
        print_fields([(field, _shown(field, value)) for field, value in project.items()])


def _names(text: str) -> list[str] | None:
    return None if text == "all" else [name for each in text.split(",") if (name := each.strip())]


def _shown(field: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if value is None:
        return "the usual ones" if field == "posthog_group" else "all"
    return str(value).lower() if isinstance(value, bool) else str(value)
