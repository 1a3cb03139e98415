"""The command line `handraiser …`: in, arguments; out, an exit code (0 done, 1 failed, 2 wrong command line; see docs/cli.md)."""

import logging
import sys
from typing import Annotated

import typer

from eventlog.port import LogError
from handraiser import VERSION
from handraiser.commands import (
    deadletters,
    deliveries,
    endpoints,
    events,
    importing,
    keys,
    leads,
    projects,
    rules,
    running,
    trying,
    verifying,
    why,
)
from handraiser.errors import CommandError
from handraiser.output import fail, say
from runtime.settings import SettingsError

app = typer.Typer(
    name="handraiser",
    help="Turns what people do inside a SaaS product into leads that sales can act on within seconds.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for noun, text, group in (
    ("projects", "SaaS products; each has its write keys and its rulebook.", projects.app),
    ("keys", "Write keys: they only send events.", keys.app),
    ("endpoints", "Where leads are sent, as signed webhooks.", endpoints.app),
    ("deliveries", "What was sent where, and what came of it.", deliveries.app),
    ("rules", "The rulebook: check a file, test it, compare it, apply it.", rules.app),
    ("accounts", "What your CRM says of accounts.", importing.accounts),
    ("leads", "The leads there are.", leads.app),
    ("deadletters", "Events that could not be used, with the reason.", deadletters.app),
):
    app.add_typer(group, name=noun, help=text)
running.register(app)
importing.register(app)
events.register(app)
trying.register(app)
verifying.register(app)
why.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"handraiser {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and leave.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run one command. Whatever is expected to go wrong is one paragraph on standard error and exit code 1."""
    as_json = "--json" in sys.argv
    try:
        app()
    except CommandError as error:
        sys.exit(fail(error, as_json))
    except SettingsError as error:
        sys.exit(fail(CommandError("settings", str(error)), as_json))
    except LogError as error:
        sys.exit(fail(CommandError("log_unreachable", str(error)), as_json))
    except BrokenPipeError:  # the reader of our output has gone: `handraiser leads list | head -1`
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        logging.getLogger("handraiser").exception("a command failed by a defect")
        text = "Something unexpected went wrong. The log has the details (of `up`: <data>/handraiser.log). Please report it."
        sys.exit(fail(CommandError("internal", text), as_json))
