"""`handraiser catch`: in, signed webhooks on a port of its own; out, each whose signature is good, as a salesperson reads it."""

import asyncio
import sys
from typing import Any

import uvloop
from fastapi import FastAPI
from standardwebhooks import Webhook

from handraiser.card import CardLine, card
from handraiser.catcher import Catcher, Caught, create_router
from handraiser.errors import CommandError
from handraiser.output import note, print_card, print_json
from handraiser.serving import bind, port_of, stop_on_signals, web_server
from handraiser.web import new_app
from runtime.clock import wall_clock


def run_catch(secret: str, host: str, port: int, as_json: bool) -> None:
    """Until Ctrl-C or SIGTERM. Raises CommandError for a secret that is none, or a port that cannot be had."""
    if not _is_secret(secret):
        raise CommandError(
            "bad_secret", "That is not a webhook secret: it is whsec_ and base64, as `handraiser endpoints add` printed it."
        )
    listener = bind(host, port)
    tell = _tell_line if as_json else _tell_card
    catcher = Catcher(lambda: [secret], wall_clock, on_caught=tell, on_refused=_tell_refused)
    app = new_app("Handraiser catcher")
    app.include_router(create_router(catcher, lambda _key: False))
    note(f"Waiting at http://{host}:{port_of(listener)}/catcher; Ctrl-C ends it.")
    uvloop.run(_serve(app, listener))
    if as_json:
        print_json({"data": [{"webhook_id": c.webhook_id, "payload": c.payload} for c in catcher.caught()]})
    sys.stdout.flush()


def _is_secret(text: str) -> bool:
    try:
        Webhook(text)
    except Exception:  # the package raises whatever base64 does
        return False
    return text.startswith("whsec_")


async def _serve(app: FastAPI, listener: Any) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    server = web_server(app)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await stop.wait()
    server.should_exit = True
    await serving


def _tell_line(caught: Caught) -> None:
    """The document comes at the end."""
    note(caught_line(caught))


def _tell_refused() -> None:
    note("Refused (401): not signed with this secret, or more than 5 minutes ago. Is it the one of this endpoint?")


def _tell_card(caught: Caught) -> None:
    print_card([*card(caught.payload, caught.webhook_id, None), CardLine("", "", "")])


def caught_line(caught: Caught) -> str:
    """What one message says, for people: type, lead type, account, summary and id."""
    payload = caught.payload
    data = payload.get("data") or {}
    account = data.get("account") or {}
    words = [
        str(payload.get("type", "?")),
        str(data.get("lead_type") or ""),
        str(data.get("temperature") or ""),
        str(account.get("name") or account.get("external_id") or ""),
        str(data.get("summary") or ""),
        caught.webhook_id,
    ]
    return "  ".join(word for word in words if word)
