"""What was delivered or skipped, and what is dead, goes after 30 days, with its attempts; nothing else does."""

import threading

import pytest
import sqlalchemy as sa

from notifier.core.delivery import Status
from notifier.store import NotifierStore
from notifier.tables import attempts, deliveries
from notifier.worker import KEPT_MS, SWEEP_MAX, SWEEP_MS
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.plans import fill, plan_of
from tests.notifier.receiver import in_turn, says


def left(engine: sa.Engine) -> tuple[int, int]:
    """Deliveries and attempts."""
    with engine.connect() as tx:
        return tuple(tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in (deliveries, attempts))  # type: ignore[return-value]


async def test_what_is_over_goes_after_30_days_with_its_attempts(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = in_turn(says(500), says(200), says(413))
    await bench.deliver(lead_event(1))
    bench.clock.pass_(5)
    await bench.notifier.run_once()
    await bench.deliver(lead_event(2))
    assert bench.statuses() == [Status.DELIVERED, Status.DEAD]
    over_at = bench.clock.now
    for bench.clock.now, kept in ((over_at + KEPT_MS, (2, 3)), (over_at + KEPT_MS + SWEEP_MS, (0, 0))):
        await bench.notifier.run_once()
        assert left(bench.engine) == kept
    await bench.notifier.run_once()


async def test_what_was_skipped_goes_after_30_days_too(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="slack")
    await bench.deliver(lead_event(1), lead_event(2, data=lead_event(1).data | {"revision": 2}))
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED]
    assert bench.delivery_of(1).settled_at == bench.clock.now
    bench.store.deliveries.sweep(bench.clock.now, SWEEP_MAX)
    assert left(bench.engine) == (2, 1)
    bench.store.deliveries.sweep(bench.clock.now + 1, SWEEP_MAX)
    assert left(bench.engine) == (0, 0)


async def test_what_waits_or_is_held_stays_however_old_it_is(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(name="gone")
    bench.receiver.behave = says(410)
    await bench.deliver(lead_event(1))
    bench.endpoint(name="busy")
    bench.receiver.behave = says(500)
    await bench.deliver(lead_event(2))
    assert sorted(bench.statuses()) == [Status.HELD, Status.HELD, Status.WAITING]
    bench.store.deliveries.sweep(bench.clock.now + 10 * KEPT_MS, SWEEP_MAX)
    assert left(bench.engine) == (3, 2)


async def test_a_replayed_one_is_kept_for_30_days_more(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead_event())
    bench.clock.pass_(KEPT_MS / 1000)
    bench.store.replays.replay([bench.delivery().id], bench.clock.now)
    await bench.notifier.run_once()
    bench.clock.pass_(KEPT_MS / 1000)
    await bench.notifier.run_once()
    assert left(bench.engine) == (1, 2)


def test_a_sweep_is_bounded_in_deliveries_and_in_attempts(store: NotifierStore, engine: sa.Engine) -> None:
    fill(store, engine)
    rows = [
        {"id": f"at_{n}", "delivery_id": f"dl_{0:020x}", "number": n, "started_at": n, "outcome": "failed"} for n in range(250)
    ]
    with engine.begin() as tx:
        tx.execute(attempts.insert(), rows)
    seen = []
    while store.deliveries.sweep(300, 100):
        seen.append(left(engine))
    assert seen == [(4901, 150), (4802, 50), (4702, 0)]
    assert left(engine) == (4700, 0)


def test_several_sweep_at_once(store: NotifierStore, engine: sa.Engine) -> None:
    fill(store, engine)

    def sweep() -> None:
        while store.deliveries.sweep(10_000, 100):
            pass

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while store.deliveries.sweep(10_000, 100):
        pass
    assert left(engine) == (0, 0)


def test_one_that_is_being_replayed_is_passed_over(store: NotifierStore, engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("one writer: there is no meanwhile")
    fill(store, engine)
    with engine.begin() as tx:
        tx.execute(deliveries.update().where(deliveries.c.id == f"dl_{7:020x}").values(settled_at=None))
        store.deliveries.sweep(100, 1000)
    assert left(engine) == (4901, 0)


def test_what_is_old_is_found_by_an_index(store: NotifierStore, engine: sa.Engine) -> None:
    fill(store, engine)
    old = sa.select(deliveries.c.id).where(deliveries.c.settled_at < 100).order_by(deliveries.c.settled_at).limit(100)
    assert "ix_deliveries_settled" in plan_of(old, engine)
