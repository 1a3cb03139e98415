"""A replay sends again what is over: the same id and bytes, fresh tries, and never twice what waits already."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from prometheus_client import REGISTRY

from contracts.messages import LeadEvent
from notifier.core.delivery import DEAD_AFTER_MS, TRY_DELAYS_S, Status
from notifier.core.payload import iso
from notifier.replay_routes import create_router
from notifier.store_claiming import LEASE_MS
from notifier.store_replay import REPLAY_MAX, Stretch, stretch_query
from notifier.tables import deliveries
from runtime.web import install_error_answers
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.plans import fill, plan_of
from tests.notifier.receiver import in_turn, says

KEY = {"authorization": "Bearer ak_good"}
MONTH_S = 30 * 24 * 3600


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_answers(app)
    app.include_router(create_router(bench.store, bench.notifier, lambda key: key == "ak_good", bench.clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=KEY) as client:
        yield client


async def replay(client: httpx.AsyncClient, bench: Bench, **more: Any) -> Any:
    """Of the bench's first endpoint, all its time."""
    asked = {"from": iso(0), "to": iso(bench.clock.now + 1)} | more
    answer = await client.post(f"/v1/endpoints/{bench.store.endpoints()[0].id}/replay", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_route_of_replay_wants_an_api_key_and_something_to_replay(client: httpx.AsyncClient) -> None:
    for path, body in (("/v1/deliveries/dl_1/replay", None), ("/v1/endpoints/ep_1/replay", {"from": iso(0), "to": iso(1)})):
        answer = await client.post(path, json=body, headers={"authorization": "Bearer ak_bad"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert (await client.post(path, json=body)).status_code == 404


async def test_a_delivered_one_is_sent_again_with_the_same_id_and_bytes(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    _, secret = bench.endpoint()
    await bench.deliver(lead_event())
    bench.clock.pass_(10)
    path = f"/v1/deliveries/{bench.delivery().id}/replay"
    assert (await client.post(path)).json() == {"replayed": 1, "next": None}
    assert (bench.delivery().status, bench.delivery().tries, bench.delivery().settled_at) == (Status.WAITING, 0, None)
    assert (await client.post(path)).json() == {"replayed": 0, "next": None}
    assert await bench.notifier.run_once() == 1
    assert await bench.notifier.run_once() == 0
    first, again = bench.receiver.received
    assert again.body == first.body
    assert again.headers["webhook-id"] == first.headers["webhook-id"] == again.verified(secret)["id"]
    assert int(again.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 10
    assert [(attempt.number, attempt.outcome) for attempt in bench.attempts()] == [(1, "delivered"), (2, "delivered")]


async def test_a_dead_one_has_all_its_tries_again_however_old_it_is(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    bench.receiver.behave = in_turn(says(413), says(500))
    await bench.deliver(lead_event())
    assert bench.delivery().status == Status.DEAD
    bench.clock.pass_(2 * DEAD_AFTER_MS / 1000)
    assert (await replay(client, bench, status="dead"))["replayed"] == 1
    tries = 0
    while bench.delivery().status == Status.WAITING:
        bench.clock.now = bench.delivery().due_at
        tries += await bench.notifier.run_once()
    assert (tries, bench.delivery().status) == (len(TRY_DELAYS_S), Status.DEAD)


async def test_what_waits_or_is_being_sent_is_not_doubled(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    bench.receiver.behave = in_turn(says(500), says(200))
    await bench.deliver(lead_event(1))
    assert (await replay(client, bench))["replayed"] == 0
    bench.clock.pass_(5)
    (claim,) = bench.store.deliveries.claim(bench.clock.now).claims
    assert (await replay(client, bench))["replayed"] == 0
    assert (bench.delivery().status, bench.delivery().fence, bench.delivery().tries) == (Status.SENDING, claim.fence, 1)


async def test_a_crash_in_the_middle_of_a_replay_loses_nothing(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    await bench.deliver(lead_event())
    await replay(client, bench)
    bench.store.deliveries.claim(bench.clock.now)  # and then this process is killed
    bench.clock.pass_(LEASE_MS / 1000)
    assert await bench.another().run_once() == 1
    assert [attempt.outcome for attempt in bench.attempts()] == ["delivered", "unknown", "delivered"]
    assert bench.delivery().status == Status.DELIVERED


async def test_a_replayed_delivery_is_no_first_try(bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents) -> None:
    def first_tries() -> tuple[float | None, float | None]:
        name = "handraiser_notifier_first_try_seconds"
        return REGISTRY.get_sample_value(f"{name}_count"), REGISTRY.get_sample_value(f"{name}_sum")

    bench.endpoint()
    await bench.deliver(lead_event())
    before = first_tries()
    bench.clock.pass_(60)
    await replay(client, bench)
    assert bench.store.history.figures(bench.clock.now).first_tries_ms == [0]
    await bench.notifier.run_once()
    assert first_tries() == before
    assert bench.store.history.figures(bench.clock.now).first_tries_ms == [0]


async def test_a_held_one_that_was_never_tried_counts_from_when_its_endpoint_was_enabled(
    bench: Bench, lead_event: LeadEvents
) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(410)
    bench.log.append(*(lead_event(number) for number in range(1, 7)))
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    await bench.notifier.run_once()
    assert set(bench.statuses()) == {"held"}
    bench.clock.pass_(MONTH_S)
    bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    bench.receiver.behave = says(200)
    while await bench.notifier.run_once():
        pass
    assert bench.statuses() == ["delivered"] * 6
    assert bench.store.history.figures(bench.clock.now).first_tries_ms == [0, 0]


async def test_what_was_held_for_long_is_not_dead_at_its_first_failure(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = in_turn(says(410), says(500))
    await bench.deliver(lead_event())
    bench.clock.pass_(MONTH_S)
    bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    await bench.notifier.run_once()
    assert (bench.delivery().status, bench.delivery().tries) == (Status.WAITING, 1)


def revisions(lead_event: LeadEvents, *numbers: int) -> list[LeadEvent]:
    return [lead_event(n, data=lead_event(1).data | {"revision": n}) for n in numbers]


async def test_a_skipped_one_that_is_replayed_is_sent_though_a_newer_revision_was_delivered(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint(format_="slack")
    assert await bench.deliver(*revisions(lead_event, 1, 2)) == 1
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED]
    bench.clock.pass_(1)
    assert (await replay(client, bench, status="skipped"))["replayed"] == 1
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == [Status.DELIVERED] * 2
    assert bench.receiver.received[-1].headers["webhook-id"] == lead_event(1).id


async def test_of_a_leads_revisions_that_are_replayed_together_slack_gets_the_latest(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint(format_="slack")
    await bench.deliver(*revisions(lead_event, 1))
    bench.clock.pass_(1)
    await bench.deliver(*revisions(lead_event, 2))
    bench.clock.pass_(1)
    assert (await replay(client, bench))["replayed"] == 2
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED]


async def test_what_was_held_and_is_let_go_does_not_follow_a_newer_revision(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint(format_="slack")
    bench.receiver.behave = in_turn(says(500), says(200), says(410))
    await bench.deliver(*revisions(lead_event, 1))
    for event in (*revisions(lead_event, 2), lead_event(3)):
        bench.clock.pass_(1)
        await bench.deliver(event)
    assert bench.statuses() == [Status.HELD, Status.DELIVERED, Status.HELD]
    bench.clock.pass_(1)
    bench.receiver.behave = says(200)
    bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED, Status.DELIVERED]


async def test_a_stretch_is_replayed_page_by_page_and_by_status(bench: Bench, client: httpx.AsyncClient) -> None:
    endpoint, _ = bench.endpoint()
    bench.clock.pass_(1)
    other, _ = bench.endpoint()
    made = bench.clock.now
    row = {"type": "lead.updated", "body": b"{}", "tries": 1, "fence": 1, "settled_at": made}
    rows = [
        row | {"id": f"dl_{n:020x}", "endpoint_id": endpoint.id, "lead_event_id": f"le_{n}", "created_at": made + n // 3}
        | {"status": "dead" if n % 2 else "delivered"}
        for n in range(2 * REPLAY_MAX + 2)
    ]  # fmt: skip
    rows.append(row | {"id": "dl_other", "endpoint_id": other.id, "lead_event_id": "le_1", "created_at": made, "status": "dead"})
    with bench.engine.begin() as tx:
        tx.execute(deliveries.insert(), rows)
    inside = {"from": iso(made), "to": iso(made + REPLAY_MAX)}
    dead = await replay(client, bench, **inside, status="dead")
    assert dead["replayed"] == REPLAY_MAX
    rest = await replay(client, bench, **inside, status="dead", cursor=dead["next"])
    assert rest == {"replayed": 1, "next": None}
    again = await replay(client, bench, **inside)
    assert again["replayed"] == REPLAY_MAX
    assert await replay(client, bench, **inside, cursor=again["next"]) == {"replayed": 1, "next": None}
    assert await replay(client, bench, **{"from": iso(made + 1000), "to": iso(made + 2000)}) == {"replayed": 0, "next": None}
    with bench.engine.connect() as tx:
        assert list(tx.scalars(sa.select(deliveries.c.id).where(deliveries.c.status != "waiting"))) == ["dl_other"]


async def test_from_is_within_the_stretch_and_to_is_not(bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead_event())
    made, after = iso(bench.clock.now), iso(bench.clock.now + 1)
    assert (await replay(client, bench, **{"from": iso(0), "to": made}))["replayed"] == 0
    assert (await replay(client, bench, **{"from": after, "to": iso(bench.clock.now + 9)}))["replayed"] == 0
    assert (await replay(client, bench, **{"from": made, "to": after}))["replayed"] == 1


async def test_nothing_is_replayed_to_an_endpoint_that_is_disabled_or_gone(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(410)
    await bench.deliver(lead_event())
    asked = {"from": iso(0), "to": iso(bench.clock.now + 1)}
    of_delivery = f"/v1/deliveries/{bench.delivery().id}/replay"
    for answer in (await client.post(of_delivery), await client.post(f"/v1/endpoints/{endpoint.id}/replay", json=asked)):
        assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
        assert f"endpoints enable {endpoint.id}" in answer.json()["message"]
    assert bench.store.replays.replay([bench.delivery().id], bench.clock.now) == 0
    bench.store.delete_endpoint(endpoint.id, bench.clock.now)
    gone = await client.post(of_delivery)
    assert (gone.status_code, gone.json()["code"]) == (409, "endpoint_removed")
    assert (await client.post(f"/v1/endpoints/{endpoint.id}/replay", json=asked)).status_code == 404
    assert bench.store.replays.replay([bench.delivery().id], bench.clock.now) == 0


@pytest.mark.parametrize(
    "change",
    [{"from": "2026-05-01"}, {"to": None}, {"to": 0}, {"status": "waiting"}, {"cursor": "x"}, {"cursor": "1.\0"}, {"more": 1}],
)
async def test_a_replay_of_another_shape_is_refused(client: httpx.AsyncClient, change: dict[str, object]) -> None:
    answer = await client.post("/v1/endpoints/ep_1/replay", json={"from": iso(0), "to": iso(1)} | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_stretch_reads_only_its_endpoints_rows_of_that_time(bench: Bench) -> None:
    endpoint_id = fill(bench.store, bench.engine)
    assert "ix_deliveries_endpoint" in plan_of(stretch_query(Stretch(endpoint_id, 10, 2000, after=(11, "dl_1"))), bench.engine)
