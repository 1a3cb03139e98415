"""An endpoint's breaker: when it opens, that waiting for it spends no try, that one probe closes it, and that it is shown."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from notifier import health
from notifier.app import _shown
from notifier.core.breaker import (
    CLOSED,
    FAILURES_IN_A_ROW,
    OPEN_MS_MAX,
    OPEN_MS_MIN,
    PIECE_MS,
    SPAN_MS,
    Breaker,
    after_failure,
    after_success,
)
from notifier.core.delivery import Status
from notifier.core.payload import iso
from notifier.store import Endpoint
from notifier.store_claiming import LEASE_MS
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.receiver import in_turn, says

T0 = 1_800_000_000_000


def run(outcomes: str, every_ms: int = 1_000) -> Breaker:
    """`.` a success, `x` a failure, one after another; until it opens."""
    breaker, failures = CLOSED, 0
    for n, outcome in enumerate(outcomes):
        at = T0 + n * every_ms
        failures = 0 if outcome == "." else failures + 1
        breaker = after_success(breaker, at) if outcome == "." else after_failure(breaker, failures, at, is_probe=False)
        if breaker.opened:
            return breaker
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "is_open"),
    [
        ("xxxx", False),
        ("xxxxx", True),
        ("xxxx.xxxx", False),
        ("xxxx.xxxx.", False),
        ("xxxx.xxx.x", True),  # 8 of 10, and never 5 in a row
        ("xxxx.xx.x.", False),  # 7 of 10, but the last is none
        ("xxxx.x.x.x", True),  # 7 of 10
        ("xxx.x.x.x.", False),  # 6 of 10
        ("x", False),
    ],
)
def test_it_opens_after_five_failures_in_a_row_or_seven_of_ten(outcomes: str, is_open: bool) -> None:
    assert (run(outcomes).opened > 0) is is_open


def test_seven_of_ten_are_counted_within_five_minutes_only() -> None:
    assert run("xxxx.xxx.x", every_ms=SPAN_MS // 10).opened
    assert not run("xxxx.xxx.x", every_ms=SPAN_MS // 8).opened


@given(st.lists(st.tuples(st.booleans(), st.integers(-SPAN_MS, SPAN_MS)), max_size=60))
def test_what_is_counted_is_bounded_whatever_the_clock_does(attempts: list[tuple[bool, int]]) -> None:
    breaker, at = CLOSED, T0
    for failed, step in attempts:
        at += step
        breaker = after_failure(breaker, 1, at, is_probe=breaker.opened > 0) if failed else after_success(breaker, at)
        assert len(breaker.recent) <= SPAN_MS // PIECE_MS
        assert all(0 <= failures <= of for _, of, failures in breaker.recent)
        assert breaker.until <= at + OPEN_MS_MAX or not failed


def test_it_is_open_for_30_seconds_doubling_to_15_minutes_and_closes_on_success() -> None:
    breaker, waits = run("xxxxx"), []
    for _ in range(8):
        at = breaker.until
        breaker = after_failure(breaker, 9, at, is_probe=True)
        waits.append((breaker.until - at) // 1000)
    assert run("xxxxx").until == T0 + 4_000 + OPEN_MS_MIN == T0 + 34_000
    assert waits == [60, 120, 240, 480, 900, 900, 900, 900]
    assert after_success(breaker, at) == CLOSED


def test_only_the_probe_opens_it_for_longer() -> None:
    opened = run("xxxxx")
    assert after_failure(opened, 6, T0 + 5_000, is_probe=False) == opened


def test_a_receiver_that_says_when_opens_nothing_and_a_probe_is_told_when_to_come_again() -> None:
    breaker = CLOSED
    for n in range(1, 30):
        breaker = after_failure(breaker, n, T0, is_probe=False, pause_until=T0 + 1_000)
    assert breaker == CLOSED
    assert after_failure(Breaker(3, T0), 9, T0, is_probe=True, pause_until=T0 + 7_000) == Breaker(3, T0 + 7_000)


def endpoint_of(bench: Bench) -> Endpoint:
    (endpoint,) = bench.store.endpoints()
    return endpoint


async def opened(bench: Bench, lead_event: LeadEvents, leads: int = 6) -> None:
    """Its breaker, by five failures of as many deliveries."""
    bench.endpoint()
    bench.receiver.behave = says(500)
    await bench.deliver(*(lead_event(n) for n in range(1, leads + 1)))
    while await bench.notifier.run_once():
        pass
    assert endpoint_of(bench).breaker_opened == 1
    assert len(bench.receiver.received) == FAILURES_IN_A_ROW


async def test_while_it_is_open_nothing_goes_out_and_no_try_is_spent(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    tries = [bench.delivery_of(n).tries for n in range(1, 7)]
    assert sum(tries) == 5
    bench.clock.pass_(OPEN_MS_MIN / 1000 - 0.001)
    assert [await bench.notifier.run_once(), await bench.another().run_once()] == [0, 0]
    assert [bench.delivery_of(n).tries for n in range(1, 7)] == tries


async def test_then_one_probe_goes_whoever_looks_and_its_failure_doubles_the_wait(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.clock.pass_(OPEN_MS_MIN / 1000)
    assert await bench.notifier.run_once() == 1
    assert [await bench.notifier.run_once(), await bench.another().run_once()] == [0, 0]
    assert (endpoint_of(bench).breaker_opened, endpoint_of(bench).breaker_until) == (2, bench.clock.now + 2 * OPEN_MS_MIN)


async def test_a_probe_that_is_taken_closes_it_and_the_rest_follows(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.clock.pass_(OPEN_MS_MIN / 1000)
    bench.receiver.behave = says(200)
    assert [await bench.notifier.run_once() for _ in range(4)] == [1, 4, 1, 0]
    assert endpoint_of(bench).breaker_opened == 0
    assert bench.statuses() == [Status.DELIVERED] * 6


async def test_of_many_notifiers_that_look_at_once_one_sends_the_probe(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.clock.pass_(OPEN_MS_MIN / 1000)
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: bench.store.deliveries.claim(bench.clock.now), range(8)))
    assert [claim.is_probe for each in claimed for claim in each.claims] == [True]


async def test_a_notifier_that_dies_with_the_probe_leaves_another_its_turn(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.clock.pass_(OPEN_MS_MIN / 1000)
    assert len(bench.store.deliveries.claim(bench.clock.now).claims) == 1  # and then this process is killed
    bench.clock.pass_(LEASE_MS / 1000 - 0.001)
    assert await bench.another().run_once() == 0
    bench.clock.pass_(0.001)
    assert await bench.another().run_once() == 1


async def test_one_delivery_alone_is_tried_on_schedule_though_its_endpoints_breaker_opens(
    bench: Bench, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    bench.receiver.behave = says(500)
    await bench.deliver(lead_event())
    while bench.delivery().status == Status.WAITING:
        assert bench.next_at() == bench.delivery().due_at
        bench.clock.now = bench.delivery().due_at
        assert await bench.notifier.run_once() == 1
    assert endpoint_of(bench).breaker_opened > 0


async def test_a_retry_after_of_a_probe_is_waited_for_and_then_one_goes_again(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.receiver.behave = in_turn(says(503, retry_after="600"), says(200))
    bench.clock.pass_(OPEN_MS_MIN / 1000)
    assert await bench.notifier.run_once() == 1
    bench.clock.pass_(599.999)
    assert await bench.notifier.run_once() == 0
    bench.clock.pass_(0.001)
    assert await bench.notifier.run_once() == 1
    assert endpoint_of(bench).breaker_opened == 0


async def test_enabling_an_endpoint_closes_its_breaker(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    bench.store.enable_endpoint(endpoint_of(bench).id, bench.clock.now)
    assert endpoint_of(bench).breaker_opened == 0


async def test_health_and_a_metric_show_an_open_breaker_and_until_when(bench: Bench, lead_event: LeadEvents) -> None:
    await opened(bench, lead_event)
    await bench.notifier.run_once()
    assert _shown(endpoint_of(bench)).breaker_open_until == iso(bench.clock.now + OPEN_MS_MIN)
    report = health.report(bench.store, {}, bench.clock.now)
    assert report["endpoints"] == {"ok": 0, "failing": 1, "breaker_open": 1, "disabled": 0}
    assert report["problems"][0]["what"].endswith(f"; its breaker is open until {iso(bench.clock.now + OPEN_MS_MIN)}")
    assert REGISTRY.get_sample_value("handraiser_notifier_breakers_open") == 1
