"""A lead event comes in; the bytes that a receiver gets go out, one file for each format. They are made once and kept."""

from collections.abc import Callable
from typing import Any, NamedTuple

from contracts.messages import LeadEvent
from notifier.core.formats.flat import flat
from notifier.core.formats.slack import is_material, late, slack
from notifier.core.formats.standard import standard
from notifier.core.links import Links
from notifier.core.minimal import minimal
from notifier.core.payload import Message


class Format(NamedTuple):
    """`tells` (type, `data`): whether its readers hear of such a lead event at all.

    `paced`: one request at a time, at most one a second, and of what waits only the latest revision of each lead. `late` takes a
    body and how many milliseconds after its lead event it goes out, and says so in it.
    """

    body: Callable[[Message], bytes]
    tells: Callable[[str, dict[str, Any]], bool] = lambda _type, _data: True
    paced: bool = False
    late: Callable[[bytes, int], bytes] | None = None


FORMATS = {"standard": Format(standard), "flat": Format(flat), "slack": Format(slack, is_material, paced=True, late=late)}
"""By the name that an endpoint carries."""


def lead_body(event: LeadEvent, format_: str, pii: str, links: Links | None) -> bytes:
    """What an endpoint with this format and `pii` gets of it. `links`: who makes the lead's; None: nobody does."""
    data = event.data
    if links is not None:
        data = data | {"links": links.of(str(data.get("lead_id")), str(data.get("status")))}
    if pii == "minimal":
        data = minimal(data)
    message = Message(event.id, event.schema, event.type, event.timestamp, event.project, event.mode, data)
    return FORMATS[format_].body(message)
