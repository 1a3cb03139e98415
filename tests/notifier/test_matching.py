"""Which endpoint hears of which lead event."""

from dataclasses import replace
from typing import Any

import pytest

from notifier.core.matching import CLOCK_SKEW_MS_MAX, Filters, Subscription, matching, type_matches, wants
from tests.notifier.conftest import LeadEvents, StandingClock


@pytest.fixture
def everything(clock: StandingClock) -> Subscription:
    return Subscription("ep_1", "acme-mail", "standard", Filters(), clock.now)


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("*", "lead.created", True),
        ("lead.*", "lead.won", True),
        ("lead.*", "endpoint.test", False),
        ("lead.created", "lead.created", True),
        ("lead.created", "lead.created2", False),
        ("lead", "lead.created", False),
        ("", "lead.created", False),
    ],
)
def test_a_pattern_ends_in_a_star_or_is_the_type(pattern: str, event_type: str, matches: bool) -> None:
    assert type_matches(pattern, event_type) is matches


def test_an_endpoint_hears_of_its_own_project_only(everything: Subscription, lead_event: LeadEvents) -> None:
    assert wants(everything, lead_event())
    assert not wants(everything, lead_event(project="other"))


def test_shadow_events_are_never_delivered(everything: Subscription, lead_event: LeadEvents) -> None:
    assert not wants(everything, lead_event(mode="shadow"))


def test_what_nobody_is_to_hear_of_is_never_delivered(everything: Subscription, lead_event: LeadEvents) -> None:
    assert not wants(everything, lead_event(notify=False))


def test_an_endpoint_does_not_hear_of_what_was_before_it(
    everything: Subscription, lead_event: LeadEvents, clock: StandingClock
) -> None:
    assert wants(everything, lead_event(timestamp=clock.now - CLOCK_SKEW_MS_MAX))
    assert not wants(everything, lead_event(timestamp=clock.now - CLOCK_SKEW_MS_MAX - 1))


def test_lead_types_filter(everything: Subscription, lead_event: LeadEvents) -> None:
    only_xql = replace(everything, filters=Filters(lead_types=("xql",)))
    assert not wants(only_xql, lead_event())
    assert wants(only_xql, lead_event(data={"lead_type": "xql"}))


def test_temperature_filters(everything: Subscription, lead_event: LeadEvents) -> None:
    heat = ("cold", "warm", "hot", None)
    events = [lead_event(data={"temperature": each}) for each in heat]
    hot, warmer = (replace(everything, filters=Filters(temperature=each)) for each in (("hot",), ("warm", "hot")))
    assert [wants(hot, event) for event in events] == [False, False, True, False]
    assert [wants(warmer, event) for event in events] == [False, True, True, False]
    assert all(wants(everything, event) for event in events)


def test_a_lead_is_wanted_when_it_is_in_any_of_the_segments(everything: Subscription, lead_event: LeadEvents) -> None:
    two = replace(everything, filters=Filters(segments=("smb", "dach")))
    inside = [["smb"], ["x", "dach"], ["x"], []]
    assert [wants(two, lead_event(data={"segments": each})) for each in inside] == [True, True, False, False]
    assert not wants(two, lead_event())


@pytest.mark.parametrize(
    ("type_", "data", "wanted"),
    [
        ("lead.created", {"signals": [{"step": "80%"}]}, False),
        ("lead.created", {"signals": [{"step": None}, {"step": "100%"}]}, True),
        ("lead.created", {"signals": [{"step": "refused"}]}, True),
        ("lead.updated", {"changes": [{"field": "step", "old": "80%", "new": "100%"}], "signals": [{"step": "100%"}]}, True),
        ("lead.updated", {"changes": [{"field": "step", "old": "100%", "new": "80%"}], "signals": [{"step": "80%"}]}, False),
        ("lead.updated", {"changes": [{"field": "signal", "old": None, "new": "refused"}]}, True),
        ("lead.updated", {"changes": [{"field": "signal", "old": "100%", "new": None}]}, False),
        (
            "lead.updated",
            {"changes": [{"field": "temperature", "old": "warm", "new": "hot"}], "signals": [{"step": "100%"}]},
            False,
        ),
        ("lead.won", {"changes": [{"field": "status", "old": "open", "new": "won"}], "signals": [{"step": "100%"}]}, False),
    ],
)
def test_a_step_is_wanted_when_this_lead_event_tells_of_it(
    everything: Subscription, lead_event: LeadEvents, type_: str, data: dict[str, Any], wanted: bool
) -> None:
    full = replace(everything, filters=Filters(steps=("100%", "refused")))
    assert wants(full, lead_event(type=type_, data=data)) is wanted


def test_what_is_for_the_product_itself_reaches_only_who_asks_for_it(everything: Subscription, lead_event: LeadEvents) -> None:
    for_sales, for_product = (lead_event(data={"lead_type": "x", "to": to}) for to in ("sales", "product"))
    product = replace(everything, filters=Filters(to=("product",)))
    both = replace(everything, filters=Filters(to=("sales", "product")))
    wanted = [[wants(endpoint, event) for event in (for_sales, for_product)] for endpoint in (everything, product, both)]
    assert wanted == [[True, False], [False, True], [True, True]]


def test_a_lead_is_wanted_by_the_teams_that_it_is_for(everything: Subscription, lead_event: LeadEvents) -> None:
    teams = ("sales", "success", "marketing", "product")
    events = [lead_event(data={"lead_type": "x", "to": to}) for to in teams]
    for wanted in teams:
        of_one = replace(everything, filters=Filters(to=(wanted,)))
        assert [wants(of_one, event) for event in events] == [team == wanted for team in teams]
    assert [wants(everything, event) for event in events] == [True, True, True, False]


def test_a_lead_event_that_comes_twice_makes_each_pair_once(everything: Subscription, lead_event: LeadEvents) -> None:
    other = replace(everything, endpoint_id="ep_2")
    pairs = matching([everything, other], [lead_event(1), lead_event(2), lead_event(1)])
    assert [(subscription.endpoint_id, event.id[-1]) for subscription, event in pairs] == [
        ("ep_1", "1"),
        ("ep_2", "1"),
        ("ep_1", "2"),
        ("ep_2", "2"),
    ]
