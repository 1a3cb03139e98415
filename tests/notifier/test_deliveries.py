"""Deliveries as the API shows them: which there are, and what came of each attempt."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from contracts.messages import Cap, Caps
from notifier.core.payload import iso
from notifier.delivery_routes import ANSWER_BYTES_MAX, create_router
from notifier.store import NotifierStore
from notifier.store_history import ATTEMPTS_MAX, DeliveryFilter, page_query
from notifier.tables import attempts
from runtime.web import install_error_answers
from tests.notifier import receiver as moods
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.plans import fill, plan_of
from tests.notifier.receiver import in_turn, says

KEY = {"authorization": "Bearer ak_good"}


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_answers(app)
    app.include_router(create_router(bench.store, lambda key: key == "ak_good"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=KEY) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/deliveries"), ("GET", "/v1/deliveries/dl_1")])
async def test_every_route_of_deliveries_wants_an_api_key(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, headers={"authorization": "Bearer ak_bad"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    if "dl_1" in path:
        unknown = await client.request(method, path)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery_not_found")
        assert "dl_1" in unknown.json()["message"]


async def test_a_delivery_is_shown_with_each_attempt_and_what_to_do(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = in_turn(says(401, body="é".encode() + b"\xff" + b"x" * ANSWER_BYTES_MAX), moods.hangs, says(200))
    made = bench.clock.now
    await bench.deliver(lead_event())
    (row,) = (await client.get("/v1/deliveries")).json()["data"]
    assert (row["status"], row["tries"], row["last_error"], row["settled_at"]) == ("waiting", 1, "http_status", None)
    assert row["next_at"] is not None
    for seconds in (5, 30):
        bench.clock.pass_(seconds)
        await bench.notifier.run_once()
    shown = (await client.get(f"/v1/deliveries/{row['id']}")).json()
    refused, silent, taken = shown.pop("attempts")
    (line,) = (await client.get("/v1/deliveries")).json()["data"]
    assert shown == line
    assert (line["endpoint_id"], line["endpoint"], line["type"]) == (endpoint.id, "crm", "lead.created")
    assert (line["lead_event_id"], line["lead_id"]) == (lead_event().id, lead_event().data["lead_id"])
    assert (line["status"], line["tries"], line["next_at"], line["last_error"]) == ("delivered", 3, None, None)
    assert line["settled_at"] == taken["finished_at"] != line["created_at"]
    assert (refused["number"], refused["outcome"], refused["status"], refused["error"]) == (1, "failed", 401, "http_status")
    assert "verify the signature" in refused["remedy"]
    assert refused["body"] == "é\ufffd" + "x" * (ANSWER_BYTES_MAX - 3)
    assert (silent["status"], silent["error"], silent["headers_ms"], silent["body"]) == (None, "headers_timeout", None, "")
    assert (taken["number"], taken["outcome"], taken["remedy"], taken["body"]) == (3, "delivered", None, "ok")
    assert taken["address"] == "127.0.0.1"
    assert all(isinstance(taken[name], int) for name in ("headers_ms", "ms"))
    assert bench.delivery().created_at == made


async def test_of_one_that_is_capped_it_says_when_there_may_be_room(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    caps = Caps(endpoint=Cap(leads=1, per_ms=60_000))
    data = [lead_event(n).data | {"status": "open"} for n in (1, 2)]
    await bench.deliver(*(lead_event(n, caps=caps, data=each) for n, each in enumerate(data, 1)))
    (line,) = (await client.get("/v1/deliveries", params={"status": "capped"})).json()["data"]
    assert (line["last_error"], line["next_at"]) == ("cap_endpoint", iso(bench.clock.now + 60_000))


async def test_an_attempt_under_way_is_unknown(bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.log.append(lead_event())
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    (claim,) = bench.store.deliveries.claim(bench.clock.now).claims
    shown = (await client.get(f"/v1/deliveries/{claim.delivery_id}")).json()
    (attempt,) = shown["attempts"]
    assert (shown["status"], shown["next_at"]) == ("sending", None)
    assert (attempt["outcome"], attempt["finished_at"], attempt["ms"], attempt["body"]) == ("unknown", None, None, None)


async def test_the_list_is_read_page_by_page_newest_first_and_filtered(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    crm, _ = bench.endpoint(name="crm")
    mail, _ = bench.endpoint(name="mail")
    bench.receiver.behave = in_turn(says(413), says(200))
    await bench.deliver(lead_event(1))
    bench.clock.pass_(1)
    await bench.deliver(lead_event(2), lead_event(3, data={"lead_id": f"ld_{1:020x}", "revision": 2}))
    await bench.notifier.run_once()  # whoever said 413 has one slot
    page = (await client.get("/v1/deliveries", params={"limit": 4})).json()
    rest = (await client.get("/v1/deliveries", params={"limit": 4, "cursor": page["next"]})).json()
    rows = [*page["data"], *rest["data"]]
    assert (len(page["data"]), rest["next"]) == (4, None)
    assert len({row["id"] for row in rows}) == len(rows) == 6
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)

    async def found(**wanted: str) -> list[tuple[str, str]]:
        data = (await client.get("/v1/deliveries", params=wanted)).json()["data"]
        return sorted((row["endpoint"], row["lead_event_id"][-1]) for row in data)

    assert await found(endpoint=crm.id) == [("crm", "1"), ("crm", "2"), ("crm", "3")]
    assert len(await found(status="dead")) == 1
    assert await found(lead_event=lead_event(2).id) == [("crm", "2"), ("mail", "2")]
    assert await found(lead=f"ld_{1:020x}") == [("crm", "1"), ("crm", "3"), ("mail", "1"), ("mail", "3")]
    assert await found(lead=f"ld_{1:020x}", endpoint=mail.id, status="delivered", lead_event=lead_event(3).id) == [("mail", "3")]
    assert await found(endpoint="ep_none") == []


@pytest.mark.parametrize("wanted", [{"cursor": "x"}, {"cursor": "1"}, {"limit": "0"}, {"limit": "1001"}, {"status": "lost"}])
async def test_a_list_of_another_shape_is_refused(client: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    assert (await client.get("/v1/deliveries", params=wanted)).status_code == 422


async def test_of_very_many_attempts_the_newest_are_shown(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    await bench.deliver(lead_event())
    delivery_id = bench.delivery().id
    more = [
        {"id": f"at_{n}", "delivery_id": delivery_id, "number": n, "started_at": n, "outcome": "failed"}
        for n in range(2, ATTEMPTS_MAX + 11)
    ]
    with bench.engine.begin() as tx:
        tx.execute(attempts.insert(), more)
    assert [each.number for each in bench.store.history.attempts(delivery_id)] == list(range(11, ATTEMPTS_MAX + 11))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (DeliveryFilter(), "ix_deliveries_created"),
        (DeliveryFilter(before=(10**12, "dl_1")), "ix_deliveries_created"),
        (DeliveryFilter(endpoint_id="ep_1", before=(10**12, "dl_1")), "ix_deliveries_endpoint"),
        (DeliveryFilter(status="dead", before=(10**12, "dl_1")), "ix_deliveries_status"),
        (DeliveryFilter(lead_event_id="le_00000000000000000007"), "ix_deliveries_lead_event"),
        (DeliveryFilter(lead_id="ld_7"), "ix_deliveries_by_lead"),
        (DeliveryFilter(lead_id="ld_7", status="delivered"), "ix_deliveries_by_lead"),
    ],
)
def test_no_list_reads_the_whole_table(store: NotifierStore, engine: sa.Engine, wanted: DeliveryFilter, index: str) -> None:
    endpoint_id = fill(store, engine)
    asked = wanted if wanted.endpoint_id is None else replace(wanted, endpoint_id=endpoint_id)
    plan = plan_of(page_query(asked, 11), engine)
    assert index in plan
    assert "Seq Scan on deliveries" not in plan
    if index in {"ix_deliveries_created", "ix_deliveries_endpoint", "ix_deliveries_status"}:
        assert "->  Sort " not in plan
        assert "B-TREE FOR ORDER BY" not in plan
