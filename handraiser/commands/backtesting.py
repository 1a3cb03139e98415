"""`handraiser rules backtest`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from handraiser.options import Data, Json, Project
from handraiser.output import check_folder, note, print_json, write_page
from handraiser.rulebook_file import checked
from runtime.settings import read_settings

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(  # noqa: PLR0913, PLR0917 - the options of the command
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="HISTORY", help="Files as `import` reads them, in place of the log; none is sent.", show_default=False
        ),
    ] = None,
    rulebook: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Judge by this one, not by the newest applied version.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Count what qualified at that time or later.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Count what qualified before that time.", show_default=False)
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE[:LINE]=VALUES",
            help="Also with these values: limit=70%,90% (first step) or onboarded:active_days=2,5 (a line of `when`).",
            show_default=False,
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a report with plots.", show_default=False)] = None,
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="MAP", help="For csv, as for `import`: a YAML file, or YAML in braces.")
    ] = None,
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """What a rulebook would have found in the past: leads a week, what became of them, what differs from the live one."""
    from handraiser.backtest.asking import Question, instant  # noqa: PLC0415 - other commands need none of it
    from handraiser.backtest.page import page  # noqa: PLC0415
    from handraiser.backtest.running import backtest as run_backtest  # noqa: PLC0415
    from handraiser.backtest.telling import document, tell  # noqa: PLC0415
    from handraiser.importing.run import open_files  # noqa: PLC0415

    question = Question(
        project=project,
        parsed=None if rulebook is None else checked(rulebook, json),
        name="" if rulebook is None else rulebook.name,
        since=None if since is None else instant(since, "--from"),
        until=None if until is None else instant(until, "--to"),
        sweeps=tuple(sweep or ()),
    )
    if html is not None:
        check_folder(html)
    try:
        done = run_backtest(read_settings(os.environ, data), question, open_files(files or [], mapping))
    except KeyboardInterrupt:
        note("Stopped. Nothing was changed.")
        raise typer.Exit(INTERRUPTED) from None
    if html is not None:
        write_page(html, page(done.report))
    if json:
        print_json(document(done.report, done.took_s, done.processes))
    else:
        tell(done.report, done.took_s)
        if html is not None:
            note(f"The report is in {html}: open it in a browser.")
