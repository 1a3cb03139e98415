"""Leads under the caps on noise, on a real database: they wait, go when there is room, or are not sent, for nobody wants them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from contracts.messages import Brake, Cap, Caps, LeadEvent
from eventlog.port import TopicPartition
from notifier.core.matching import Filters
from notifier.core.noise import HOUR_MS, STALE_MS, Scope
from notifier.core.urls import parse_url
from notifier.health import report
from notifier.store import Checkpoint, Move, NewDelivery, NotifierStore
from notifier.store_history import DeliveryFilter
from notifier.store_noise import HOW_MANY_THERE, TOLD_THERE
from notifier.tables import deliveries, endpoints, noise_hours, noise_projects, noise_told, noise_waiting
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.plans import asked_of, plan_of

DAY_S = 24 * 3600
ONE_A_DAY = Caps(endpoint=Cap(leads=1, per_ms=DAY_S * 1000))


@pytest.fixture
def lead(lead_event: LeadEvents) -> LeadEvents:
    """Lead events number `number`: each about a lead of its own, unless `of` says of which."""

    def make(number: int = 1, *, of: int | None = None, caps: Caps = ONE_A_DAY, **changes: Any) -> LeadEvent:
        envelope = {name: changes.pop(name) for name in ("type", "explicit", "project", "timestamp") if name in changes}
        n = number if of is None else of
        data = {"lead_id": f"ld_{n:020x}", "revision": 1, "status": "open", "lead_type": "pql", "to": "sales"} | changes
        return lead_event(number, account=f"acc_{n}", caps=caps, data=data, **envelope)

    return make


async def test_what_is_over_a_cap_waits_and_goes_when_there_is_room_with_fresh_tries(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    assert await bench.deliver(lead(1), lead(2)) == 1
    assert bench.statuses() == ["delivered", "capped"]
    waits = bench.store.history.get(bench.delivery_of(2).id)
    assert waits is not None
    assert (waits.last_error, waits.due_at) == ("cap_endpoint", bench.clock.now + DAY_S * 1000)
    bench.clock.pass_(DAY_S - 1)
    assert await bench.notifier.run_once() == 0
    bench.clock.pass_(1)
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == ["delivered", "delivered"]
    assert bench.delivery_of(2).tries_since == bench.clock.now
    assert [each["id"] for each in bench.receiver.payloads()] == [lead(1).id, lead(2).id]


async def test_of_several_the_best_goes_first(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    cold, warm = lead(1), lead(2, temperature="warm", score={"total": 50})
    warmer, hot = lead(3, temperature="warm", score={"total": 60}), lead(4, temperature="hot")
    await bench.deliver(cold, warm, warmer, hot)
    for _ in range(3):
        bench.clock.pass_(DAY_S)
        await bench.notifier.run_once()
    assert [each["id"] for each in bench.receiver.payloads()] == [each.id for each in (hot, warmer, warm, cold)]


async def test_what_becomes_of_a_waiting_lead_waits_with_it_and_goes_in_order(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    await bench.deliver(lead(3, of=2, type="lead.updated", revision=2), lead(4, of=2, type="lead.overdue", revision=3))
    assert bench.statuses() == ["delivered", "capped", "capped", "skipped"]  # nobody was told, so nobody is late
    bench.clock.pass_(DAY_S)
    assert await bench.notifier.run_once() == 2
    await bench.deliver(lead(5, of=2, type="lead.updated", revision=4))  # it is known now
    assert bench.statuses() == ["delivered", "delivered", "delivered", "skipped", "delivered"]


async def test_a_hotter_waiting_lead_goes_before_others(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1, temperature="hot"), lead(2, temperature="warm"), lead(3))
    await bench.deliver(lead(4, of=3, type="lead.updated", revision=2, temperature="hot"))
    bench.clock.pass_(DAY_S)
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered", "capped", "delivered", "delivered"]


async def test_a_request_lets_its_waiting_lead_go(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    await bench.deliver(lead(3, of=2, type="lead.updated", revision=2, explicit=True))
    assert bench.statuses() == ["delivered"] * 3


async def test_a_waiting_lead_that_somebody_accepts_is_let_go(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    await bench.deliver(lead(3, of=2, type="lead.accepted", revision=2, status="accepted"))
    assert bench.statuses() == ["delivered"] * 3


async def test_a_lead_that_ends_while_it_waits_is_not_sent(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    await bench.deliver(lead(3, of=2, type="lead.won", revision=2, status="won"))
    assert bench.statuses() == ["delivered", "skipped", "skipped"]
    assert {bench.delivery_of(n).last_error for n in (2, 3)} == {"untold"}
    bench.clock.pass_(DAY_S)
    assert await bench.notifier.run_once() == 0
    assert not rows(bench, noise_waiting)


async def test_what_became_of_a_lead_that_is_known_never_waits(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2, of=1, type="lead.updated", revision=2))
    await bench.deliver(lead(3, of=1, type="lead.won", revision=3, status="won"))
    assert bench.statuses() == ["delivered"] * 3


async def test_a_lead_that_ends_as_room_comes_is_not_sent_either(bench: Bench, lead: LeadEvents) -> None:
    """Time has made room, or newer caps have: it is due just when it ends."""
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    bench.clock.pass_(DAY_S)
    two_days = Caps(endpoint=Cap(leads=1, per_ms=2 * DAY_S * 1000))
    await bench.deliver(lead(3, of=2, type="lead.won", revision=2, status="won", caps=two_days))
    assert bench.statuses() == ["delivered", "skipped", "skipped"]
    assert {bench.delivery_of(n).last_error for n in (2, 3)} == {"untold"}
    assert not rows(bench, noise_waiting)


async def test_a_lead_that_is_over_when_it_is_first_heard_of_goes_if_there_is_room_and_never_waits(
    bench: Bench, lead: LeadEvents
) -> None:
    """As after an hour without a notifier."""
    bench.endpoint()
    ended = {"type": "lead.retracted", "revision": 2, "status": "retracted"}
    await bench.deliver(lead(1, temperature="hot"), lead(2, of=1, **ended), lead(3))
    assert bench.statuses() == ["skipped", "skipped", "delivered"]  # what is open has the room
    bench.clock.pass_(DAY_S)
    await bench.deliver(lead(4), lead(5, of=4, **ended))
    assert bench.statuses()[3:] == ["delivered", "delivered"]
    assert not rows(bench, noise_waiting)


async def test_a_lead_that_was_accepted_and_won_since_is_told_of_whatever_the_caps_say(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    accepted = {"type": "lead.accepted", "revision": 2, "status": "accepted"}
    won = {"type": "lead.won", "revision": 3, "status": "won"}
    await bench.deliver(lead(3, of=2, **accepted), lead(4, of=2, **won), lead(5), lead(6, of=5, **accepted), lead(7, of=5, **won))
    while await bench.notifier.run_once():
        pass
    assert bench.statuses() == ["delivered"] * 7


async def test_that_a_lead_is_late_is_told_to_who_hears_of_nothing_else(bench: Bench, lead: LeadEvents) -> None:
    """Sales knows it, so it is late, and whoever is to hear of that does, when there is room."""
    bench.endpoint()
    boss = parse_url(bench.receiver.url("/boss"), DEVELOPMENT)
    late = {"type": "lead.overdue", "revision": 2}
    await bench.deliver(lead(1))
    await bench.deliver(lead(2, explicit=True))
    bench.store.add_endpoint("acme-mail", "boss", boss, Filters(types=("lead.overdue",)), bench.clock())
    bench.log.append(lead(3, of=1, **late), lead(4, of=2, **late))
    while await bench.notifier.run_once():
        pass
    assert sorted(bench.statuses()) == ["capped"] + ["delivered"] * 5
    bench.clock.pass_(DAY_S)
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered"] * 6


async def test_that_a_lead_is_late_of_which_nobody_was_told_never_waits(bench: Bench, lead: LeadEvents) -> None:
    boss = parse_url(bench.receiver.url("/boss"), DEVELOPMENT)
    bench.store.add_endpoint("acme-mail", "boss", boss, Filters(types=("lead.overdue",)), bench.clock())
    late = {"type": "lead.overdue", "revision": 2}
    await bench.deliver(lead(1, **late), lead(2, **late))  # sales works in the console
    assert (bench.statuses(), bench.delivery_of(2).last_error) == (["delivered", "skipped"], "untold")
    assert not rows(bench, noise_waiting)


async def test_a_lead_that_found_a_notifier_after_days_is_sent(bench: Bench, lead: LeadEvents) -> None:
    """Nothing held it back but that: it has not waited for room."""
    bench.endpoint()
    bench.clock.pass_(STALE_MS / 1000)
    long_ago = bench.clock.now - STALE_MS
    await bench.deliver(lead(1, timestamp=long_ago), lead(2, timestamp=long_ago))
    assert bench.statuses() == ["delivered", "skipped"]


async def test_caps_of_a_clock_that_was_wrong_do_not_stay(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1, timestamp=bench.clock.now + 30 * DAY_S * 1000))
    await bench.deliver(lead(2, caps=None))
    assert bench.statuses() == ["delivered", "delivered"]


async def test_a_storm_is_over_where_nobody_listens(bench: Bench, lead: LeadEvents) -> None:
    """What waits at a disabled endpoint waits for that, and nobody looks whether the brake holds it still."""
    bench.endpoint()
    caps = Caps(brake=Brake(leads=1, times=5))
    await bench.deliver(lead(1, caps=caps), lead(2, caps=caps))
    assert [each["code"] for each in report(bench.store, {}, bench.clock())["problems"]] == ["lead_storm"]
    with bench.engine.begin() as tx:
        tx.execute(endpoints.update().values(status="disabled", disabled_reason="gone"))
    assert [each["code"] for each in report(bench.store, {}, bench.clock())["problems"]] == ["endpoint_disabled"]


async def test_an_endpoint_can_be_removed_while_its_leads_are_let_go(bench: Bench, lead: LeadEvents) -> None:
    """Both change the same rows, so one waits for the other before it has any of them."""
    if bench.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    endpoint, _ = bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    mine = (noise_waiting.c.endpoint_id == endpoint.id, noise_waiting.c.lead_id == lead(2).data["lead_id"])
    with ThreadPoolExecutor(1) as pool, bench.engine.connect() as seen, bench.engine.begin() as tx:
        tx.execute(noise_projects.update().values(changed=sa.false()))
        tx.execute(noise_waiting.delete().where(*mine))
        removed = pool.submit(bench.store.delete_endpoint, endpoint.id, bench.clock())
        while not seen.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert not removed.done()
        tx.execute(deliveries.update().where(deliveries.c.status == "capped").values(status="pending", due_at=bench.clock()))
        tx.commit()
        assert removed.result()
    assert bench.statuses() == ["delivered", "dead"]


async def test_after_seven_days_a_waiting_lead_is_skipped(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    caps = Caps(endpoint=Cap(leads=1, per_ms=30 * DAY_S * 1000))
    await bench.deliver(lead(1, caps=caps), lead(2, caps=caps))
    bench.clock.pass_(STALE_MS / 1000)
    assert await bench.notifier.run_once() == 0
    assert (bench.delivery_of(2).status, bench.delivery_of(2).last_error) == ("skipped", "stale")


async def test_leads_for_the_product_and_endpoints_without_caps_know_none_and_use_none_up(bench: Bench, lead: LeadEvents) -> None:
    target = parse_url(bench.receiver.url("/crm"), DEVELOPMENT)
    bench.store.add_endpoint("acme-mail", "crm", target, Filters(), bench.clock(), caps=False)
    bench.store.add_endpoint("acme-mail", "product", target, Filters(to=("product",)), bench.clock())
    account = Caps(account=Cap(leads=1, per_ms=DAY_S * 1000))
    bench.log.append(*(lead(n, of=1, caps=account, lead_id=f"ld_{n}") for n in (1, 2)))
    bench.log.append(*(lead(n, of=1, caps=account, lead_id=f"ld_{n}", to="product") for n in (3, 4)))
    await bench.notifier.run_once()
    bench.endpoint(name="sales")
    await bench.deliver(lead(5, of=1, caps=account, lead_id="ld_5"))
    assert len(bench.statuses()) == 6
    assert "capped" not in bench.statuses()


async def test_newer_caps_are_gone_by_at_once(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1), lead(2), lead(3))
    bench.clock.pass_(1)
    roomier = Caps(endpoint=Cap(leads=3, per_ms=DAY_S * 1000))
    await bench.deliver(lead(4, caps=roomier, temperature="cold"))
    assert bench.statuses() == ["delivered", "delivered", "delivered", "capped"]  # the older of equals first
    bench.clock.pass_(1)
    await bench.deliver(lead(5, caps=ONE_A_DAY, timestamp=bench.clock.now - 1_500))  # an older lead event, of another partition
    assert [each for each in bench.statuses() if each == "delivered"] == ["delivered"] * 3
    bench.clock.pass_(DAY_S)
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered"] * 5


async def test_the_list_says_what_a_lead_waits_for_now_and_not_at_first(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    stormy = Caps(brake=Brake(leads=1, times=5))
    await bench.deliver(*(lead(n, caps=stormy) for n in (1, 2)))
    bench.clock.pass_(1)
    await bench.deliver(lead(3, caps=ONE_A_DAY))
    (second,) = bench.store.history.page(DeliveryFilter(lead_id=lead(2).data["lead_id"]), 10)
    assert (second.status, second.last_error) == ("capped", "cap_endpoint")


async def test_in_a_storm_the_excess_waits_and_health_says_so(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    caps = Caps(brake=Brake(leads=3, times=5))
    await bench.deliver(*(lead(n, caps=caps) for n in range(1, 6)))
    assert bench.statuses() == ["delivered"] * 3 + ["capped"] * 2
    said = report(bench.store, {}, bench.clock())
    (problem,) = said["problems"]
    assert (said["status"], said["capped"], problem["code"]) == ("degraded", 2, "lead_storm")
    assert "acme-mail makes far more leads than in the week before: 2 of them wait" in problem["what"]
    bench.clock.pass_(HOUR_MS / 1000)
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered"] * 5
    assert report(bench.store, {}, bench.clock())["problems"] == []


async def test_a_day_of_many_leads_loosens_the_brake(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    caps = Caps(brake=Brake(leads=1, times=24))
    await bench.deliver(*(lead(n, caps=caps) for n in range(1, 6)))
    bench.clock.pass_(2 * HOUR_MS / 1000)
    await bench.notifier.run_once()  # 24 times the mean of 5 in 24 hours
    assert bench.statuses() == ["delivered"] * 5


async def test_one_that_waits_is_sent_when_somebody_asks_for_it(bench: Bench, lead: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    await bench.deliver(lead(1), lead(2), lead(3))
    assert bench.store.noise.let_go(endpoint.id, str(lead(3).data["lead_id"]), bench.clock()) == 1
    assert bench.store.noise.let_go(endpoint.id, "ld_unknown", bench.clock()) == 0
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered", "capped", "delivered"]


async def test_what_waits_for_an_endpoint_that_is_removed_is_dead(bench: Bench, lead: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    assert bench.store.delete_endpoint(endpoint.id, bench.clock())
    assert (bench.delivery_of(2).status, bench.delivery_of(2).last_error) == ("dead", "endpoint_deleted")
    assert not rows(bench, noise_waiting)


async def test_an_account_says_where_its_leads_wait(bench: Bench, lead: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    (waiting,) = bench.store.history.waiting("acme-mail", "acc_2")
    assert (waiting.endpoint_id, waiting.held_by, waiting.since) == (endpoint.id, "endpoint", bench.clock.now)
    assert bench.store.history.waiting("acme-mail", "acc_1") == []


async def test_a_lead_event_that_comes_again_takes_up_no_more_room(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1))
    await bench.deliver(lead(1), lead(1))
    assert len(rows(bench, noise_told)) == 3  # account, brake, endpoint; nobody is named


async def test_what_is_older_than_any_cap_looks_back_is_forgotten(bench: Bench, lead: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead(1))
    bench.store.noise.sweep(bench.clock() + 399 * DAY_S * 1000)
    assert len(rows(bench, noise_told)) == 3
    bench.store.noise.sweep(bench.clock() + 401 * DAY_S * 1000)
    assert not rows(bench, noise_told)


def test_what_was_told_long_ago_is_not_read_again(engine: sa.Engine) -> None:
    """A project's brake alone has a row for each lead of 400 days."""
    row = {"project": "acme-mail", "scope": "brake", "key": "acme-mail", "counts": True}
    with engine.begin() as tx:
        tx.execute(noise_told.insert(), [row | {"lead_id": f"ld_{n}", "at": n} for n in range(5_000)])
    where: dict[str, object] = {"project": "acme-mail"}
    for scope in Scope:
        where |= {f"{scope}_keys": ["acme-mail"], f"{scope}_after": 4_990, f"{scope}_until": 6_000}
    for query in (HOW_MANY_THERE, TOLD_THERE):
        plan = plan_of(query.params(where), engine)
        assert plan.count("ix_noise_told_there") + plan.count("ix_noise_told_at") == len(Scope), plan


