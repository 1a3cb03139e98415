"""A stored lead, and what became of an answer to it, in; an HTML page out. Nothing is loaded and no script runs in it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from detector.shapes import LeadDetail
from notifier.core import reading
from notifier.core.links import ACTIONS, Action
from notifier.core.payload import label

REASONS: Final = {
    "not_a_fit": "Not a fit",
    "no_budget": "No budget",
    "bad_timing": "Bad timing",
    "competitor": "Uses somebody else",
    "in_contact": "We are in contact already",
    "wrong_person": "Nobody to talk to",
}
"""Why a lead is rejected: what is stored, and what the page calls it."""
SNOOZES: Final = {1: "until tomorrow", 3: "for 3 days", 7: "for a week", 30: "for 30 days"}
"""Days, and what the page calls them."""
_STATUSES: Final = {"retracted": "no longer holds"}
_UNFINISHED: Final = frozenset({"open", "accepted", "opportunity"})
_templates = Environment(
    loader=PackageLoader("handraiser.leadpages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def lead_page(lead: LeadDetail, token: str, action: Action | None = None, told: str | None = None) -> str:
    """`action`: the one that was clicked in the message; its button comes first. `told`: what an answer came to."""
    data = lead.model_dump()
    possible = [each for each in ACTIONS if lead.status in _UNFINISHED and (each != "accept" or lead.status == "open")]
    return _templates.get_template("lead.html").render(
        lead=lead,
        kind=label(lead.lead_type),
        status=_STATUSES.get(lead.status, lead.status),
        token=token,
        actions=sorted(possible, key=lambda each: each != action),
        clicked=action,
        told=told,
        reasons=REASONS,
        snoozes=SNOOZES,
        limits=[each for each in lead.usage if each["used"]],
        points=_points(lead.score),
        said=[*lead.told_us.items(), *lead.source.items()],
        offer=reading.offer(data | {"recommended_action": None}),
        care=reading.care(data | {"told_us": {}}),
        life=[(event, _brought(event.changes)) for event in lead.events],
        name_of=reading.name_of,
        when=_when,
        number="{:,}".format,
    )


def nowhere_page(title: str, text: str) -> str:
    """For a link that leads to no lead."""
    return _templates.get_template("nowhere.html").render(title=title, text=text)


def _brought(changes: Sequence[Mapping[str, Any]]) -> str:
    """What a step of its life changed besides the status, and what sales said with it."""
    said = [
        _SAID[change["field"]](change.get("rule"), change["old"], change["new"]) for change in changes if change["field"] in _SAID
    ]
    return "; ".join(said)


def _points(score: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return [] if score is None else score["contributions"]


def _when(text: str | None) -> str:
    """ISO 8601 as people read it."""
    if text is None:
        return ""
    at = datetime.fromisoformat(text)
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M} UTC"


_SAID: Final[Mapping[str, Callable[[Any, Any, Any], str]]] = {
    "signal": lambda rule, old, _: f"new signal of {rule}" if old is None else f"a signal of {rule} did not hold",
    "step": lambda rule, _, new: f"{rule}: {new or 'no step'}",
    "temperature": lambda _, __, new: f"now {new}" if new else "no temperature",
    "owner": lambda _, __, new: f"owner {new or 'nobody'}",
    "snoozed_until": lambda _, __, new: f"until {_when(new)}" if new else "the snooze has ended",
    "disputed": lambda _, __, new: "disputed" if new else "no longer disputed",
    "reason": lambda _, __, new: REASONS.get(new, str(new)),
    "amount": lambda _, __, new: f"amount {new}",
    "by": lambda _, __, new: f"by {new}",
}
"""By field: what people read of a change, from its rule, old and new."""
