"""`handraiser try`: the pretend customer against a running server. `handraiser catch`: a receiver that verifies and shows."""

import os
import secrets
import time
from typing import TYPE_CHECKING, Annotated

import typer

from handraiser.client import data_folder, find_server
from handraiser.data_folder import read_secret
from handraiser.errors import CommandError
from handraiser.options import Data, Json
from handraiser.output import note, print_json, say
from handraiser.trial.scenario import Outcome, scenario
from runtime.clock import wall_clock

if TYPE_CHECKING:
    from handraiser.trial.play import Verdict


def register(app: typer.Typer) -> None:
    app.command("try")(try_)
    app.command("catch")(catch)


def try_(
    url: Annotated[
        str | None,
        typer.Option(help="Another address; the keys stay those of the data folder or environment.", show_default=False),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="At once, not at a pace that a person can follow.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Play the pretend customer against a running `up --try`; exit code 0 only if exactly its leads came back, signed."""
    from handraiser.trial.play import Player, Target  # noqa: PLC0415 - other commands need none of it

    found = find_server(os.environ, data, url)
    folder = data_folder(os.environ, data)
    write_key = (folder and read_secret(folder.trial_key)) or os.environ.get("HANDRAISER_WRITE_KEY")
    if not write_key:
        raise CommandError(
            "no_trial_key",
            "There is no trial key: start the server with `handraiser up --try`, name its folder with --data or HANDRAISER_DATA, "
            "or set HANDRAISER_WRITE_KEY to a server key of project acme-mail.",
        )
    player = Player(Target(found.url, write_key, found.api_key), wall_clock, time.sleep, lambda step: note(f"→ {step.text}"))
    verdict = player.play(scenario(secrets.token_hex(3), wall_clock()), fast)
    if json:
        print_json(_document(verdict))
    else:
        _tell(verdict)
    if not verdict.good:
        raise typer.Exit(1)


def catch(
    secret: Annotated[str, typer.Option(help="The endpoint's secret, whsec_….")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free one.")] = 9_000,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    json: Json = False,
) -> None:
    """Receive webhooks at /catcher, verify each, show it as sales read it. Ctrl-C ends it; --json then gives them as one list."""
    from handraiser.catch import run_catch  # noqa: PLC0415 - brings a web server, which `try` does not need

    run_catch(secret, host, port, json)


def _tell(verdict: "Verdict") -> None:
    for outcome in verdict.arrived:
        say(f"  came back, signature verified:  {_words(outcome)}")
    for outcome in verdict.missing:
        say(f"  MISSING:  {_words(outcome)}")
    for outcome in verdict.unexpected:
        say(f"  NOT EXPECTED:  {_words(outcome)}")
    if verdict.good:
        say(f"All {len(verdict.arrived)} expected changes came back and no others, in {verdict.took_s:.1f} s.")
    else:
        say(f"Not as expected after {verdict.took_s:.1f} s. What the server says of itself: GET /health.")


def _words(outcome: Outcome) -> str:
    return f"{outcome.change:<16} {outcome.lead_type:<12} {outcome.account}"


def _document(verdict: "Verdict") -> dict[str, object]:
    def rows(outcomes: tuple[Outcome, ...]) -> list[dict[str, str]]:
        return [{"account": o.account, "lead_type": o.lead_type, "change": o.change} for o in outcomes]

    return {
        "ok": verdict.good,
        "arrived": rows(verdict.arrived),
        "missing": rows(verdict.missing),
        "unexpected": rows(verdict.unexpected),
        "took_s": verdict.took_s,
    }
