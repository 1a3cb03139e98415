"""Lead events and endpoints' subscriptions come in; which endpoint hears of which event goes out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from contracts.messages import LeadEvent
from notifier.core.formats import FORMATS
from notifier.core.payload import parts

PRODUCT = "product"
"""The team that is no people: the product, which mails at 80 % what sales is to hear at 100 %."""
CLOCK_SKEW_MS_MAX = 60_000
"""How far the log's clock and ours may differ: an endpoint must not miss a lead of the moment after it was made."""


class Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an endpoint wants to hear. `types`: a lead event's type or a pattern `lead.*`; `lead_types`: empty means all.

    `to`: the teams whose leads it wants; empty means those of people: what is for the product itself must be asked for.
    `segments`: the lead is in any of them; `steps`: a signal that this lead event tells has one of them. Empty means all.
    """

    types: tuple[str, ...] = ("*",)
    lead_types: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    temperature: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """An enabled endpoint, as far as matching goes. `since` is when it was made, epoch milliseconds."""

    endpoint_id: str
    project: str
    format: str
    filters: Filters
    since: int
    pii: str = "full"
    caps: bool = True


def matching(subscriptions: Sequence[Subscription], events: Iterable[LeadEvent]) -> list[tuple[Subscription, LeadEvent]]:
    """Every pair that is to become a delivery; a lead event that comes twice gives each pair once."""
    pairs: dict[tuple[str, str], tuple[Subscription, LeadEvent]] = {}
    for event in events:
        for subscription in subscriptions:
            if wants(subscription, event):
                pairs.setdefault((subscription.endpoint_id, event.id), (subscription, event))
    return list(pairs.values())


def wants(subscription: Subscription, event: LeadEvent) -> bool:
    """Live events of its own project for somebody's ears, made since the endpoint was, that filters and format let through."""
    filters = subscription.filters
    return (
        event.project == subscription.project
        and event.mode == "live"
        and event.notify
        and event.timestamp >= subscription.since - CLOCK_SKEW_MS_MAX
        and any(type_matches(pattern, event.type) for pattern in filters.types)
        and (not filters.lead_types or event.data.get("lead_type") in filters.lead_types)
        and _for_team(filters.to, event.data.get("to"))
        and (not filters.temperature or event.data.get("temperature") in filters.temperature)
        and (not filters.segments or any(each in filters.segments for each in event.data.get("segments", ())))
        and (not filters.steps or any(each in filters.steps for each in steps_told(event)))
        and FORMATS[subscription.format].tells(event.type, event.data)
    )


def _for_team(wanted: tuple[str, ...], to: object) -> bool:
    return to in wanted if wanted else to != PRODUCT


def type_matches(pattern: str, event_type: str) -> bool:
    """`lead.created` matches itself, `lead.*` all that begin `lead.`, `*` everything."""
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def steps_told(event: LeadEvent) -> list[object]:
    """The steps of the signals that it is about: of a new lead all, else of those that are new or have moved."""
    if event.type == "lead.created":
        return [signal.get("step") for signal in parts(event.data, "signals")]
    return [change.get("new") for change in parts(event.data, "changes") if change.get("field") in ("signal", "step")]
