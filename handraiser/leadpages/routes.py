"""Where the links in leads' messages lead: a GET shows a page and does nothing, as mail scanners follow links; a POST answers."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from detector.changes import CommandRow
from detector.command_shapes import Owner
from detector.commander import Commander, new_command
from detector.lead_views import detail
from detector.shapes import LeadDetail
from detector.store import DetectorStore
from handraiser.leadpages.page import REASONS, SNOOZES, lead_page, nowhere_page
from notifier.core.links import DAYS, PATH, Action, LinkError, Links
from runtime.clock import Clock

DAY_MS = 86_400_000
FORM_BYTES_MAX = 4 * 1024
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
    "x-content-type-options": "nosniff",
}
_DONE = {
    "accept": "It is yours: everybody who hears of it knows now.",
    "reject": "Told: it is rejected.",
    "snooze": "Told: you hear of it then.",
}
_REFUSED = {
    "lead_finished": "It is finished already: below is how it ended.",
    "bad_transition": "Somebody was quicker: below is how it stands.",
}
"""By the code of a refusal, whose message is for programs."""
_LATER = "It is written down and takes effect in a moment: look again then."


def create_router(links: Links, store: DetectorStore, commander: Commander, clock: Clock) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def read(token: str) -> LeadDetail:
        """Raises LinkError."""
        lead_id = links.lead_id(token)
        row = store.leads.get(lead_id)
        if row is None:
            raise LinkError(expired=False)
        return detail(row, store.leads.events(lead_id))

    async def show(token: str, action: Action | None, told: str | None = None, status: int = 200) -> HTMLResponse:
        try:
            lead = await asyncio.to_thread(read, token)
        except LinkError as error:
            return _nowhere(error)
        return HTMLResponse(lead_page(lead, token, action, told), status, _HEADERS)

    @router.get(PATH + "{token}")
    async def lead(token: str) -> HTMLResponse:
        return await show(token, None)

    @router.get(PATH + "{token}/{action}")
    async def button(token: str, action: Action) -> HTMLResponse:
        return await show(token, action)

    @router.post(PATH + "{token}/{action}")
    async def answer(request: Request, token: str, action: Action) -> HTMLResponse:
        try:
            lead = await asyncio.to_thread(read, token)
        except LinkError as error:
            return _nowhere(error)
        try:
            commands = _commands(action, _form(await request.body()), clock())
        except ValueError as error:
            return await show(token, action, str(error), 422)
        for name, arguments in commands:
            said = {"lead": lead.lead_id, **arguments}
            row = await commander.tell(new_command(lead.project, lead.account.external_id, name, lead.lead_id, said))
            if row is None:
                return await show(token, action, _LATER, 202)
            refusal = _refusal(row, await asyncio.to_thread(read, token))
            if refusal is not None:
                return await show(token, None, refusal, 409)
        return await show(token, None, _DONE[action])

    return router


def _refusal(row: CommandRow, lead: LeadDetail) -> str | None:
    """Why an answer counts for nothing, as people read it. `lead`: as it stands now."""
    if row.status == "refused":
        return _REFUSED.get(row.code or "", row.message)
    taken_before = json.loads(row.arguments).get("status") == "accepted" and not json.loads(row.result)["changed"]
    if taken_before and json.loads(row.arguments).get("by") not in _takers(lead):
        return _REFUSED["bad_transition"]
    return None


def _takers(lead: LeadDetail) -> set[str | None]:
    """Who owns it, and who said so when it was taken; None is in it where nobody said who they are."""
    said = {change["new"] for event in lead.events for change in event.changes if change["field"] == "by"}
    return (said or {None}) | {lead.owner.get("email")}


def _form(body: bytes) -> Mapping[str, str]:
    """Raises ValueError."""
    if len(body) > FORM_BYTES_MAX:
        raise ValueError("That is too long.")
    return {name: values[-1].strip() for name, values in parse_qs(body.decode(), max_num_fields=8).items()}


def _commands(action: Action, form: Mapping[str, str], now: int) -> list[tuple[str, dict[str, Any]]]:
    """What to tell, in order. Raises ValueError."""
    if action == "reject":
        return [("outcome", {"status": "rejected", "reason": _one_of(REASONS, form.get("reason", ""))})]
    if action == "snooze":
        return [
            (
                "snooze",
                {"until": now + int(_one_of({str(days): text for days, text in SNOOZES.items()}, form.get("days", ""))) * DAY_MS},
            )
        ]
    email = form.get("email")
    if not email:
        return [("outcome", {"status": "accepted"})]
    try:
        Owner(email=email)
    except ValidationError:
        raise ValueError("That is no e-mail address.") from None
    return [("outcome", {"status": "accepted", "by": email}), ("owner", {"email": email})]


def _one_of(known: Mapping[str, str], said: str) -> str:
    if said not in known:
        raise ValueError("Choose one of the list.")
    return said


def _nowhere(error: LinkError) -> HTMLResponse:
    if error.expired:
        title, text = (
            "This link has expired",
            f"Links are good for {DAYS} days. Newer messages about the account have newer ones.",
        )
        return HTMLResponse(nowhere_page(title, text), 410, _HEADERS)
    title, text = "There is nothing here", "This link is not whole: copy all of it from the message."
    return HTMLResponse(nowhere_page(title, text), 404, _HEADERS)