@pytest.fixture
def asks(store: NotifierStore, engine: sa.Engine, clock: StandingClock) -> Callable[..., int]:
    """How many statements it takes to take in lead events, by what is bounded of them."""
    endpoint, _ = store.add_endpoint("acme-mail", "crm", parse_url("https://8.8.8.8/", DEVELOPMENT), Filters(), clock())
    asked, polls = asked_of(engine), count()

    def take_in(new: Sequence[LeadEvent], *, bounded: bool = True) -> int:
        before, poll = len(asked), next(polls)
        move = Move(TopicPartition("lead-events", 0), Checkpoint(poll, poll), poll + 1)
        store.take_in([move], lambda _: [NewDelivery(endpoint.id, each, b"{}", bounded=bounded) for each in new], clock())
        return len(asked) - before

    return take_in


def test_caps_ask_as_much_of_the_database_for_fifty_leads_as_for_one_and_more_only_where_they_may_hold_one_back(
    asks: Callable[..., int], lead: LeadEvents
) -> None:
    cap = Cap(leads=54, per_ms=DAY_S * 1000)
    caps = Caps(account=cap, person=cap, endpoint=cap, brake=Brake(leads=54, times=5))

    def leads(begin: int, end: int) -> list[LeadEvent]:
        return [lead(n, caps=caps, people=[{"external_id": f"u_{n}"}]) for n in range(begin, end)]

    asks(leads(1, 2))  # makes the project's row
    without = asks(leads(2, 3), bounded=False)
    assert asks(leads(3, 4)) - without == 6  # docs/decisions/0033
    assert asks(leads(4, 54)) - without == 6
    assert asks(leads(54, 56)) - without == 6  # the last that there is room for
    assert asks(leads(56, 66)) - without == 8  # also what was told there, the hours before and who waits; nothing is told


