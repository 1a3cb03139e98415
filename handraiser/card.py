"""A webhook comes in; the message as a salesperson reads it goes out, line by line: who, why now, what to offer, links. Pure."""

import html
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from handraiser.bodies import data_of
from notifier.core import reading
from notifier.core.payload import part

_STYLES = {"hot": "bold red", "warm": "bold yellow", "cold": "bold cyan"}
_LABEL_WIDTH, _LINK_WIDTH = 7, 12
_LINKS = {
    "lead.created": ("accept", "reject", "snooze", "lead"),
    "lead.updated": ("accept", "lead"),
    "lead.overdue": ("accept", "lead"),
}
"""Of all others the story alone."""


class CardLine(NamedTuple):
    """`style` is rich's."""

    label: str
    text: str
    style: str


def card(payload: dict[str, Any], webhook_id: str, zone: tzinfo | None) -> list[CardLine]:
    """A new lead whole, an update and an end shorter. Times are those of `zone`; None: of this machine."""
    lines = _slack(payload, webhook_id) if "type" not in payload else _lead(payload, webhook_id, zone)
    return [line._replace(text=reading.one_line(line.text)) for line in lines]


def _slack(payload: dict[str, Any], webhook_id: str) -> list[CardLine]:
    """As much of it as a notification shows."""
    return [CardLine("", html.unescape(str(payload.get("text") or "")), "bold"), CardLine("", webhook_id, "dim")]


def _lead(payload: dict[str, Any], webhook_id: str, zone: tzinfo | None) -> list[CardLine]:
    type_, data = str(payload["type"]), data_of(payload)
    at = reading.time_of(payload.get("timestamp")) or datetime.fromtimestamp(0, UTC)
    by = reading.time_of(data.get("answer_by")) if data.get("status") == "open" and type_ in reading.TOLD else None
    title = " · ".join(filter(None, (reading.title(type_, data), f"answer by {_shown(by, at, zone)}" if by else "")))
    ids = (type_, data.get("lead_id"), _revision(data), webhook_id)
    return [
        CardLine("", title, _STYLES.get(str(data.get("temperature")), "bold")),
        CardLine("", reading.summary(data), "bold"),
        *(CardLine(f"{label:<{_LABEL_WIDTH}}", text, "") for label, text in _said(type_, data, at, zone) if text),
        *_links(data, _LINKS.get(type_, ("lead",))),
        CardLine("", " · ".join(map(str, filter(None, ids))), "dim"),
    ]


def _said(type_: str, data: dict[str, Any], at: datetime, zone: tzinfo | None) -> list[tuple[str, str]]:
    who, why, care = ("Who", reading.who(data, at)), ("Why", reading.why(data)), ("Care", reading.care(data))
    match type_:
        case "lead.created":
            return [who, why, ("Offer", reading.offer(data)), care, ("Score", reading.score(data))]
        case "lead.updated":
            return [who, why, care]
        case "lead.overdue":
            return [who, why]
        case "lead.snoozed":
            until = reading.time_of(data.get("snoozed_until"))
            return [("Until", _shown(until, at, zone) if until else "now: the snooze has ended")]
        case _:
            return [("Now", _now(type_, data, at)), ("Said", reading.said(data))]


def _links(data: dict[str, Any], keys: tuple[str, ...]) -> Iterator[CardLine]:
    for key in keys:
        if url := part(data, "links").get(key):
            yield CardLine(f"{reading.LINKS[key]:<{_LINK_WIDTH}}", str(url), "blue")


def _revision(data: dict[str, Any]) -> str | None:
    return None if data.get("revision") is None else f"revision {data['revision']}"


def _shown(time: datetime, at: datetime, zone: tzinfo | None) -> str:
    """Its day too, where that is another one than the message's."""
    local = time.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == at.astimezone(zone).date() else f"{local:%a %d %b %H:%M}"


def _now(type_: str, data: dict[str, Any], at: datetime) -> str:
    """Where the account stands, once it is won or lost."""
    if type_ not in ("lead.won", "lead.lost"):
        return ""
    qualified = reading.time_of(data.get("qualified_at"))
    plan = part(data, "account").get("plan")
    seconds = (at - qualified).total_seconds() if qualified and qualified <= at else None
    span = "" if seconds is None else reading.span(seconds) if seconds >= 60 else f"{seconds:.0f} s"
    after = f"{span} after the lead" if span else ""
    return " · ".join(filter(None, (f"on {plan}" if plan else "on no plan", after)))
