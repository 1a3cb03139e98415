"""`handraiser import FILE…`: years of history, so that accounts are known from the first day; `accounts import`: a CRM's word."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handraiser.client import data_folder, find_server
from handraiser.data_folder import read_secret
from handraiser.errors import CommandError
from handraiser.importing.access import WriteKey
from handraiser.options import Data, Json, Project
from handraiser.output import counted, note, print_json, say

if TYPE_CHECKING:
    from handraiser.importing.result import Result

INTERRUPTED = 130


accounts = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(  # noqa: PLR0913, PLR0917 - the options of the command
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=".ndjson or .csv, also with .gz.")],
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="MAP", help="For csv, which column is what: a YAML file, or YAML in braces.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, send nothing.")] = False,
    key: Annotated[
        str | None,
        typer.Option(help="A write key that may import (else HANDRAISER_WRITE_KEY, else the trial's).", show_default=False),
    ] = None,
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send history. Run it again after an interruption, or by mistake: nothing is doubled within 7 days."""
    from handraiser.importing.run import open_files, rehearse, run  # noqa: PLC0415 - other commands need none of it

    try:
        opened = open_files(files, mapping)
        result = rehearse(opened) if dry_run else run(opened, find_server(os.environ, data), _write_key(key, data), project)
    except KeyboardInterrupt:
        note("Stopped. What was accepted stays. Run the same command again to go on: nothing is doubled.")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json(result.as_json())
    else:
        _tell_rehearsal(result) if dry_run else _tell(result)
    if result.rejected:
        raise typer.Exit(1)


@accounts.callback()
def _accounts() -> None:
    """So that `import` stays a command of its own beside none."""


@accounts.command("import")
def import_accounts(  # noqa: PLR0913, PLR0917 - the options of the command
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=".csv, also with .gz.")],
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="MAP", help="Which column is what: a YAML file, or YAML in braces.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(help="When the rows were true (UTC); else when their file was written last.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, send nothing.")] = False,
    key: Annotated[
        str | None, typer.Option(help="A write key (else HANDRAISER_WRITE_KEY, else the trial's).", show_default=False)
    ] = None,
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Send what a CRM says of accounts: owners, names, ids. The same file again changes nothing; a newer one does."""
    from handraiser.importing.run import open_accounts, rehearse, send_accounts  # noqa: PLC0415 - other commands need none of it

    try:
        opened = open_accounts(files, mapping, None if as_of is None else f"{as_of.isoformat(timespec='milliseconds')}Z")
        if dry_run:
            result = rehearse(opened, history=False)
        else:
            result = send_accounts(opened, find_server(os.environ, data), _write_key(key, data), project)
    except KeyboardInterrupt:
        note("Stopped. What was accepted stays. Run the same command again to go on: nothing is doubled.")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json({name: value for name, value in result.as_json().items() if name not in ("import_id", "ended")})
    elif dry_run:
        _tell_rehearsal(result, "account")
    else:
        say(f"Imported {counted(result.accepted, 'account')} in {result.took_s:.1f} s. What they say counts within seconds.")
        _tell_problems(result)
    if result.rejected:
        raise typer.Exit(1)


def _write_key(said: str | None, data: Path | None) -> WriteKey:
    said = said or os.environ.get("HANDRAISER_WRITE_KEY")
    if said:
        return WriteKey(said, chosen=True)
    folder = data_folder(os.environ, data)
    key = folder and read_secret(folder.trial_key)
    if not key:
        raise CommandError(
            "no_write_key",
            "Which key? Make one with `handraiser keys create --project NAME --may-import` and give it as --key, or set "
            "HANDRAISER_WRITE_KEY.",
        )
    return WriteKey(key, chosen=False)


def _tell_rehearsal(result: "Result", noun: str = "event") -> None:
    say(f"{counted(result.accepted, noun)} can be imported. Nothing was sent (--dry-run).")
    for file, event in result.examples.items():
        say(f"The first one of {file}:\n  {event}")
    _tell_problems(result)


def _tell(result: "Result") -> None:
    say(f"Imported {counted(result.accepted, 'event')} in {result.took_s:.1f} s, {result.rate:,.0f} a second.")
    _tell_problems(result)
    if result.held:
        say(
            f"{counted(result.held, 'event')} of people without an account wait for a `group` that says whose they are; after "
            "10 minutes they are dead letters: handraiser deadletters list"
        )
    if result.ended:
        say("Each account's history is now judged, as a whole. Leads older than 7 days are recorded and sent to nobody.")
        say(f"See them: handraiser leads list --project {result.project}")
    elif result.accepted:
        say("This address does not tell what the detector has read: the accounts are judged 10 minutes from now.")


def _tell_problems(result: "Result") -> None:
    if result.rejected:
        say(f"{counted(result.rejected, 'row')} could not be used:")
        for line in result.problem_lines():
            say(line)