def test_where_many_leads_an_hour_are_usual_those_of_the_hour_are_counted_and_not_read(
    asks: Callable[..., int], engine: sa.Engine, clock: StandingClock, lead: LeadEvents
) -> None:
    caps = Caps(brake=Brake(leads=20, times=5))
    asks([lead(1, caps=caps)])
    without = asks([lead(2, caps=caps)], bounded=False)
    hour = clock() // HOUR_MS
    with engine.begin() as tx:
        tx.execute(noise_hours.insert(), [{"project": "acme-mail", "hour": hour - n, "leads": 100} for n in range(1, 25)])
    assert asks([lead(n, caps=caps) for n in range(3, 43)]) - without == 7  # the hours, for 40 are more than 20
    assert asks([lead(n, caps=caps) for n in range(43, 45)]) - without == 7


def test_two_processes_never_fill_the_same_room(
    store: NotifierStore, engine: sa.Engine, clock: StandingClock, lead: LeadEvents
) -> None:
    """Each takes in partitions of its own, at the same time."""
    endpoint, _ = store.add_endpoint("acme-mail", "crm", parse_url("https://8.8.8.8/", DEVELOPMENT), Filters(), clock())
    caps = Caps(endpoint=Cap(leads=5, per_ms=DAY_S * 1000))

    def take_in(partition: int) -> None:
        for n in range(10):
            event = lead(partition * 100 + n, caps=caps)
            at, before = TopicPartition("lead-events", partition), Checkpoint(n, n)
            delivery = NewDelivery(endpoint.id, event, b"{}", bounded=True)
            store.take_in([Move(at, before, n + 1)], partial(_only, delivery), clock())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take_in, range(4)))
    with engine.connect() as tx:
        rows = tx.execute(sa.select(deliveries.c.status, sa.func.count()).group_by(deliveries.c.status))
        assert sorted(map(tuple, rows)) == [("capped", 35), ("pending", 5)]


def _only(delivery: NewDelivery, _: object) -> list[NewDelivery]:
    return [delivery]


async def test_what_was_let_go_is_counted(bench: Bench, lead: LeadEvents) -> None:
    name, labels = "handraiser_notifier_deliveries_total", {"status": "let_go"}
    before = REGISTRY.get_sample_value(name, labels) or 0
    bench.endpoint()
    await bench.deliver(lead(1), lead(2))
    bench.clock.pass_(DAY_S)
    await bench.notifier.run_once()
    assert REGISTRY.get_sample_value(name, labels) == before + 1


def rows(bench: Bench, table: sa.Table) -> list[Any]:
    with bench.engine.connect() as tx:
        return list(tx.execute(sa.select(table)))
