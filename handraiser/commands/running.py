"""`handraiser up`, each service by itself, and `migrate`.

What they run is imported when they run it: the other commands need none of it and answer in a third of the time.
"""

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from handraiser.data_folder import DataFolder
from handraiser.options import Data, Json
from handraiser.output import print_json, say
from runtime.settings import read_settings

Host = Annotated[str, typer.Option("--host", help="Where to listen; 0.0.0.0: everywhere.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="0: any free one.")]


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("ingest")(ingest)
    app.command("detector")(detector)
    app.command("notifier")(notifier)
    app.command("migrate")(migrate_)


def up(
    trial: Annotated[bool, typer.Option("--try", help="Make the pretend product acme-mail and play its customers.")] = False,
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    json: Json = False,
) -> None:
    """The whole product on this machine, until Ctrl-C. It prints each lead as it is delivered."""
    gc.disable()  # what is loaded stays: `open_ground` puts it aside, and collects from then on
    from handraiser.up import Options, run_up  # noqa: PLC0415 - see the module

    run_up(Options(trial, data, host, port, json))


def ingest(data: Data = None, host: Host = "127.0.0.1", port: Port = 8080, json: Json = False) -> None:
    """Only ingest: events in, durable in the log. Logs JSON to standard output."""
    _serve("ingest", data, host, port, json)


def detector(
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    json: Json = False,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Only the detector: events in, lead events out. Logs JSON to standard output."""
    if supervised:
        gc.disable()
        from handraiser.supervised import run_supervised  # noqa: PLC0415 - see the module

        raise typer.Exit(run_supervised(read_settings(os.environ, data)))
    _serve("detector", data, host, port, json)


def notifier(data: Data = None, host: Host = "127.0.0.1", port: Port = 8080, json: Json = False) -> None:
    """Only the notifier: lead events in, signed webhooks out. Logs JSON to standard output."""
    _serve("notifier", data, host, port, json)


def _serve(name: str, data: Path | None, host: str, port: int, as_json: bool) -> None:
    gc.disable()
    from handraiser.services import run_service  # noqa: PLC0415 - see the module

    run_service(name, data, host, port, as_json)


def migrate_(data: Data = None, json: Json = False) -> None:
    """Bring the databases to this version. Running it again changes nothing."""
    from handraiser.migrate import migrate  # noqa: PLC0415 - see the module

    settings = read_settings(os.environ, data)
    if settings.database_url is None:
        DataFolder(settings.data).make()
    revisions = migrate(settings)
    if json:
        print_json({"revisions": revisions})
    else:
        say(f"The databases of {', '.join(revisions)} are at migration {next(iter(revisions.values()))}.")
