"""What the shell does about whom leads are not: metrics, and accounts of which all events were dropped."""

import pytest
from prometheus_client import REGISTRY

from detector.account_reading import AccountReading
from detector.account_view import AccountViews
from runtime.web import ApiError
from tests.detector.shell.samples import HOUR, NOON, contacts, usage_event
from tests.detector.shell.world import RULEBOOK, World

MORE = """
drop_events: [person.email_domain in staff, properties.impersonated]
suppress: [account.is_test]
rules:
  limit: {mode: shadow}
lead_types:
  service_sql: {expires: 20d}
"""


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"handraiser_detector_{name}_total", labels) or 0


def test_dropped_events_are_counted_and_an_account_of_nothing_else_is_none(world: World) -> None:
    before = counted("events_dropped")
    world.apply(RULEBOOK + MORE)
    world.send(usage_event("i1", "identify", person="eva", account="ours", traits={"email": "eva@acme.example"}))
    world.send(usage_event("m1", name="Opened", person="eva", account="ours"))
    world.send(usage_event("m2", name="Opened", person="ada", account="theirs", properties={"impersonated": True}))
    world.drain()
    world.restart()
    world.send(usage_event("m3", name="Opened", person="eva", account="ours"))
    world.drain()

    assert counted("events_dropped") - before == 4
    assert list(world.store.accounts.load([("mail", "theirs")])) == []
    views = AccountViews(world.store, AccountReading(world.store))
    for account in ("ours", "theirs"):
        with pytest.raises(ApiError) as refused:
            views.view("mail", account, world.now)
        assert refused.value.status == 404
    world.send(usage_event("m4", name="Opened", person="ada", account="ours"))
    world.drain()
    assert [person["external_id"] for person in views.view("mail", "ours", world.now).people] == ["ada"]


def test_signals_that_nobody_is_told_of_are_counted_by_rule_and_reason(world: World) -> None:
    labels = {"project": "mail", "rule": "limit/contacts", "why": "shadow"}
    suppressed = {"project": "mail", "rule": "upgrade-request", "why": "suppressed"}
    before = counted("signals_silent", **labels), counted("signals_silent", **suppressed)
    world.apply(RULEBOOK + MORE)
    world.send(usage_event("g1", "group", account="acme", traits={"is_test": True}), contacts("m1", 487))
    world.send(usage_event("m2", name="Upgrade Clicked", person="ada", account="acme", at=NOON + 1))
    world.drain()

    assert (counted("signals_silent", **labels), counted("signals_silent", **suppressed)) == (before[0] + 1, before[1] + 1)
    assert world.leads() == []


def test_a_lead_expires_by_a_tick_on_an_idle_partition_once(world: World) -> None:
    world.apply(RULEBOOK + MORE)
    world.send(usage_event("m1", name="Upgrade Clicked", person="ada", account="acme"))
    world.drain()
    world.restart()
    for days in (20, 1):
        world.now += days * 24 * HOUR
        world.drain()
        world.drain()

    assert world.leads() == [("acme", "service_sql", "expired")]
    assert [event.type for event in world.sent()] == ["lead.created", "lead.overdue", "lead.expired"]
