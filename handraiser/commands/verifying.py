"""`handraiser verify`."""

import os
from typing import Annotated

import typer

from handraiser.options import Data, Json
from runtime.settings import read_settings


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(
    lead: Annotated[str | None, typer.Argument(metavar="LEAD", help="Only this one: ld_….", show_default=False)] = None,
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only its leads.", show_default=False)] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Only its leads.", show_default=False)] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Read the log again from its beginning, recompute every lead, and compare it with what is stored. Changes nothing.

    Exit codes: 0 agreement, 1 mismatch (or it could not be tried), 3 unverifiable (the log begins later), 4 kept for erased data.
    """
    if lead is not None and (project is not None or account is not None):
        raise typer.BadParameter("name a lead, or a project and an account: a lead has both.")
    from detector.store.audit import Scope  # noqa: PLC0415 - see the module
    from handraiser.verifying import run_verify  # noqa: PLC0415 - see the module

    raise typer.Exit(run_verify(read_settings(os.environ, data), Scope(project, account, lead), json))
